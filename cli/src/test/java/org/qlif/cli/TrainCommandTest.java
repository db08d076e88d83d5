// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.training.TrainingOptions;

class TrainCommandTest {
    @TempDir
    private Path folder;

    @Test
    void trainsAndPlots() {
        Path plot = folder.resolve("curves.png");
        Invocation train = Invocation.of(
                "train",
                "--data",
                Repository.file("data/mnist").toString(),
                "--hidden",
                "8",
                "--steps",
                "3",
                "--batch",
                "16",
                "--lr",
                "1e-3",
                "--clip-grad",
                "0",
                "--epochs",
                "2",
                "--train-images",
                "48",
                "--test-images",
                "32",
                "--neuron",
                "2025-08-15",
                "--tau",
                "4",
                "--set",
                "use_ahp=false",
                "--seed",
                "7",
                "--threads",
                "1",
                "--device",
                "cpu:scalar",
                "--plot",
                plot.toString());
        assertThat(train.err()).isEmpty();
        assertThat(train.exitCode()).isZero();
        assertThat(train.out())
                .contains("48 training and 32 test images", "784-8-10, 3 time steps, seed 7")
                .contains("config  QLIF ", " use_ahp=false ", " tau=4.0")
                .contains("2025-08-15", "tau 4", "learning rate 0.001, batch 16", "cpu:scalar", "1 thread")
                .contains("[TRAIN] epoch 2", "[TEST] epoch 2");
        assertThat(plot).isNotEmptyFile();
    }

    @Test
    void helpShowsTheDefaultsOfTheTrainingModule() {
        TrainingOptions defaults = TrainingOptions.builder().build();
        assertThat(Invocation.of("train", "--help").out())
                .contains("default, 2025-08-15, 2025-08-24")
                .contains("(default: " + defaults.hidden() + ")", "(default: " + defaults.learningRate() + ")")
                .contains("(default: " + defaults.neuron() + ")");
    }

