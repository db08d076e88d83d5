// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.DType;
import org.qlif.LifLayer;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.StatePolicy;
import org.qlif.Tensor;
import org.qlif.io.Npy;
import org.qlif.io.Safetensors;
import org.qlif.network.Checkpoint;

class RunCommandTest {
    private static final int IMAGES = 70;
    private static final int PIXELS = 28 * 28;

    @TempDir
    private static Path shared;

    private static Path network;
    private static Path images;
    private static Path labels;
    /** What the training said of its last test. */
    private static String tested;

    @TempDir
    private Path folder;

    @BeforeAll
    static void train() throws IOException {
        network = shared.resolve("net.safetensors");
        Invocation trained = Invocation.of(
                "train",
                "--data",
                Repository.file("data/mnist").toString(),
                "--hidden",
                "24",
                "--steps",
                "6",
                "--epochs",
                "2",
                "--train-images",
                "600",
                "--test-images",
                Integer.toString(IMAGES),
                "--lr",
                "5e-3",
                "--checkpoint",
                network.toString());
        assertThat(trained.exitCode()).as(trained.err()).isZero();
        tested = trained.out()
                .lines()
                .filter(line -> line.startsWith("[TEST] epoch 2"))
                .findFirst()
                .orElseThrow();
        images = shared.resolve("images.npy");
        Npy.write(images, Tensor.of(idx("t10k-images-idx3-ubyte.gz", 16, IMAGES * PIXELS), IMAGES, 28, 28));
        labels = shared.resolve("labels.npy");
        Npy.write(labels, Tensor.of(idx("t10k-labels-idx1-ubyte.gz", 8, IMAGES), IMAGES));
    }

    private static byte[] idx(String name, int header, int count) throws IOException {
        try (InputStream file = new GZIPInputStream(
                Files.newInputStream(Repository.file("data/mnist").resolve(name)))) {
            file.skipNBytes(header);
            return file.readNBytes(count);
        }
    }

    private static Invocation run(Path file, Path input, String... more) {
        List<String> arguments = new ArrayList<>(List.of("run", file.toString(), "--input", input.toString()));
        arguments.addAll(List.of(more));
        return Invocation.of(arguments.toArray(String[]::new));
    }

    private static JsonObject json(Invocation run) {
        assertThat(run.exitCode()).as(run.err()).isZero();
        return JsonParser.parseString(run.out()).getAsJsonObject();
    }

    @Test
    void aNetworkTestsAsItDidInItsTraining() throws IOException {
        Path output = folder.resolve("results.safetensors");
        Invocation run = run(network, images, "--labels", labels.toString(), "--output", output.toString());
        assertThat(run.err()).isEmpty();
        String accuracy = tested.replaceFirst(".*accuracy: ", "");
        assertThat(run.out())
                .contains("Network[784-24-10, learns ", "... (--json prints all)")
                .containsPattern("(?m)^accuracy +" + accuracy.replace(".", "\\.") + "$");
        Safetensors results = Safetensors.read(output);
        float[] outputs = results.tensor("outputs").toFloatArray();
        assertThat(results.shape("outputs")).containsExactly(IMAGES, 10);
        assertThat(results.type("classes")).isEqualTo(DType.I64);
        JsonObject json = json(run(network, images, "--json", "--device", "cpu:scalar", "--threads", "1"));
        JsonArray classes = json.getAsJsonArray("classes");
        assertThat(classes).hasSize(IMAGES);
        for (int row = 0; row < IMAGES; row++) {
            float[] logits = Arrays.copyOfRange(outputs, row * 10, row * 10 + 10);
            for (float logit : logits) {
                assertThat(logit).isLessThanOrEqualTo(logits[classes.get(row).getAsInt()]);
            }
        }
        assertThat(json.get("steps").getAsInt()).isEqualTo(6);
        assertThat(json.get("device").getAsString()).isEqualTo("cpu:scalar");
        // Rows are what decides, not their form.
        Path flat = folder.resolve("flat.safetensors");
        Safetensors.write(
                flat,
                Map.of(),
                Map.of(
                        "input",
                        Tensor.of(idx("t10k-images-idx3-ubyte.gz", 16, IMAGES * PIXELS), IMAGES, PIXELS),
                        "other",
                        Tensor.zeros(DType.F32, 1)));
        Path logits = folder.resolve("logits.npy");
        assertThat(run(network, flat, "--output", logits.toString()).exitCode()).isZero();
        assertThat(Npy.read(logits).toFloatArray()).isEqualTo(outputs);
    }

