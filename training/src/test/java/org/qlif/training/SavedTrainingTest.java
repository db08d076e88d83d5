// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.Safetensors;

/** A training that was stopped and resumed is one that never was. */
class SavedTrainingTest {
    private static final TrainingListener SILENT = new TrainingListener() {};

    @TempDir
    private Path folder;

    private Path file;

    @BeforeEach
    void writeData() throws IOException {
        TestData.learnable(Files.createDirectory(folder.resolve("data")), 70, 40);
        file = folder.resolve("training.safetensors");
    }

    /** Steps of 32, 32 and 6 images. */
    private TrainingOptions.Builder tiny() {
        return TrainingOptions.builder()
                .data(folder.resolve("data"))
                .device(Device.of("cpu"))
                .hidden(32)
                .steps(5)
                .batch(32)
                .epochs(3)
                .threads(2)
                .neuron(NeuronPreset.DEFAULT)
                .settings(List.of("spike_value=SAMPLE", "homeostasis_tau=20"))
                .learningRateDecay(0.75)
                .shift(1)
                .learningRate(1e-2);
    }

    private static void stopAfter(int steps, TrainingOptions options) {
        AtomicInteger done = new AtomicInteger();
        assertThatExceptionOfType(TrainingStoppedException.class)
                .isThrownBy(() -> Training.run(options, SILENT, () -> done.incrementAndGet() == steps))
                .withMessage("stopped after step %d of 3 of epoch %d", (steps - 1) % 3 + 1, (steps + 2) / 3);
    }

    private SavedTraining saved() throws IOException {
        return SavedTraining.read(file);
    }

    /** In the middle of an epoch, at its end and before its test, and after the last step. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 4, 5, 6, 9})
    void aResumedTrainingIsOneWithoutABreak(int steps) throws IOException {
        Path wholeFile = folder.resolve("whole.safetensors");
        TrainingResult whole = Training.run(tiny().checkpoint(wholeFile).build(), SILENT);
        stopAfter(steps, tiny().checkpoint(file).build());
        TrainingOptions options = saved().options()
                .data(folder.resolve("data"))
                .checkpoint(file)
                .device(Device.of("cpu:scalar"))
                .threads(1)
                .build();
        TrainingResult resumed = Training.run(options, SILENT);
        assertThat(resumed.stepLosses()).isEqualTo(whole.stepLosses());
        assertThat(resumed.epochs())
                .usingRecursiveFieldByFieldElementComparatorIgnoringFields("trainSeconds", "testSeconds")
                .isEqualTo(whole.epochs());
        assertThat(file).hasSameBinaryContentAs(wholeFile);
    }

    @Test
    void epochsCountFromTheStartOfTheFirstRun() throws IOException {
        TrainingResult three = Training.run(tiny().build(), SILENT);
        Training.run(tiny().epochs(2).checkpoint(file).build(), SILENT);
        TrainingResult resumed = Training.run(
                saved().options().data(folder.resolve("data")).epochs(3).build(), SILENT);
        assertThat(resumed.stepLosses()).isEqualTo(three.stepLosses());
        assertThat(resumed.epochs()).hasSize(3);
        assertThat(saved().options().build().epochs()).isEqualTo(2);
    }

    /** No time was measured, so that none is told. */
    @Test
    void saysWhereNothingIsLeft() throws IOException {
        Training.run(tiny().epochs(1).checkpoint(file).build(), SILENT);
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        TrainingResult result = Training.run(
                saved().options().data(folder.resolve("data")).build(), new ConsoleListener(new PrintStream(lines)));
        assertThat(result.isTimed()).isFalse();
        assertThat(lines.toString(StandardCharsets.UTF_8))
                .contains("[TEST] epoch 1", "[TIME] no training step of a whole batch was left")
                .doesNotContain("0.0 ms");
    }

