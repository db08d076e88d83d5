// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.Device;

class TrainingTest {
    private static final int TRAINING_IMAGES = 100;
    private static final int TEST_IMAGES = 40;
    private static final TrainingListener SILENT = new TrainingListener() {};

    @TempDir
    private Path folder;

    @BeforeEach
    void writeData() throws IOException {
        TestData.learnable(folder, TRAINING_IMAGES, TEST_IMAGES);
    }

    /** The last batch of an epoch and of a test is smaller than the others. */
    private TrainingOptions.Builder tiny() {
        return TrainingOptions.builder()
                .data(folder)
                .device(Device.of("cpu"))
                .hidden(32)
                .steps(5)
                .batch(16)
                .epochs(2)
                .threads(2)
                .learningRate(1e-2);
    }

    @ParameterizedTest
    @EnumSource
    void learnsAndRepeatsBitForBit(NeuronPreset neuron) throws IOException {
        TrainingOptions options = tiny().neuron(neuron).build();
        TrainingResult first = Training.run(options, SILENT);
        TrainingResult again = Training.run(options, SILENT);
        assertThat(again.stepLosses()).isEqualTo(first.stepLosses());
        for (int epoch = 0; epoch < options.epochs(); epoch++) {
            EpochResult one = first.epochs().get(epoch);
            EpochResult two = again.epochs().get(epoch);
            assertThat(two.loss()).isEqualTo(one.loss());
            assertThat(two.testLoss()).isEqualTo(one.testLoss());
            assertThat(two.testAccuracy()).isEqualTo(one.testAccuracy());
        }
        assertThat(first.epochs().getLast().loss())
                .isLessThan(first.epochs().getFirst().loss());
    }

    @Test
    void anotherSeedGivesOtherNumbers() throws IOException {
        TrainingResult one = Training.run(tiny().seed(1).epochs(1).build(), SILENT);
        TrainingResult two = Training.run(tiny().seed(2).epochs(1).build(), SILENT);
        assertThat(two.stepLosses()).isNotEqualTo(one.stepLosses());
    }

    @Test
    void learnsTheMadeUpClasses() throws IOException {
        TrainingResult result = Training.run(tiny().epochs(8).build(), SILENT);
        assertThat(result.epochs().getLast().testAccuracy()).isGreaterThan(0.9);
    }

    @Test
    void tellsTheListener() throws IOException {
        List<String> heard = new ArrayList<>();
        TrainingResult result =
                Training.run(tiny().trainImages(40).testImages(10).build(), new TrainingListener() {
                    @Override
                    public void started(TrainingSetup setup) {
                        heard.add("started " + setup.trainImages() + " " + setup.testImages() + " " + setup.rows() + "x"
                                + setup.columns() + " " + setup.classes());
                    }

                    @Override
                    public void stepped(int epoch, int step, int stepsInEpoch, double loss) {
                        heard.add(epoch + ": " + step + " of " + stepsInEpoch);
                    }

                    @Override
                    public void epochEnded(EpochResult result) {
                        heard.add("epoch " + result.epoch());
                    }

                    @Override
                    public void finished(TrainingResult result) {
                        heard.add("finished");
                    }
                });
        assertThat(heard)
                .containsExactly(
                        "started 40 10 4x5 3",
                        "1: 1 of 3",
                        "1: 2 of 3",
                        "1: 3 of 3",
                        "epoch 1",
                        "2: 1 of 3",
                        "2: 2 of 3",
                        "2: 3 of 3",
                        "epoch 2",
                        "finished");
        assertThat(result.stepMillis()).isPositive();
        assertThat(result.neuronShare()).isBetween(0.0, 1.0);
    }

    @Test
    void timesABatchThatIsSmallerThanAskedForIfThereIsNoOther() throws IOException {
        TrainingResult result = Training.run(tiny().batch(4096).epochs(1).build(), SILENT);
        assertThat(result.stepMillis()).isPositive();
    }

    @Test
    void printsLinesThatScriptsCanRead() throws IOException {
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        ByteArrayOutputStream bar = new ByteArrayOutputStream();
        Training.run(tiny().build(), new ConsoleListener(stream(lines), stream(bar), 100));
        assertThat(text(lines).lines())
                .anyMatch(line -> line.matches("network 20-32-3, 5 time steps, seed 1"))
                .anyMatch(line -> line.contains("2025-08-24: QUBIT") && line.contains("learns v_th, q_scale, q_bias"))
                .anyMatch(line ->
                        line.matches("\\[TRAIN] epoch 1 \\| loss: \\d\\.\\d{4} \\| accuracy: \\d+\\.\\d{2}% .*"))
                .anyMatch(line -> line.matches("\\[TEST] epoch 2 \\| accuracy: \\d+\\.\\d{2}%"))
                .anyMatch(line -> line.matches("\\[TIME] training step: .* ms \\(median\\) \\| neurons: .*"));
        assertThat(text(bar)).contains("epoch 1", "loss");
    }

    @Test
    void drawsNoBarUnlessAsked() throws IOException {
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        Training.run(tiny().build(), new ConsoleListener(stream(lines)));
        assertThat(text(lines)).doesNotContain("\r");
    }

    @Test
    void plots() throws IOException {
        Path plot = folder.resolve("new").resolve("curves.png");
        Training.run(tiny().plot(plot).build(), SILENT);
        BufferedImage picture = ImageIO.read(plot.toFile());
        assertThat(picture.getWidth()).isEqualTo(1200);
        assertThat(picture.getHeight()).isEqualTo(1420);
    }