    @Test
    void aNetworkTakesSpikesThatAreThere() throws IOException {
        byte[] spikes = new byte[4 * 40 * PIXELS];
        Random random = new Random(5);
        for (int i = 0; i < spikes.length; i++) {
            spikes[i] = (byte) (random.nextInt(4) == 0 ? 1 : 0);
        }
        Path bytes = folder.resolve("bytes.npy");
        Npy.write(bytes, Tensor.of(spikes, 4, 40, PIXELS));
        float[] numbers = new float[spikes.length];
        for (int i = 0; i < spikes.length; i++) {
            numbers[i] = spikes[i];
        }
        Path floats = folder.resolve("floats.npy");
        Npy.write(floats, Tensor.of(numbers, 4, 40, PIXELS));
        JsonObject first = json(run(network, bytes, "--json"));
        assertThat(first.get("rows").getAsInt()).isEqualTo(40);
        assertThat(first.get("steps").getAsInt()).isEqualTo(4);
        assertThat(json(run(network, floats, "--json"))).isEqualTo(first);
        numbers[7] = 0.5f;
        Npy.write(floats, Tensor.of(numbers, 4, 40, PIXELS));
        refused(run(network, floats), "--input: got 0.5 at index 7, expected 0 or 1, in (T, B, 784)");
        refused(
                run(network, bytes, "--steps", "3"),
                "--steps: only valid for images, and " + bytes + " contains spikes");
    }

    @Test
    void noRowsAreNoFault() throws IOException {
        Path none = folder.resolve("none.npy");
        Npy.write(none, Tensor.zeros(DType.U8, 0, PIXELS));
        Path output = folder.resolve("outputs.npy");
        assertThat(json(run(network, none, "--json", "--output", output.toString()))
                        .getAsJsonArray("classes"))
                .isEmpty();
        assertThat(Npy.read(output).shape()).containsExactly(0, 10);
    }

