// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.Tensor;
import org.qlif.io.Npy;
import org.qlif.io.Safetensors;
import org.qlif.simulation.Preset;
import org.qlif.simulation.Samples;
import org.qlif.simulation.Simulation;
import org.qlif.simulation.Traces;
import org.qlif.simulation.Waveform;
import org.qlif.training.NeuronPreset;

class SimulateCommandTest {
    @TempDir
    private Path folder;

    private static Invocation simulate(Object... arguments) {
        return Invocation.of(Stream.concat(Stream.of("simulate"), Arrays.stream(arguments))
                .map(Object::toString)
                .toArray(String[]::new));
    }

    private static Invocation fine(Object... arguments) {
        Invocation run = simulate(arguments);
        assertThat(run.err()).isEmpty();
        assertThat(run.exitCode()).isZero();
        return run;
    }

    private static JsonObject json(Object... arguments) {
        String out = fine(Stream.concat(Arrays.stream(arguments), Stream.of("--json"))
                        .toArray())
                .out();
        assertThat(out.lines()).hasSize(1);
        return JsonParser.parseString(out).getAsJsonObject();
    }

    private static void assertUsage(Invocation wrong, String message) {
        assertThat(wrong.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(wrong.out()).isEmpty();
        assertThat(wrong.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: ")
                .contains(message);
    }

    @Test
    void tellsWhatRanAndEveryTrace() {
        List<String> lines = fine("--steps", 60, "--neurons", 3, "--set", "tau=30")
                .out()
                .lines()
                .toList();
        assertThat(lines)
                .contains("neuron  QLIF tau=30.0", "input   ramp", "run     60 steps, 3 neurons, seed 42")
                .anyMatch(line -> line.startsWith("device  cpu"))
                .anyMatch(line -> line.matches("spikes  [0-9]+, [0-9.]+ in 100 steps of a neuron"))
                .anyMatch(line -> line.matches("trace +least +mean +greatest +last"))
                .anyMatch(line -> line.matches("input +0.000 +0.5000 +2.000 +0.000"));
        for (String name : List.of("v", "spikes", "spike_values", "p", "threshold", "adaptation", "ahp", "slope")) {
            assertThat(lines).anyMatch(line -> line.startsWith(name + " "));
        }
    }

    /** The simulation that the options name, and no other. */
    @Test
    void jsonHasTheNumbersOfTheSimulation() {
        JsonObject report = json(
                "--neuron",
                "2025-08-24",
                "--set",
                "tau=5",
                "--current",
                "poisson,rate=0.5",
                "--modulation",
                "sine,periods=3",
                "--steps",
                70,
                "--neurons",
                4,
                "--seed",
                -7);
        NeuronConfig config = Preset.of("2025-08-24").config().with(List.of("tau=5"));
        Traces expected = Simulation.of(config)
                .current(Waveform.parse("poisson,rate=0.5"))
                .modulation(Waveform.parse("sine,periods=3"))
                .steps(70)
                .neurons(4)
                .seed(-7)
                .device(Device.of("cpu:scalar"))
                .run();
        assertThat(report.get("config").getAsString()).isEqualTo(config.toString());
        assertThat(report.get("current").getAsString()).isEqualTo("poisson,rate=0.5");
        assertThat(report.get("modulation").getAsString()).isEqualTo("sine,periods=3.0");
        assertThat(report.get("spikes").getAsInt())
                .isEqualTo(expected.spikeCount())
                .isPositive();
        assertThat(report.getAsJsonArray("spike_counts").asList().stream()
                        .mapToInt(count -> count.getAsInt())
                        .sum())
                .isEqualTo(expected.spikeCount());
        JsonObject traces = report.getAsJsonObject("traces");
        assertThat(traces.keySet()).containsExactlyElementsOf(expected.names());
        for (String name : expected.names()) {
            double mean = 0;
            for (float value : expected.get(name)) {
                mean += value / (double) expected.get(name).length;
            }
            assertThat(traces.getAsJsonObject(name).get("mean").getAsDouble())
                    .as(name)
                    .isCloseTo(mean, within(1e-9));
        }
    }

    @Test
    void filesHoldTheTraces() throws IOException {
        List<Path> files = Stream.of("a.csv", "a.npz", "a.safetensors", "a.NPY")
                .map(folder.resolve("made")::resolve)
                .toList();
        List<Object> arguments = new ArrayList<>(List.of("--steps", 20, "--neurons", 3, "--trace", "p"));
        files.forEach(file -> arguments.addAll(List.of("--output", file)));
        Invocation run = fine(arguments.toArray());
        assertThat(run.out())
                .contains("Written: "
                        + String.join(", ", files.stream().map(Path::toString).toList()));
        Traces expected =
                Simulation.of(NeuronConfig.parse("QLIF")).steps(20).neurons(3).run();

        Tensor npy = Npy.read(files.get(3));
        assertThat(npy.shape()).containsExactly(20, 3);
        assertThat(npy.toFloatArray()).isEqualTo(expected.get("p"));

        Safetensors safetensors = Safetensors.read(files.get(2));
        assertThat(safetensors.names()).containsExactlyInAnyOrderElementsOf(expected.names());
        assertThat(safetensors.metadata()).isEqualTo(Map.of("config", "QLIF", "current", "ramp", "seed", "42"));

        List<String> entries = new ArrayList<>();
        try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(Files.readAllBytes(files.get(1))))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                String name = entry.getName().replace(".npy", "");
                entries.add(name);
                Tensor array = Npy.read(Files.write(folder.resolve("entry.npy"), zip.readAllBytes()));
                assertThat(array.toFloatArray()).as(name).isEqualTo(expected.get(name));
                assertThat(safetensors.tensor(name).toFloatArray()).as(name).isEqualTo(expected.get(name));
            }
        }
        assertThat(entries).isEqualTo(expected.names());

