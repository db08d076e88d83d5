// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.qlif.DType;
import org.qlif.LifLayer;
import org.qlif.QlifLayer;
import org.qlif.StatePolicy;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.OutputFile;
import org.qlif.io.Safetensors;
import org.qlif.network.Batch;
import org.qlif.network.Checkpoint;
import org.qlif.network.Loss;
import org.qlif.network.Network;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.SpikeInput;
import org.qlif.network.Trainer;
import org.qlif.spi.Printable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code qlif run}. */
@Command(
        name = "run",
        description = {
            "Runs a layer or network saved by Java, Python, Spark or 'qlif train --checkpoint' on arrays from a file. The checkpoint does not change.",
            "A layer of N neurons takes a current, float32 (T, B, N), and continues from the state in its file; the results are spikes, spike_values and"
                    + " voltages (T, B, N).",
            "A network of K inputs takes images, uint8 (B, K) or (B, height, width), which are shown as random spikes, as in its tests, or"
                    + " spikes, 0 or 1, (T, B, K); the results are outputs (B, M) and classes (B), the index of the greatest output.",
            "Files are .npy, with one array, or .safetensors."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif run net.safetensors --input images.npy --labels labels.npy",
            "  ./qlif run net.safetensors --input images.npy --output logits.npy --json",
            "  ./qlif run layer.safetensors --input current.npy --output result.safetensors",
            "  ./qlif run layer.safetensors --input current.npy --output voltages.npy --result voltages"
        })
final class RunCommand implements Callable<Integer> {
    /** The number of rows whose class is printed. */
    private static final int SHOWN = 10;

