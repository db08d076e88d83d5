// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.Device;
import org.qlif.training.ConsoleListener;
import org.qlif.training.NeuronPreset;
import org.qlif.training.OptionException;
import org.qlif.training.Training;
import org.qlif.training.TrainingDivergedException;
import org.qlif.training.TrainingEngine;
import org.qlif.training.TrainingListener;
import org.qlif.training.TrainingOptions;
import org.qlif.training.TrainingResult;

/** Runs of the training module that ask for this engine find it. */
class DjlEngineTest {
    private static final TrainingListener SILENT = new TrainingListener() {};

    @TempDir
    private Path folder;

    /** The last batch of an epoch and of a test is smaller than the others. */
    private static TrainingOptions.Builder small() {
        return TrainingOptions.builder()
                .engine(TrainingEngine.Name.DJL)
                .data(Path.of("..", "data", "mnist"))
                .device(Device.of("cpu"))
                .hidden(32)
                .steps(5)
                .batch(48)
                .trainImages(400)
                .testImages(100)
                .epochs(2)
                .threads(2)
                .learningRate(1e-2);
    }

    @Test
    void learnsAndRepeatsBitForBit() throws IOException {
        Path plot = folder.resolve("curves.png");
        TrainingResult first = Training.run(small().plot(plot).build(), SILENT);
        TrainingResult again = Training.run(small().build(), SILENT);
        assertThat(again.stepLosses()).isEqualTo(first.stepLosses());
        assertThat(again.epochs().getLast().testLoss())
                .isEqualTo(first.epochs().getLast().testLoss());
        assertThat(first.epochs().getLast().testAccuracy()).isGreaterThan(0.4);
        assertThat(first.epochs().getLast().loss())
                .isLessThan(first.epochs().getFirst().loss());
        assertThat(first.stepMillis()).isPositive();
        assertThat(first.neuronShare()).isBetween(0.01, 1.0);
        assertThat(plot).isNotEmptyFile();
    }

    @Test
    void saysThatItIsPyTorch() throws IOException {
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        Training.run(
                small().epochs(1).trainImages(48).testImages(1).build(),
                new ConsoleListener(new PrintStream(lines, true, StandardCharsets.UTF_8)));
        assertThat(lines.toString(StandardCharsets.UTF_8))
                .containsPattern("device  cpu:\\w+ \\(.*\\); PyTorch [\\d.]+ through DJL")
                .contains("[TRAIN] epoch 1", "[TEST] epoch 1", "[TIME] training step: ");
    }

    @Test
    void divergenceIsTold() {
        TrainingOptions wild = small().steps(100)
                .hidden(8)
                .learningRate(1)
                .clipGrad(0)
                .epochs(1000)
                .trainImages(48)
                .neuron(NeuronPreset.DEFAULT)
                .build();
        assertThatExceptionOfType(TrainingDivergedException.class)
                .isThrownBy(() -> Training.run(wild, SILENT))
                .withMessageMatching("training diverged at step 1 of epoch \\d+: .*; try a smaller --lr");
    }

    @Test
    void refusesBuffersThatTheEngineCannotAddress() {
        TrainingOptions huge = small().hidden(65_536).batch(4096).steps(100).build();
        assertThatExceptionOfType(OptionException.class)
                .isThrownBy(() -> Training.run(huge, SILENT))
                .withMessageContainingAll("batch: got 4096", "a smaller batch");
    }
}