    private static Tensor current(int steps, int rows, int neurons) {
        float[] values = new float[steps * rows * neurons];
        Random random = new Random(9);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (1 + random.nextGaussian());
        }
        return Tensor.of(values, steps, rows, neurons);
    }

    @Test
    void aLayerGoesOnFromItsState() throws IOException {
        Tensor current = current(12, 3, 9);
        Path input = folder.resolve("current.npy");
        Npy.write(input, current);
        Path file = folder.resolve("layer.safetensors");
        Path output = folder.resolve("results.safetensors");
        try (QlifLayer layer = QlifLayer.builder(9)
                .config(QlifConfig.parse("QLIF tau=3.0"))
                .device("cpu:scalar")
                .state(StatePolicy.STREAM)
                .build()) {
            layer.forward(current);
            layer.save(file);
            byte[] saved = Files.readAllBytes(file);
            QlifLayer.Output expected = layer.forward(current);
            JsonObject json = json(run(file, input, "--json", "--output", output.toString()));
            Safetensors results = Safetensors.read(output);
            assertThat(results.tensor("voltages").toFloatArray())
                    .isEqualTo(expected.voltages().toFloatArray());
            assertThat(results.tensor("spike_values").toFloatArray())
                    .isEqualTo(expected.spikeValues().toFloatArray());
            byte[] spikes = results.tensor("spikes").toByteArray();
            long fired = 0;
            for (int i = 0; i < spikes.length; i++) {
                assertThat((float) spikes[i]).isEqualTo(expected.spikes().getFloat(i));
                fired += spikes[i];
            }
            assertThat(json.get("spikes").getAsLong()).isEqualTo(fired).isPositive();
            assertThat(json.get("config").getAsString()).isEqualTo("QLIF tau=3.0");
            assertThat(Files.readAllBytes(file)).isEqualTo(saved);
            Path single = folder.resolve("voltages.npy");
            assertThat(run(file, input, "--output", single.toString(), "--result", "voltages")
                            .exitCode())
                    .isZero();
            assertThat(Npy.read(single).toFloatArray())
                    .isEqualTo(expected.voltages().toFloatArray());
        }
        Npy.write(input, current(12, 2, 9));
        refused(
                run(file, input),
                "--input: got F32[12, 2, 9], expected B = 3 as in the state that this call continues");
        refused(
                run(file, input, "--labels", "x.npy"),
                "--labels: only valid for a network, and " + file + " is not one");
        refused(
                run(
                        file,
                        input,
                        "--result",
                        "outputs",
                        "--output",
                        folder.resolve("x.npy").toString()),
                "--result: got 'outputs', expected one of spikes, spike_values");
    }

    @Test
    void aLifLayerRuns() throws IOException {
        Tensor current = current(8, 2, 5);
        Path input = folder.resolve("current.npy");
        Npy.write(input, current);
        Path file = folder.resolve("layer.safetensors");
        Path output = folder.resolve("spikes.npy");
        try (LifLayer layer =
                LifLayer.builder(5).device("cpu:scalar").spikes(DType.U8).build()) {
            layer.save(file);
            assertThat(run(file, input, "--output", output.toString()).err()).isEmpty();
            assertThat(Npy.read(output).toByteArray())
                    .isEqualTo(layer.forward(current).spikes().toByteArray());
        }
    }

    @Test
    void saysWhatDoesNotFit() throws IOException {
        Path wide = folder.resolve("wide.npy");
        Npy.write(wide, Tensor.zeros(DType.U8, 3, 100));
        refused(run(network, wide), "--input: got U8[3, 100] in " + wide + ", expected images, U8 (B, 784)");
        refused(run(network, images, "--steps", "0"), "--steps: got 0, expected 1 to 1000");
        refused(
                run(network, folder.resolve("images.png")),
                "--input: got ",
                "expected a path that ends in .npy or .safetensors");
        refused(run(network, images, "--output", folder.resolve("x.csv").toString()), "--output: got ");
        refused(run(network, images, "--result", "classes"), "--result: only valid with --output FILE.npy");
        String all = folder.resolve("all.safetensors").toString();
        refused(
                run(network, images, "--result", "classes", "--output", all),
                "--result: only valid with --output FILE.npy");
        assertThat(folder.resolve("all.safetensors")).doesNotExist();
        failed(
                run(network, images, "--labels", images.toString()),
                images + ": got U8[70, 28, 28], expected whole numbers");
        failed(run(images, images), images + ": got a .npy file, expected a safetensors file");
        failed(
                run(network, network),
                network + ": got the tensors [",
                "expected a single tensor, or one named 'input' among them");
        Path missing = folder.resolve("missing.safetensors");
        failed(run(missing, images), "no such file or folder: " + missing);
        assertThat(Invocation.of("run", network.toString()).exitCode()).isEqualTo(Cli.USAGE);
    }

    /** It is not the option's fault. */
    @Test
    void stepsThatAFileHasAreRefusedByItsName() throws IOException {
        Path file = folder.resolve("long.safetensors");
        Checkpoint.of(Checkpoint.read(network).network(), 1).steps(1001).write(file);
        refused(
                run(file, images),
                file + ": encoder.steps: got 1001, expected 1 to 1000; --steps gives another number");
        assertThat(run(file, images, "--steps", "2").exitCode()).isZero();
    }

    @Test
    void endingsMayBeInCapitals() throws IOException {
        Path input = folder.resolve("IMAGES.NPY");
        Files.copy(images, input);
        Path single = folder.resolve("Classes.Npy");
        assertThat(run(network, input, "--output", single.toString(), "--result", "classes")
                        .err())
                .isEmpty();
        assertThat(Npy.read(single).type()).isEqualTo(DType.I64);
        Path all = folder.resolve("ALL.SAFETENSORS");
        assertThat(run(network, input, "--output", all.toString()).err()).isEmpty();
        assertThat(Safetensors.read(all).names()).containsExactlyInAnyOrder("outputs", "classes");
    }

    /** The file that was saved stays as it is, by whatever name the output has. */
    @Test
    void neverWritesOverWhatItReads() throws IOException {
        byte[] before = Files.readAllBytes(network);
        Path link = Files.createSymbolicLink(folder.resolve("link.safetensors"), network);
        Path given = folder.resolve("given.npy");
        Files.copy(images, given);
        for (Path output : List.of(network, link, network.resolveSibling(".").resolve(network.getFileName()))) {
            refused(
                    run(network, given, "--output", output.toString()),
                    "--output: got " + output + ", expected another file than that of FILE");
        }
        refused(
                run(network, given, "--output", given.toString()),
                "--output: got " + given + ", expected another file than that of --input");
        refused(
                run(network, given, "--labels", labels.toString(), "--output", labels.toString()),
                "--output: got " + labels + ", expected another file than that of --labels");
        assertThat(network).hasBinaryContent(before);
        assertThat(given).hasSameBinaryContentAs(images);
    }

    @Test
    void labelsAreClassesOfTheNetwork() throws IOException {
        Path file = folder.resolve("labels.npy");
        for (long label : new long[] {-1, 10, 1L << 40}) {
            long[] classes = new long[IMAGES];
            classes[3] = label;
            Npy.write(file, Tensor.of(DType.I64, MemorySegment.ofArray(classes), IMAGES));
            failed(
                    run(network, images, "--labels", file.toString()),
                    file + ": got " + label + " at index 3, expected a class, 0 to 9");
        }
    }

    private static void refused(Invocation run, String... messages) {
        assertThat(run.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(run.err()).startsWith("qlif: ").contains(messages).hasLineCount(1);
        assertThat(run.out()).isEmpty();
    }

    private static void failed(Invocation run, String... messages) {
        assertThat(run.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(run.err()).startsWith("qlif: ").contains(messages).hasLineCount(1);
        assertThat(run.out()).isEmpty();
    }
}