    private static final int MOST_STEPS = 1000;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "FILE", description = "The checkpoint, a .safetensors file.")
    private Path file;

    @Option(
            names = "--input",
            required = true,
            paramLabel = "X",
            description = "The input; in a .safetensors file the tensor 'input', or the only one.")
    private Path input;

    @Option(
            names = "--labels",
            paramLabel = "Y",
            description = "The correct classes, whole numbers (B); in a .safetensors file the tensor 'labels', or the"
                    + " only one.")
    private Path labels;

    @Option(
            names = "--steps",
            paramLabel = "T",
            description = "Time steps for which a network sees an image, 1 to " + MOST_STEPS
                    + " (default: as in the checkpoint).")
    private Integer steps;

    @Option(
            names = "--output",
            paramLabel = "FILE",
            description = "Write the results: all to a .safetensors file, the one that --result names to a .npy file.")
    private Path output;

    @Option(
            names = "--result",
            paramLabel = "NAME",
            description = "The result for a .npy file (default: spikes of a layer, outputs of a network).")
    private String result;

    @Option(names = "--json", description = "Print one JSON object; for a network it has the class of each row.")
    private boolean json;

    @Mixin
    private DeviceOption device;

    @Mixin
    private ThreadsOption threads;

    /** The results of a run: arrays by name, of which the first is the default, and facts to print. */
    private record Results(Map<String, Tensor> arrays, Map<String, Object> facts) {}

    @Override
    public Integer call() throws IOException {
        new DistinctFiles(spec)
                .read("FILE", file)
                .read("--input", input)
                .read("--labels", labels)
                .written("--output", output);
        boolean single = output != null && ArrayFiles.isNpy(spec, "--output", output);
        if (result != null && !single) {
            throw new ParameterException(spec.commandLine(), "--result: only valid with --output FILE.npy");
        }
        OutputFile written = output == null ? null : OutputFile.prepare("--output", output);
        Tensor given = ArrayFiles.read(spec, "--input", input, "input");
        String model = layerModel();
        Results results = model == null ? runNetwork(given) : runLayer(given, model);
        if (written != null) {
            String named = result == null ? results.arrays.keySet().iterator().next() : result;
            ArrayFiles.write(written, results.arrays, named);
        }
        print(results);
        return 0;
    }

    /** The model of the one layer of neurons that the file holds; null if it holds something else. */
    private String layerModel() throws IOException {
        Map<String, String> metadata = Safetensors.read(file).metadata();
        boolean layer = "1".equals(metadata.get("layers")) && "neurons".equals(metadata.get("layers.0.type"));
        if (layer) {
            refuse("--labels", labels != null, "a network");
            refuse("--steps", steps != null, "a network");
        }
        String config = metadata.getOrDefault("layers.0.config", "");
        return layer ? config.strip().split("\\s", 2)[0] : null;
    }

    private void refuse(String option, boolean given, String whose) {
        if (given) {
            throw new ParameterException(
                    spec.commandLine(),
                    option + ": only valid for " + whose + ", and " + Printable.path(file) + " is not one");
        }
    }

    private void requireResult(String... names) {
        if (result != null && !Arrays.asList(names).contains(result)) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--result: got '" + Printable.text(result) + "', expected one of " + String.join(", ", names));
        }
    }

    private Results runLayer(Tensor given, String model) throws IOException {
        requireResult("spikes", "spike_values", "voltages");
        if (given.type() != DType.F32 || given.rank() != 3) {
            throw unfit(given, "a current, F32 (T, B, N)");
        }
        Map<String, Tensor> arrays = new LinkedHashMap<>();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("file", file.toString());
        if (model.equals("LIF")) {
            try (LifLayer layer = LifLayer.load(file)
                    .device(device.named().text())
                    .options(threads.options())
                    .state(StatePolicy.STREAM)
                    .spikes(DType.U8)
                    .build()) {
                LifLayer.Output out = named(() -> layer.forward(given));
                fill(arrays, out.spikes(), out.spikeValues(), out.voltages());
                facts.put("config", layer.config().toString());
                facts.put("device", layer.kernel().device().text());
            }
        } else {
            try (QlifLayer layer = QlifLayer.load(file)
                    .device(device.named().text())
                    .options(threads.options())
                    .state(StatePolicy.STREAM)
                    .spikes(DType.U8)
                    .build()) {
                QlifLayer.Output out = named(() -> layer.forward(given));
                fill(arrays, out.spikes(), out.spikeValues(), out.voltages());
                facts.put("config", layer.config().toString());
                facts.put("device", layer.kernel().device().text());
            }
        }
        facts.put("steps", given.extent(0));
        facts.put("rows", given.extent(1));
        facts.put("neurons", given.extent(2));
        long fired = 0;
        for (byte spike : arrays.get("spikes").toByteArray()) {
            fired += spike;
        }
        facts.put("spikes", fired);
        facts.put("spikes_per_step", given.elements() == 0 ? null : (double) fired / given.elements());
        return new Results(arrays, facts);
    }

    private static void fill(Map<String, Tensor> arrays, Tensor spikes, Tensor values, Tensor voltages) {
        arrays.put("spikes", spikes);
        arrays.put("spike_values", values);
        arrays.put("voltages", voltages);
    }

    /** The library's argument names are options here. */
    private <T> T named(Supplier<T> call) {
        try {
            return call.get();
        } catch (IllegalArgumentException refused) {
            throw Refusal.of(spec, refused);
        }
    }

    private ParameterException unfit(Tensor given, String expected) {
        return new ParameterException(
                spec.commandLine(),
                "--input: got " + given + " in " + Printable.path(input) + ", expected " + expected);
    }

    private Results runNetwork(Tensor given) throws IOException {
        requireResult("outputs", "classes");
        Checkpoint checkpoint = Checkpoint.read(file);
        Network network = checkpoint.network();
        SpikeInput spikes = spikes(given, checkpoint);
        int[] expected = labels == null ? null : labels(spikes.rows(), network.outputs());
        int[] rows = new int[spikes.rows()];
        Arrays.setAll(rows, i -> i);
        Map<String, Tensor> arrays = new LinkedHashMap<>();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("file", file.toString());
        facts.put("network", network.toString());
        float[] outputs = new float[0];
        try (Trainer trainer = Trainer.builder(network)
                .seed(checkpoint.seed())
                .device(device.named().text())
                .options(threads.options())
                .build()) {
            facts.put("device", trainer.device().text());
            if (rows.length > 0) {
                outputs = trainer.outputs(new Batch(spikes, Loss.crossEntropy(new int[rows.length]), rows));
            }
        }
        facts.put("steps", spikes.steps());
        facts.put("rows", rows.length);
        int[] classes = classes(outputs, rows.length, network.outputs());
        if (expected != null) {
            long right = IntStream.range(0, rows.length)
                    .filter(i -> classes[i] == expected[i])
                    .count();
            facts.put("right", right);
            facts.put("accuracy", rows.length == 0 ? null : (double) right / rows.length);
        }
        facts.put("classes", classes);
        arrays.put("outputs", Tensor.of(outputs, rows.length, network.outputs()));
        arrays.put(
                "classes",
                Tensor.of(
                        DType.I64,
                        MemorySegment.ofArray(
                                Arrays.stream(classes).asLongStream().toArray()),
                        rows.length));
        return new Results(arrays, facts);
    }

    /** The index of the greatest output in each row; of equal ones, the first. */
    private static int[] classes(float[] outputs, int rows, int width) {
        int[] classes = new int[rows];
        for (int row = 0; row < rows; row++) {
            for (int i = 1; i < width; i++) {
                if (outputs[row * width + i] > outputs[row * width + classes[row]]) {
                    classes[row] = i;
                }
            }
        }
        return classes;
    }

    /** The input as spikes: an array of three axes with the network's inputs last is spikes, any other is images. */
    private SpikeInput spikes(Tensor given, Checkpoint checkpoint) {
        long inputs = checkpoint.network().inputs();
        String expected = "images, U8 (B, " + inputs + ") or (B, height, width), or spikes, U8 or F32 (T, B, " + inputs
                + "), T of at least 1";
        long[] shape = given.shape();
        boolean run = shape.length == 3
                && shape[2] == inputs
                && shape[0] > 0
                && shape[0] <= Integer.MAX_VALUE
                && shape[1] <= Integer.MAX_VALUE
                && (given.type() == DType.F32 || given.type() == DType.U8);
        if (run) {
            refuseSteps();
            try {
                return new GivenSpikes(given);
            } catch (IllegalArgumentException other) {
                throw new ParameterException(
                        spec.commandLine(), "--input: " + other.getMessage() + ", in (T, B, " + inputs + ")", other);
            }
        }
        boolean images = given.type() == DType.U8
                && shape.length >= 2
                && shape[0] * inputs == given.elements()
                && given.elements() <= Integer.MAX_VALUE - 8;
        if (!images || shape.length > 3) {
            throw unfit(given, expected);
        }
        if (steps == null && checkpoint.steps().isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--steps: missing, expected the number of time steps for which an image is shown: "
                            + Printable.path(file) + " does not say");
        }
        int shown = steps == null ? checkpoint.steps().getAsInt() : steps;
        if (shown < 1 || shown > MOST_STEPS) {
            String message = ": got " + shown + ", expected 1 to " + MOST_STEPS;
            throw new ParameterException(
                    spec.commandLine(),
                    steps != null
                            ? "--steps" + message
                            : Printable.path(file) + ": encoder.steps" + message + "; --steps gives another number");
        }
        return new PoissonEncoder(given.toByteArray(), (int) inputs, shown);
    }

    private void refuseSteps() {
        if (steps != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--steps: only valid for images, and " + Printable.path(input) + " contains spikes");
        }
    }

    private int[] labels(int rows, int outputs) throws IOException {
        Tensor given = ArrayFiles.read(spec, "--labels", labels, "labels");
        if (given.rank() != 1 || given.extent(0) != rows || given.type() == DType.F32) {
            throw new FileFormatException(labels, "got " + given + ", expected whole numbers of shape (" + rows + ")");
        }
        int[] classes = new int[rows];
        for (int i = 0; i < rows; i++) {
            long label = given.type() == DType.U8
                    ? given.segment().get(ValueLayout.JAVA_BYTE, i) & 0xff
                    : given.segment().getAtIndex(ValueLayout.JAVA_LONG, i);
            // A label without an output would look like an error of the network.
            if (label < 0 || label >= outputs) {
                throw new FileFormatException(
                        labels, "got " + label + " at index " + i + ", expected a class, 0 to " + (outputs - 1));
            }
            classes[i] = (int) label;
        }
        return classes;
    }

    private void print(Results results) {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new GsonBuilder().serializeNulls().create().toJson(results.facts));
            return;
        }
        results.facts.forEach((name, value) -> {
            switch (value) {
                case int[] classes -> printClasses(out, classes);
                case null -> out.printf(Locale.ROOT, "%-16s none%n", name);
                case Double share -> out.printf(Locale.ROOT, "%-16s %.2f%%%n", name, 100 * share);
                default -> out.printf(Locale.ROOT, "%-16s %s%n", name, value);
            }
        });
    }

    private static void printClasses(PrintWriter out, int[] classes) {
        String shown = Arrays.toString(Arrays.copyOf(classes, Math.min(SHOWN, classes.length)));
        out.printf(
                Locale.ROOT,
                "%-16s %s%s%n",
                "classes",
                shown.substring(1, shown.length() - 1),
                classes.length > SHOWN ? ", ... (--json prints all)" : "");
    }
}