    @Test
    void plotsARasterWithoutSpikes() throws IOException {
        Path plot = folder.resolve("silent.png");
        TrainingResult result = new TrainingResult(
                List.of(new EpochResult(1, 1, 0.5, 1, 0.5, 1, 1)),
                List.of(1.0),
                1,
                0.1,
                0.1,
                new SpikeRaster(5, 32, new byte[5 * 32], 3, false));
        Plots.write(Plots.prepare(plot), tiny().build(), result);
        assertThat(plot).isNotEmptyFile();
    }

    @Test
    void refusesAPlotThatCannotBeWrittenBeforeItTrains() throws IOException {
        Path taken = Files.createDirectory(folder.resolve("taken.png"));
        TrainingOptions options = tiny().plot(taken).build();
        assertThatThrownBy(() -> Training.run(options, new TrainingListener() {
                    @Override
                    public void started(TrainingSetup setup) {
                        throw new AssertionError(
                                "trains although " + setup.options().plot() + " can't be written");
                    }
                }))
                .isInstanceOf(IOException.class)
                .hasMessageContainingAll("plot:", "taken.png");
    }

    /** With one step an epoch, the first run finds the step that the second ends with: nothing comes after it to notice. */
    @ParameterizedTest
    @EnumSource(names = {"DEFAULT", "SNAPSHOT_2025_08_15"})
    void divergenceIsNoticedInTheLastStepToo(NeuronPreset neuron) {
        TrainingOptions.Builder wild = tiny().neuron(neuron)
                .steps(300)
                .hidden(8)
                .batch(TRAINING_IMAGES)
                .learningRate(1)
                .clipGrad(0);
        List<Integer> trained = new ArrayList<>();
        List<String> ends = new ArrayList<>();
        TrainingListener listener = new TrainingListener() {
            @Override
            public void epochEnded(EpochResult result) {
                trained.add(result.epoch());
            }

            @Override
            public void finished(TrainingResult result) {
                ends.add("finished");
            }

            @Override
            public void failed() {
                ends.add("failed");
            }
        };
        assertThatExceptionOfType(TrainingDivergedException.class)
                .isThrownBy(() -> Training.run(wild.epochs(1000).build(), listener))
                .withMessageMatching("training diverged at step 1 of epoch \\d+: .*; try a smaller --lr");
        int last = trained.size() + 1;
        assertThatExceptionOfType(TrainingDivergedException.class)
                .isThrownBy(() -> Training.run(wild.epochs(last).build(), listener))
                .withMessageStartingWith("training diverged at step 1 of epoch " + last + ": ");
        assertThat(ends).containsExactly("failed", "failed");
    }

    @Test
    void refusesToMoveImagesByMoreThanTheirSize() {
        assertThatExceptionOfType(OptionException.class)
                .isThrownBy(() -> Training.run(tiny().shift(4).build(), SILENT))
                .withMessage("shift: got 4, expected at most 3 for images of 4x5");
    }

    @Test
    void refusesMoreImagesThanThereAreExceptByDefault() throws IOException {
        assertThatExceptionOfType(OptionException.class)
                .isThrownBy(() ->
                        Training.run(tiny().trainImages(TRAINING_IMAGES + 1).build(), SILENT))
                .withMessage("trainImages: got 101, expected at most 100, the number in "
                        + folder.resolve("train-labels-idx1-ubyte.gz"));
        assertThatExceptionOfType(OptionException.class)
                .isThrownBy(
                        () -> Training.run(tiny().testImages(TEST_IMAGES + 1).build(), SILENT))
                .withMessageStartingWith("testImages: got 41, expected at most 40, the number in ");
        Training.run(tiny().epochs(1).testImages(TEST_IMAGES).build(), SILENT);
    }

    @Test
    void refusesLayersThatAnArrayCannotHold() throws IOException {
        for (String prefix : List.of("train", "t10k")) {
            Files.write(
                    folder.resolve(prefix + "-images-idx3-ubyte"), TestData.images(1, 200, 200, new byte[200 * 200]));
            Files.deleteIfExists(folder.resolve(prefix + "-labels-idx1-ubyte.gz"));
            Files.write(folder.resolve(prefix + "-labels-idx1-ubyte"), TestData.labels((byte) 0));
        }
        TrainingOptions huge = tiny().hidden(65_536).build();
        assertThatExceptionOfType(OptionException.class)
                .isThrownBy(() -> Training.run(huge, SILENT))
                .withMessageContainingAll("hidden: got 65536", "a smaller hidden layer", "40000 pixels");
    }

    @Test
    void theNumberOfThreadsChangesNoBit() throws IOException {
        TrainingResult one = Training.run(tiny().batch(70).threads(1).build(), SILENT);
        TrainingResult three = Training.run(tiny().batch(70).threads(3).build(), SILENT);
        assertThat(three.stepLosses()).isEqualTo(one.stepLosses());
        assertThat(three.epochs().getLast().testLoss())
                .isEqualTo(one.epochs().getLast().testLoss());
    }

    /** In this module there is none but its own. */
    @Test
    void anEngineThatIsNotThereIsRefused() {
        assertThatExceptionOfType(OptionException.class)
                .isThrownBy(() ->
                        Training.run(tiny().engine(TrainingEngine.Name.DJL).build(), SILENT))
                .withMessageContainingAll("engine: got djl, expected qlif", "training-djl");
    }

    @Test
    void refusesAnUnknownDevice() {
        TrainingOptions options = tiny().device(Device.of("abacus")).build();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Training.run(options, SILENT))
                .withMessageContaining("abacus");
    }

    @Test
    void refusesAFolderWithoutData() {
        TrainingOptions options = tiny().data(folder.resolve("nothing")).build();
        assertThatThrownBy(() -> Training.run(options, SILENT)).isInstanceOf(IdxException.class);
    }

    private static PrintStream stream(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }

    private static String text(ByteArrayOutputStream bytes) {
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