        List<String> lines = Files.readAllLines(files.get(0));
        assertThat(lines).hasSize(61);
        assertThat(lines.getFirst()).isEqualTo("step,neuron," + String.join(",", expected.names()));
        String[] last = lines.getLast().split(",");
        assertThat(last).startsWith("19", "2");
        for (int i = 0; i < expected.names().size(); i++) {
            float value = expected.get(expected.names().get(i))[59];
            assertThat(Float.parseFloat(last[i + 2])).isEqualTo(value);
        }
    }

    /** Where there is a terminal; a short table needs none. */
    @Test
    void aLongTableHasAProgressBar() throws IOException {
        Traces few = Simulation.of(NeuronConfig.parse("LIF")).steps(10).run();
        Traces many = Simulation.of(NeuronConfig.parse("LIF"))
                .steps(100_000)
                .neurons(1)
                .run();
        ByteArrayOutputStream terminal = new ByteArrayOutputStream();
        Progress progress = new Progress(System.out, new PrintStream(terminal, true, StandardCharsets.UTF_8), 80);
        TraceFile.prepare("--output", folder.resolve("few.csv")).write(few, "v", progress);
        assertThat(terminal.size()).isZero();
        TraceFile.prepare("--output", folder.resolve("many.csv")).write(many, "v", progress);
        assertThat(terminal.toString(StandardCharsets.UTF_8)).contains("many.csv 100% ");
        assertThat(Files.readAllLines(folder.resolve("many.csv"))).hasSize(100_001);
    }

    /** What is written can be read as input, and gives the same again, to the byte. */
    @ParameterizedTest
    @ValueSource(strings = {"in.csv", "in.safetensors", "in.npy"})
    void readsWhatItWrites(String name) throws IOException {
        Path written = folder.resolve(name);
        Path first = folder.resolve("first.npz");
        Path second = folder.resolve("second.npz");
        List<Object> arguments =
                new ArrayList<>(List.of("--steps", 30, "--current", "noise", "--output", written, "--output", first));
        if (name.endsWith(".npy")) {
            arguments.addAll(List.of("--trace", "input"));
        }
        fine(arguments.toArray());
        fine("--input", written, "--output", second);
        assertThat(second).hasSameBinaryContentAs(first);
        Path modulated = folder.resolve("modulated.safetensors");
        Path third = folder.resolve("third.npz");
        Path fourth = folder.resolve("fourth.npz");
        fine("--steps", 30, "--modulation", "noise", "--output", modulated, "--output", third);
        fine("--modulation", modulated, "--output", fourth);
        assertThat(fourth).hasSameBinaryContentAs(third);
    }

    private Samples csv(String text) throws IOException {
        return SignalFile.read(Files.writeString(folder.resolve("some.csv"), text), "input");
    }

    private static float[] values(Samples samples) {
        return samples.values(samples.steps(), samples.neurons(), new DrawStream(0, 0));
    }

    @Test
    void readsTablesAsPeopleAndProgramsWriteThem() throws IOException {
        assertThat(values(csv("1,2\n3,4\n\n"))).containsExactly(1, 2, 3, 4);
        assertThat(csv("1,2\n3,4\n5,6").neurons()).isEqualTo(2);
        assertThat(values(csv("1.0e+00 -2.5E-1\n nan\tinf\n")))
                .containsExactly(1, -0.25f, Float.NaN, Float.POSITIVE_INFINITY);
        assertThat(values(csv("\uFEFF\"a\",\"b\"\r\n \"1\" , .5\r\n"))).containsExactly(1, 0.5f);
        assertThat(values(csv("time,input\n0,1\n1,2\n"))).containsExactly(1, 2);
        assertThat(values(csv("Time,I.a,I.b\n0,1,2\n1,3,4\n"))).containsExactly(1, 2, 3, 4);
        assertThat(values(csv("t\n1\n2\n"))).containsExactly(1, 2);
        assertThat(csv("7").steps()).isEqualTo(1);
        Samples tidy = csv("step,neuron,input\n0,0,1\n0,1,2\n1,0,3\n1,1,4\n2,0,5\n2,1,6\n");
        assertThat(tidy.steps()).isEqualTo(3);
        assertThat(values(tidy)).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(csv("neuron,input\n0,1\n1,2\n2,3\n").neurons()).isEqualTo(3);
    }

    /** It has two neurons' traces in one table. */
    @Test
    void readsWhatTheLivePageWrites() throws IOException {
        String page = "step,neuron,qlif.input,qlif.v,qlif.external_modulation,lif.input\n"
                + "0,0,1,7,0.5,8\n0,1,2,7,1.5,8\n1,0,3,7,2.5,8\n1,1,4,7,3.5,8\n";
        assertThat(values(csv(page))).containsExactly(1, 2, 3, 4);
        assertThat(csv(page).neurons()).isEqualTo(2);
        Samples modulation = SignalFile.read(folder.resolve("some.csv"), "external_modulation");
        assertThat(values(modulation)).containsExactly(0.5f, 1.5f, 2.5f, 3.5f);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | got no numbers, expected a line for each step",
                "'a,b' | got no numbers below the header",
                "'1,2\n3' | line 2: got 1 fields, expected 2, as many as above",
                "'1\n\nx' | line 3, column 1: got 'x', expected a number",
                "'1\n1f' | line 2, column 1: got '1f', expected a number",
                "'1,x\n2,3' | line 1, column 2: got 'x', expected a number",
                "'1.O\n2' | line 1, column 1: got '1.O', expected a number or a name",
                "'O.5\n2' | line 1, column 1: got 'O.5', expected a number or a name",
                "'-l.5,o.25\n2,3' | line 1, column 1: got '-l.5', expected a number or a name",
                "'--1\n2' | line 1, column 1: got '--1', expected a number or a name",
                "',a\n0,2' | line 1, column 1: got '', expected a number or a name",
                "'a,b\n1' | line 2: got 1 fields, expected 2, as many as above",
                "'step,neuron,lif.input\n0,0,1' | line 1: got the columns step, neuron, lif.input, expected 'input' or 'qlif.input' among them",
                "'neuron,v\n0,1' | line 1: got the columns neuron, v, expected 'input'",
                "'input,neuron\n1,0\n1,2' | line 3, column 2: got '2', expected neuron 1, as neurons follow each other",
                "'input,neuron\n1,0\n1,1\n1,0' | got 3 lines, expected a multiple of 2, its number of neurons",
                "'input,neuron' | column 'input': got (T, N) = (0, 0)",
            })
    void tablesAreRefusedByTheirPlace(String text, String message) throws IOException {
        Path file = Files.writeString(folder.resolve("bad.csv"), text.replace("\\n", "\n"));
        Invocation run = simulate("--input", file);
        assertThat(run.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("qlif: " + file + ": ").contains(message.strip());
    }

    @Test
    void arraysOfOtherShapesAreRefused() throws IOException {
        Path file = folder.resolve("x.npy");
        Npy.write(file, Tensor.of(new float[8], 2, 2, 2));
        assertThat(simulate("--input", file).err())
                .contains("got the shape [2, 2, 2], expected (T), (T, N) or (T, 1, N)");
        Npy.write(file, Tensor.of(new float[0], 0, 3));
        assertThat(simulate("--input", file).err())
                .contains("(T, N) = (0, 3), expected at least one step and one neuron");
        Npy.write(file, Tensor.of(new float[] {1, 2}, 2));
        assertThat(json("--input", file, "--neurons", 5).get("neurons").getAsInt())
                .isEqualTo(5);
        assertUsage(simulate("--input", file, "--steps", 3), "--steps: got 3, expected 2, as many as --input has");
        Npy.write(file, Tensor.of(new byte[] {1, 2, -1, 4}, 2, 2));
        assertUsage(simulate("--input", file, "--neurons", 3), "--neurons: got 3, expected 2, as many as --input has");
        assertThat(json("--input", file)
                        .getAsJsonObject("traces")
                        .getAsJsonObject("input")
                        .get("greatest")
                        .getAsDouble())
                .isEqualTo(255);
        Path two = folder.resolve("two.safetensors");
        Safetensors.write(two, Map.of(), Map.of("a", Tensor.of(new float[2], 2), "b", Tensor.of(new float[2], 2)));
        assertThat(simulate("--input", two).err())
                .contains("expected a single tensor, or one named 'input' among them");
    }

    @Test
    void aModulationAloneSaysHowManyNeuronsThereAre() throws IOException {
        Path modulation = folder.resolve("m.npy");
        Npy.write(modulation, Tensor.of(new float[12], 3, 4));
        JsonObject alone = json("--modulation", modulation);
        assertThat(alone.get("neurons").getAsInt()).isEqualTo(4);
        assertThat(alone.get("steps").getAsInt()).isEqualTo(3);
        Path shared = Files.writeString(folder.resolve("shared.csv"), "1\n2\n3\n");
        JsonObject both = json("--modulation", modulation, "--input", shared);
        assertThat(both.get("neurons").getAsInt()).isEqualTo(4);
        assertThat(json("--modulation", shared).get("neurons").getAsInt()).isEqualTo(10);
        assertUsage(
                simulate("--modulation", modulation, "--neurons", 5),
                "--modulation: got (T, N) = (3, 4), expected (3, 5) or (3, 1)");
        Path other = Files.writeString(folder.resolve("other.csv"), "1,1\n2,2\n3,3\n");
        assertUsage(
                simulate("--modulation", modulation, "--input", other),
                "--modulation: got (T, N) = (3, 4), expected (3, 2) or (3, 1)");
    }

    @Test
    void whatIsNotFiniteStaysInItsNeuronAndIsSaid() throws IOException {
        Path file = Files.writeString(folder.resolve("nan.csv"), "nan,1\n1,2\n");
        Path plot = folder.resolve("nan.png");
        Invocation run = simulate("--input", file, "--json", "--plot", plot);
        assertThat(run.exitCode()).isZero();
        assertThat(run.err()).startsWith("qlif: --input: 1 of 4 values are not finite");
        JsonObject v = JsonParser.parseString(run.out())
                .getAsJsonObject()
                .getAsJsonObject("traces")
                .getAsJsonObject("v");
        assertThat(v.get("not_finite").getAsInt()).isEqualTo(2);
        assertThat(v.get("least").getAsDouble()).isFinite();
        assertThat(plot).isNotEmptyFile();
        Files.writeString(file, "nan\n");
        assertThat(simulate("--input", file, "--json").out()).contains("\"v\":{\"least\":null,\"mean\":null");
        assertThat(simulate("--input", file).out()).containsPattern("(?m)^v +none +none +none +none$");
    }

    @Test
    void drawsFigures() throws IOException {
        Path png = folder.resolve("some").resolve("figure.png");
        Path svg = folder.resolve("figure.svg");
        fine("--plot", png, "--neurons", 40, "--steps", 80, "--modulation", "sine", "--show", 39);
        BufferedImage image = ImageIO.read(png.toFile());
        assertThat(image.getWidth()).isEqualTo(1200);
        assertThat(image.getHeight()).isGreaterThan(1100);
        fine("--plot", svg, "--model", "lif", "--steps", 80, "--neurons", 1);
        assertThat(svg).content().contains("<svg");
    }

    @Test
    void configurationsComeFromFiles() throws IOException {
        Path file = Files.writeString(
                folder.resolve("neuron.json"), "{\"tau\": 30, \"use_ahp\": false, \"decision\": \"SIGMOID\"}");
        JsonObject report = json("--config", file, "--set", "eta=0", "--steps", 5);
        assertThat(report.get("config").getAsString())
                .isEqualTo("QLIF decision=SIGMOID use_ahp=false tau=30.0 eta=0.0");
        // The report's own settings are such a file.
        Files.writeString(file, report.get("settings").toString());
        assertThat(json("--config", file, "--steps", 5).get("config")).isEqualTo(report.get("config"));
        Files.writeString(file, "{\"model\": \"LIF\", \"dt\": 5e-4}");
        assertThat(json("--config", file).get("config").getAsString()).isEqualTo("LIF dt=5.0E-4");
        assertThat(json("--config", file, "--model", "lif", "--set", "v_th=0.5")
                        .get("config")
                        .getAsString())
                .isEqualTo("LIF dt=5.0E-4 v_th=0.5");
        assertUsage(simulate("--config", file, "--model", "qlif"), "model: got 'LIF', expected QLIF, as --neuron is");
    }

    /** As in a training, wherever the decision comes from. */
    @Test
    void aSnapshotWithoutItsQubitHasItsClassicMode() throws IOException {
        QlifConfig classic =
                QlifConfig.Preset.SNAPSHOT_2025_08_24.builder(Decision.SIGMOID).build();
        assertThat(classic.refractoriness().enabled()).isTrue();
        Path file = Files.writeString(folder.resolve("neuron.json"), "{\"decision\": \"SIGMOID\", \"tau\": 5}");
        assertThat(config("--neuron", "2025-08-24", "--set", "decision=SIGMOID"))
                .isEqualTo(classic);
        assertThat(config("--neuron", "2025-08-24", "--config", file)).isEqualTo(classic.with(List.of("tau=5")));
        assertThat(config("--neuron", "2025-08-24", "--config", file, "--set", "tau=7"))
                .isEqualTo(classic.with(List.of("tau=7")));
        assertThat(config("--neuron", "2025-08-24", "--config", file, "--set", "decision=QUBIT"))
                .isEqualTo(Preset.of("2025-08-24").config().with(List.of("tau=5")));
        NeuronConfig trained = NeuronPreset.of("2025-08-24").config(2, List.of("decision=SIGMOID"));
        assertThat(config(
                        "--neuron",
                        "2025-08-24",
                        "--set",
                        "decision=SIGMOID",
                        "--set",
                        "tau=2",
                        "--set",
                        "noise_std=0",
                        "--set",
                        "use_adaptive_threshold=false"))
                .isEqualTo(trained);
    }

    private static NeuronConfig config(Object... arguments) {
        Object[] all =
                Stream.concat(Arrays.stream(arguments), Stream.of("--steps", 2)).toArray();
        return NeuronConfig.parse(json(all).get("config").getAsString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"tau\": -1} | 2 | tau: got -1",
                "{\"tua\": 1} | 2 | tua",
                "{\"tau\": 1, \"tau\": 2} | 2 | tau: got it twice",
                "{\"model\": \"GIF\"} | 2 | model: got 'GIF', expected QLIF or LIF",
                "{\"tau\": [1]} | 1 | tau: got an array, expected a number, text, true or false",
                "{\"tau\": null} | 1 | tau: got null",
                "{\"tau\": 1 | 1 | got bad JSON at line 1 column",
                "{tau: 1} | 1 | got bad JSON at line 1 column 3, expected a JSON object",
                "{} {} | 1 | got bad JSON at line 1 column 5",
                "[] | 1 | got an array, expected a JSON object",
                "'' | 1 | got bad JSON at line 1 column 1, expected a JSON object",
            })
    void configurationsAreRefusedByNameAndPlace(String text, int code, String message) throws IOException {
        Path file = Files.writeString(folder.resolve("bad.json"), text);
        Invocation run = simulate("--config", file);
        assertThat(run.err()).contains(file.toString()).contains(message.strip());
        assertThat(run.exitCode()).isEqualTo(code);
        assertThat(run.out()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--steps 0 | --steps: got 0, expected a whole number in [1, 4194304]",
                "--steps 1e3 | got '1e3', expected a whole number",
                "--neurons -4 | --neurons: got -4, expected a whole number in",
                "--steps 3000000 | neurons: got 3000000 x 10 = 30000000 neuron-steps, expected at most 4194304",
                "--neuron best | got 'best', expected one of default, 2025-08-15, 2025-08-24, plain-lif, lif",
                "--set tau=0 | --set: tau: got 0.0, expected a finite number > 0",
                "--current square | --current: shape: got 'square', expected one of constant, ramp",
                "--current ramp,rate=1 | --current: rate: ramp has none, expected one of amplitude",
                "--current ramp,amplitude=nan | --current: amplitude: got 'nan', expected a number in",
                "--current poisson,rate=1.5 | --current: rate: got 1.5, expected a number in [0.0, 1.0]",
                "--modulation saw | --modulation: shape: got 'saw', expected one of constant",
                "--model lif --modulation sine | --modulation: given, expected none, since LIF takes no modulation",
                "--input x.csv --current ramp | --input, --current: both given, expected one of them",
                "--input x.mat | --input: got x.mat, expected a name that ends in .npy, .csv or .safetensors",
                "--output x.mat | --output: got x.mat, expected a name that ends in .csv, .npy, .npz or .safetensors",
                "--plot x.pdf | --plot: got x.pdf, expected a name that ends in .png or .svg",
                "--trace V | --trace: got 'V', expected one of input, v, spikes",
                "--trace p | --trace: only valid with --output FILE.npy",
                "--show 1 | --show: only valid with --plot",
                "--show 10 | --show: got 10, expected a whole number from 0 to 9",
                "--device tpu | --device: got 'tpu'",
                "--seed 1.5 | got '1.5', expected a whole number of 64 bits",
                "--threads 0 | --threads: got 0",
            })
    void refusesValuesByTheNameOfTheirOption(String arguments, String message) {
        List<Object> all =
                new ArrayList<>(List.of("--output", folder.resolve("none").resolve("x.csv")));
        all.addAll(List.of(arguments.strip().split(" ")));
        assertUsage(simulate(all.toArray()), message.strip());
        assertThat(folder.resolve("none")).doesNotExist();
    }

    @Test
    void textOfAnotherCodeIsRefusedByItsFile() throws IOException {
        byte[] latin1 = "{\"decision\": \"\u00e4\"}".getBytes(StandardCharsets.ISO_8859_1);
        Path file = Files.write(folder.resolve("latin1.json"), latin1);
        Invocation run = simulate("--config", file);
        assertThat(run.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(run.err()).isEqualTo("qlif: " + file + ": got bytes that are not UTF-8, expected a JSON object\n");
    }

    @Test
    void neverWritesOverWhatItReadsNorTwice() throws IOException {
        Path current = Files.writeString(folder.resolve("current.csv"), "1\n2\n");
        Path config = Files.writeString(folder.resolve("config.csv"), "{}");
        Path twice = folder.resolve("twice.csv");
        String got = "expected another file than ";
        assertUsage(simulate("--input", current, "--output", current), got + "that of --input");
        assertUsage(simulate("--modulation", current, "--output", current), got + "that of --modulation");
        assertUsage(simulate("--config", config, "--output", config), got + "that of --config");
        assertUsage(simulate("--output", twice, "--output", folder.resolve("./twice.csv")), got + "before");
        assertUsage(simulate("--trace", "p"), "--trace: only valid with --output FILE.npy");
        assertThat(current).hasContent("1\n2\n");
        assertThat(twice).doesNotExist();
    }

    @Test
    void filesThatCantBeWrittenAreSaidBeforeTheWork() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        for (String option : List.of("--output", "--plot")) {
            Path inside = file.resolve(option.equals("--plot") ? "x.png" : "x.csv");
            Invocation run = simulate(option, inside);
            assertThat(run.exitCode()).isEqualTo(Cli.FAILED);
            assertThat(run.out()).isEmpty();
            assertThat(run.err()).startsWith("qlif: " + option + ": can't write " + inside);
        }
        Invocation missing = simulate("--input", folder.resolve("missing.npy"));
        assertThat(missing.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(missing.err()).isEqualTo("qlif: no such file or folder: " + folder.resolve("missing.npy") + "\n");
        assertThat(simulate("--input", Files.createDirectory(folder.resolve("d.csv")))
                        .err())
                .contains("not a regular file");
    }
}
