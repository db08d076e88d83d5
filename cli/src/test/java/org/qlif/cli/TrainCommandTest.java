package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
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
}