    @ParameterizedTest
    @CsvSource({
        "--hidden, 0, --hidden: got 0",
        "--lr, 2, --learning-rate: got 2.0",
        "--lr-decay, 0, --learning-rate-decay: got 0.0",
        "--shift, 9, '--shift: got 9, expected 0 to 8'",
        "--clip-grad, -1, --clip-grad: got -1.0",
        "--train-images, -5, --train-images: got -5",
        "--epochs, many, --epochs",
        "--epochs, 1.5, 'got ''1.5'', expected a whole number'",
        "--lr, Infinity, --learning-rate: got Infinity",
        "--lr, fast, 'got ''fast'', expected a number'",
        "--threads, 0, '--threads: got 0, expected a whole number from 1 to '",
        "--train-images, 60001, '--train-images: got 60001, expected at most 60000, the number in '",
        "--test-images, 10001, '--test-images: got 10001, expected at most 10000, the number in '",
        "--tau, NaN, --tau: got NaN",
        "--neuron, 2020-01-01, 'got ''2020-01-01'', expected one of default, 2025-08-15, 2025-08-24'",
        "--device, tpu, --device: got 'tpu'",
        "--plot, curves.jpg, --plot: got curves.jpg",
        "--engine, torch, 'got ''torch'', expected one of qlif, djl'",
        "--engine, djl, '--engine: got djl, expected qlif, or for that the module training-djl'",
    })
    void refusesValuesByTheNameOfTheirOption(String option, String value, String message) {
        Invocation train =
                Invocation.of("train", "--data", Repository.file("data/mnist").toString(), option, value);
        assertThat(train.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(train.out()).isEmpty();
        assertThat(train.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: ")
                .contains(message, value);
    }

    private static String[] brief(String command, String more) {
        String[] arguments = (command
                        + " --data DIR --hidden 8 --T 3 --train-images 48 --test-images 20 --epochs 1 --device cpu "
                        + more)
                .strip()
                .split(" ");
        arguments[2] = Repository.file("data/mnist").toString();
        return arguments;
    }

    /** What is given beside it stays. */
    @Test
    void fullStartsFromOtherSettings() {
        Invocation train = Invocation.of(brief("train", "--full --lr-decay 0.5"));
        assertThat(train.err()).isEmpty();
        assertThat(train.out())
                .contains(
                        "784-8-10, 3 time steps",
                        "Adam, learning rate 0.002 times 0.5 an epoch, batch 128",
                        "1 epoch, images moved by up to 1 pixel");
    }

    /** Options that users of the original know; without a qubit, a snapshot has settings of its own. */
    @Test
    void takesTheNamesOfTheOriginal() {
        Invocation train = Invocation.of(brief("train", "--batch-size 24 --no-quantum --no-dsp --spike-value sample"));
        assertThat(train.err()).isEmpty();
        assertThat(train.out())
                .contains("784-8-10, 3 time steps", "batch 24")
                .contains(" decision=SIGMOID ", " dynamic_probability=false ")
                .doesNotContain("refractory=false", "spike_value=EXPECTED");
    }

    @Test
    void comparesFourNeuronsInOneFigure() throws IOException {
        Path plot = folder.resolve("compare.png");
        Invocation train = Invocation.of(append(brief("train", "--compare --json --plot"), plot.toString()));
        assertThat(train.err()).isEmpty();
        assertThat(train.out().lines().filter(line -> line.startsWith("[COMPARE]")))
                .containsExactly("[COMPARE] QLIF", "[COMPARE] no qubit", "[COMPARE] no qubit, no DSP", "[COMPARE] LIF");
        JsonObject report = JsonParser.parseString(train.out()
                        .lines()
                        .filter(line -> line.startsWith("{"))
                        .findFirst()
                        .orElseThrow())
                .getAsJsonObject();
        assertThat(report.keySet()).hasSize(4);
        JsonObject lif = report.getAsJsonObject("LIF");
        assertThat(lif.get("test_accuracy").getAsDouble()).isBetween(0.0, 1.0);
        assertThat(lif.getAsJsonArray("epochs")).hasSize(1);
        assertThat(ImageIO.read(plot.toFile()).getHeight()).isGreaterThan(1000);

        Invocation dynamic = Invocation.of(brief("train", "--compare --neuron 2025-08-15"));
        assertThat(dynamic.out()).contains("[COMPARE] no DSP");
        Invocation lifAlready = Invocation.of(brief("train", "--compare --neuron lif"));
        assertThat(lifAlready.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(lifAlready.err()).contains("--neuron: got lif, expected QLIF neurons");
        Invocation saved = Invocation.of(brief("train", "--compare --checkpoint x.safetensors"));
        assertThat(saved.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(saved.err()).contains("--checkpoint:", "a comparison is several trainings");
        Invocation decided = Invocation.of(brief("train", "--compare --no-quantum"));
        assertThat(decided.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(decided.err()).contains("--set: got decision=SIGMOID, expected neither decision nor");
        Invocation fixed = Invocation.of(brief("train", "--compare --set dynamic_probability=true"));
        assertThat(fixed.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(fixed.err()).contains("--set: got dynamic_probability=true, expected neither decision nor");
    }

    /** Options that say nothing together are refused, each by its own name. */
    @Test
    void refusesWhatContradictsItself() throws IOException {
        String[][] contradictions = {
            {"--neuron lif --spike-value sample", "--spike-value: only valid for QLIF neurons, and --neuron is lif"},
            {"--neuron lif --no-dsp", "--no-dsp: only valid for QLIF neurons, and --neuron is lif"},
            {"--full --resume x.safetensors", "--full: only valid for a new training"},
            {"--plot x.png --checkpoint ./x.png", "--checkpoint: got ./x.png, expected another file than that of --plot"
            },
            {"--plot x.png --resume x.png", "--plot: got x.png, expected another file than that of --resume"},
        };
        for (String[] each : contradictions) {
            Invocation refused = Invocation.of(brief("train", each[0]));
            assertThat(refused.exitCode()).isEqualTo(Cli.USAGE);
            assertThat(refused.err().lines()).singleElement().asString().startsWith("qlif: " + each[1]);
        }
    }

    @Test
    void jsonIsInTheSameOrderEachTime() {
        Invocation train = Invocation.of(brief("train", "--json"));
        JsonObject report = JsonParser.parseString(train.out()
                        .lines()
                        .filter(line -> line.startsWith("{"))
                        .findFirst()
                        .orElseThrow())
                .getAsJsonObject();
        assertThat(report.keySet())
                .containsExactly("test_accuracy", "train_accuracy", "train_loss", "epochs", "step_ms");
        assertThat(report.getAsJsonArray("epochs").get(0).getAsJsonObject().keySet())
                .containsExactly(
                        "epoch",
                        "train_loss",
                        "train_accuracy",
                        "test_loss",
                        "test_accuracy",
                        "train_seconds",
                        "test_seconds");
    }

    @Test
    void reconstructsWithBothNeurons() {
        Invocation done = Invocation.of(brief("reconstruct", "--json"));
        assertThat(done.err()).isEmpty();
        assertThat(done.out())
                .contains(
                        "[TEST] qlif | epoch 1 | bce: 0.",
                        "[TEST] lif | epoch 1 | bce: 0.",
                        "48 training and 20 test images")
                .containsPattern("\\{\"qlif\":\\{\"test_bce\":0\\.\\d+\\},\"lif\":\\{\"test_bce\":0\\.\\d+\\}\\}");
        Invocation refused = Invocation.of(brief("reconstruct", "--neuron lif"));
        assertThat(refused.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(refused.err()).startsWith("qlif: --neuron: got lif, expected QLIF neurons");
    }

    @Test
    void divergenceIsOneLineAndCode1() {
        String[] arguments = ("train --data DIR --neuron default --lr 1 --clip-grad 0 --hidden 8 --steps 300 --batch 64"
                        + " --train-images 64 --test-images 1 --epochs 1000 --threads 1")
                .split(" ");
        arguments[2] = Repository.file("data/mnist").toString();
        Invocation train = Invocation.of(arguments);
        assertThat(train.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(train.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: training diverged at step ")
                .endsWith("; try a smaller --lr");
    }

    /** No GPU runs the whole network, so one is refused by name, whether it is there or not; the choice takes the CPU. */
    @Test
    void takesTheCpuAndRefusesAGpu() {
        String[] arguments = ("train --data DIR --hidden 8 --steps 2 --train-images 32 --test-images 1 --epochs 1"
                        + " --device")
                .split(" ");
        arguments[2] = Repository.file("data/mnist").toString();
        Invocation auto = Invocation.of(append(arguments, "auto"));
        assertThat(auto.exitCode()).isZero();
        assertThat(auto.out()).containsPattern("device  cpu:\\w+ ").contains("network kit");
        Invocation gpu = Invocation.of(append(arguments, "cuda:0"));
        assertThat(gpu.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(gpu.out()).isEmpty();
        assertThat(gpu.err().lines()).singleElement().asString().contains("device 'cuda:0' can't run");
    }

    private static String[] append(String[] arguments, String last) {
        String[] all = Arrays.copyOf(arguments, arguments.length + 1);
        all[arguments.length] = last;
        return all;
    }

    @Test
    void missingDataIsOneLine() {
        Path absent = folder.resolve("absent");
        Invocation train = Invocation.of("train", "--data", absent.toString());
        assertThat(train.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(train.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: ")
                .contains(absent.toString());
        assertThat(Files.exists(absent)).isFalse();
    }

    @Test
    void plotThatCantBeWrittenIsRefusedBeforeTraining() throws IOException {
        Path plot = Files.createDirectory(folder.resolve("folder.png"));
        Invocation train =
                Invocation.of("train", "--data", Repository.file("data/mnist").toString(), "--plot", plot.toString());
        assertThat(train.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(train.out()).isEmpty();
        assertThat(train.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: plot: ")
                .contains(plot.toString());
    }

    private static String[] tiny(String... more) {
        List<String> arguments = new ArrayList<>(List.of(
                "train",
                "--data",
                Repository.file("data/mnist").toString(),
                "--hidden",
                "16",
                "--steps",
                "4",
                "--train-images",
                "1500",
                "--test-images",
                "64",
                "--batch",
                "50",
                "--epochs",
                "2",
                "--threads",
                "1"));
        arguments.addAll(List.of(more));
        return arguments.toArray(String[]::new);
    }

    private static Invocation resumed(Path file, String... more) {
        List<String> arguments = new ArrayList<>(
                List.of("train", "--data", Repository.file("data/mnist").toString(), "--resume", file.toString()));
        arguments.addAll(List.of(more));
        return Invocation.of(arguments.toArray(String[]::new));
    }

    private static List<String> accuracies(String out) {
        return out.lines().filter(line -> line.startsWith("[TEST]")).toList();
    }

    /** As Ctrl-C does, but for the signal's number: a shell that runs tests may have told its children to ignore that one. */
    @Test
    void anInterruptedTrainingGoesOnWithTheSameBits() throws Exception {
        Path whole = folder.resolve("whole.safetensors");
        Invocation trained = Invocation.of(tiny("--checkpoint", whole.toString()));
        assertThat(trained.err()).isEmpty();
        Path part = folder.resolve("part.safetensors");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
        // So long that it can't end by itself before it is stopped.
        command.addAll(List.of(tiny("--checkpoint", part.toString(), "--epochs", "1000", "--device", "cpu:scalar")));
        command.remove("2");
        command.remove(command.indexOf("--epochs"));
        Path err = folder.resolve("err");
        Process process =
                new ProcessBuilder(command).redirectError(err.toFile()).start();
        try (BufferedReader out = process.inputReader()) {
            String line = out.readLine();
            while (line != null && !line.startsWith("device")) {
                line = out.readLine();
            }
            // That of the process itself would close its output, too, which ends the run by itself.
            process.toHandle().destroy();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue()).isEqualTo(128 + 15);
        String data = Repository.file("data/mnist").toString();
        String goOn = " train --resume " + part + " --checkpoint " + part + " --data " + data;
        assertThat(err)
                .content()
                .containsPattern("qlif: stopped after step \\d+ of 30 of epoch \\d+; to go on: ./qlif" + goOn + "\n");
        Invocation rest = Invocation.of((goOn.strip() + " --epochs 2").split(" "));
        assertThat(rest.err()).isEmpty();
        assertThat(rest.out()).contains("resume  " + part + ", after ", " of 30 steps of epoch ");
        assertThat(accuracies(trained.out()))
                .hasSize(2)
                .endsWith(accuracies(rest.out()).toArray(String[]::new));
        assertThat(part).hasSameBinaryContentAs(whole);
    }

    /** The command that goes on can be pasted. */
    @Test
    void pathsAreQuotedForAShell() throws Exception {
        for (String text : List.of("net.safetensors", "/a b/it's.safetensors", "$HOME/*.safetensors")) {
            Process echo = new ProcessBuilder("sh", "-c", "printf %s " + TrainCommand.shellWord(Path.of(text))).start();
            assertThat(echo.inputReader().readLine()).isEqualTo(text);
        }
        assertThat(TrainCommand.shellWord(Path.of("a/net-1.safetensors"))).isEqualTo("a/net-1.safetensors");
    }

    @Test
    void refusesWhatContradictsTheFileByTheNameOfTheOption() throws IOException {
        Path file = folder.resolve("training.safetensors");
        Invocation trained = Invocation.of(tiny("--epochs", "1", "--checkpoint", file.toString()));
        assertThat(trained.exitCode()).isEqualTo(Cli.USAGE);
        String[] once = tiny("--checkpoint", file.toString());
        once[Arrays.asList(once).indexOf("--epochs") + 1] = "1";
        assertThat(Invocation.of(once).exitCode()).isZero();
        String[][] contradictions = {
            {"--hidden", "32", "--hidden: got 32, expected 16, as in " + file},
            {"--lr", "0.25", "--learning-rate: got 0.25, expected 5.0E-4, as in " + file},
            {"--set", "use_ahp=false", "--set: got [use_ahp=false], expected [], as in " + file},
            {"--seed", "2", "--seed: got 2, expected 1, as in " + file},
            {"--train-images", "100", "--train-images: got 100, expected 1500, as in " + file},
            {"--engine", "djl", "--engine: got djl, expected qlif, whose trainings alone can be saved"},
        };
        for (String[] each : contradictions) {
            Invocation refused = resumed(file, each[0], each[1]);
            assertThat(refused.exitCode()).isEqualTo(Cli.USAGE);
            assertThat(refused.err().lines()).singleElement().asString().startsWith("qlif: " + each[2]);
        }
        Path other = Files.write(folder.resolve("model.pt"), new byte[] {'P', 'K', 3, 4, 0, 0, 0, 0, 0, 0});
        Invocation refused = resumed(other);
        assertThat(refused.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(refused.err())
                .startsWith("qlif: " + other + ": got a zip archive, as torch.save (a pickle)")
                .hasLineCount(1);
    }
}