    @Test
    void refusesOptionsThatContradictTheFile() throws IOException {
        Training.run(tiny().epochs(2).checkpoint(file).build(), SILENT);
        contradicts("hidden", "33", "32", each -> each.hidden(33));
        contradicts("steps", "6", "5", each -> each.steps(6));
        contradicts("batch", "16", "32", each -> each.batch(16));
        contradicts("learningRate", "0.02", "0.01", each -> each.learningRate(0.02));
        contradicts("learningRateDecay", "1.0", "0.75", each -> each.learningRateDecay(1));
        contradicts("shift", "0", "1", each -> each.shift(0));
        contradicts("clipGrad", "0.25", "0.5", each -> each.clipGrad(0.25));
        contradicts("seed", "7", "1", each -> each.seed(7));
        contradicts("neuron", "2025-08-15", "default", each -> each.neuron(NeuronPreset.SNAPSHOT_2025_08_15));
        contradicts("tau", "3.0", "2.0", each -> each.tau(3));
        contradicts("set", "[]", "[spike_value=SAMPLE, homeostasis_tau=20]", each -> each.settings(List.of()));
        contradicts("trainImages", "64", "70", each -> each.trainImages(64));
        contradicts("testImages", "39", "40", each -> each.testImages(39));
        contradicts("epochs", "1", "at least 2", each -> each.epochs(1));
        TestData.learnable(Files.createDirectory(folder.resolve("other")), 70, 40);
        Path pixels;
        try (var files = Files.list(folder.resolve("other"))) {
            pixels = files.filter(each -> each.getFileName().toString().startsWith("t10k-images"))
                    .findFirst()
                    .orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(pixels);
        bytes[bytes.length - 1] ^= 1;
        Files.write(pixels, bytes);
        contradicts("data", "whose images differ", "was trained on", each -> each.data(folder.resolve("other")));
        // The same configuration in other words is no contradiction.
        Training.run(
                saved().options()
                        .data(folder.resolve("data"))
                        .settings(List.of("homeostasis_tau=20.0", "spike_value=SAMPLE"))
                        .build(),
                SILENT);
    }

    private void contradicts(String name, String got, String expected, UnaryOperator<TrainingOptions.Builder> change)
            throws IOException {
        byte[] before = Files.readAllBytes(file);
        TrainingOptions options = change.apply(
                        saved().options().data(folder.resolve("data")).checkpoint(file))
                .build();
        assertThatThrownBy(() -> Training.run(options, SILENT))
                .isExactlyInstanceOf(OptionException.class)
                .hasMessageStartingWith(name + ": got ")
                .hasMessageContainingAll(got, "expected", expected, file.toString());
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    @Test
    void goesOnOnce() throws IOException {
        Training.run(tiny().epochs(1).checkpoint(file).build(), SILENT);
        TrainingOptions options =
                saved().options().data(folder.resolve("data")).epochs(2).build();
        Training.run(options, SILENT);
        assertThatThrownBy(() -> Training.run(options, SILENT))
                .isExactlyInstanceOf(IllegalStateException.class)
                .hasMessageContaining("already been resumed");
    }

    @Test
    void refusesFilesOfSomethingElse() throws IOException {
        Training.run(tiny().epochs(1).checkpoint(file).build(), SILENT);
        without("extra.train.images_crc32c", "expected a training that './qlif train --checkpoint' has saved");
        without("encoder", "'encoder.steps': got metadata of this name");
        without("extra.train.tau", "extra.train.tau: is missing");
        without("extra.train.losses", "tensor 'extra.train.losses': got null, expected I64");
        with("extra.train.tau", "two", "extra.train.tau: ");
        with("extra.train.tau", "3.0", "extra.train.neuron: got settings of other neurons");
        with("extra.train.neuron", "relu", "extra.train.neuron: neuron: got 'relu'");
        with("training.order.row", "31", "training.order.row: got 31, expected the end of a step of 32");
        with("training.order.epoch", "2", "extra.train.results: got 0 epochs, expected 1");
        with("training.order.epoch", "0", "training.order.epoch: got 0, expected at least 1");
        with("training.order.seed", "2", "training.order.seed: got 2, expected 1, the seed");
        with("extra.train.epochs", "ten", "extra.train.epochs: got 'ten', expected a number");
        with("extra.train.epoch.loss", "NaN", "extra.train.epoch.loss: got NaN, expected a finite number >= 0");
        with("extra.train.epoch.correct", "-1", "extra.train.epoch.correct: got -1, expected 0 to 70");
        with("extra.train.epoch.correct", "71", "extra.train.epoch.correct: got 71, expected 0 to 70");
        losses(new long[2], "tensor 'extra.train.losses': got 2 numbers, expected 3, one a step");
        long nan = Double.doubleToRawLongBits(Double.NaN);
        losses(new long[] {0, nan, 0}, "tensor 'extra.train.losses': got NaN, expected finite numbers");
    }

    private void without(String name, String message) throws IOException {
        changed(
                (metadata, tensors) -> assertThat(metadata.remove(name) != null || tensors.remove(name) != null)
                        .isTrue(),
                message);
    }

    private void with(String name, String value, String message) throws IOException {
        changed((metadata, _) -> metadata.put(name, value), message);
    }

    private void losses(long[] bits, String message) throws IOException {
        Tensor losses = Tensor.of(DType.I64, MemorySegment.ofArray(bits), bits.length);
        changed((_, tensors) -> tensors.put("extra.train.losses", losses), message);
    }

    private void changed(BiConsumer<Map<String, String>, Map<String, Tensor>> change, String message)
            throws IOException {
        Safetensors good = Safetensors.read(file);
        Map<String, String> metadata = new HashMap<>(good.metadata());
        Map<String, Tensor> tensors = new HashMap<>();
        good.names().forEach(name -> tensors.put(name, good.tensor(name)));
        change.accept(metadata, tensors);
        Path bad = folder.resolve("bad.safetensors");
        Safetensors.write(bad, metadata, tensors);
        assertThatThrownBy(() -> SavedTraining.read(bad))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessageStartingWith(bad + ": ")
                .hasMessageContaining(message);
    }

    /** Whatever bytes of a file are changed, it is read or refused. */
    @Test
    void survivesFlippedBytes() throws IOException {
        Training.run(tiny().epochs(1).checkpoint(file).build(), SILENT);
        byte[] good = Files.readAllBytes(file);
        Path flipped = folder.resolve("flipped.safetensors");
        Random random = new Random(4);
        int read = 0;
        for (int i = 0; i < 500; i++) {
            byte[] bytes = good.clone();
            // The header, whose length is near 4000.
            bytes[random.nextInt(4000)] ^= (byte) (1 << random.nextInt(8));
            Files.write(flipped, bytes);
            try {
                SavedTraining.read(flipped);
                read++;
            } catch (FileFormatException refused) {
                assertThat(refused).hasMessageStartingWith(flipped + ": ");
            }
        }
        assertThat(read).isBetween(1, 499);
    }

    /** A file that can't be written is told before the training; the old one stays. */
    @Test
    void preparesTheFile() throws IOException {
        Path taken = Files.createDirectory(folder.resolve("taken"));
        assertThatThrownBy(() -> Training.run(tiny().checkpoint(taken).build(), SILENT))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("checkpoint: can't write " + taken);
    }
}
