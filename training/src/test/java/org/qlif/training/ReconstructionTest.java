// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.Device;

class ReconstructionTest {
    private static final ReconstructionListener SILENT = new ReconstructionListener() {};

    @TempDir
    private Path folder;

    @BeforeEach
    void writeData() throws IOException {
        TestData.learnable(folder, 100, 40);
    }

    private TrainingOptions.Builder tiny() {
        return Reconstruction.defaults()
                .data(folder)
                .device(Device.of("cpu"))
                .hidden(24)
                .steps(8)
                .batch(16)
                .epochs(4)
                .threads(2)
                .learningRate(1e-2);
    }

    @Test
    void bothNetworksLearnAndRepeatBitForBit() throws IOException {
        ReconstructionResult first = Reconstruction.run(tiny().build(), SILENT);
        ReconstructionResult again = Reconstruction.run(tiny().threads(1).build(), SILENT);
        assertThat(first.epochs().keySet()).containsExactly("qlif", "lif");
        first.epochs().forEach((name, epochs) -> {
            assertThat(epochs).hasSize(4);
            // Untrained, a pixel costs ln 2.
            assertThat(epochs.getLast().testBce())
                    .isLessThan(0.9 * epochs.getFirst().testBce())
                    .isLessThan(0.6);
            for (int i = 0; i < 4; i++) {
                assertThat(again.epochs().get(name).get(i).testBce())
                        .isEqualTo(epochs.get(i).testBce());
                assertThat(again.epochs().get(name).get(i).trainBce())
                        .isEqualTo(epochs.get(i).trainBce());
            }
        });
        assertThat(first.testBce("qlif")).isNotEqualTo(first.testBce("lif"));
    }

    @Test
    void tellsItsProgressAndDraws() throws IOException {
        Path plot = folder.resolve("picture.png");
        List<String> heard = new ArrayList<>();
        ReconstructionResult result =
                Reconstruction.run(tiny().epochs(1).plot(plot).build(), new ReconstructionListener() {
                    @Override
                    public void networkStarted(String name, String config, Device device, String description) {
                        heard.add(name + " " + config.substring(0, config.indexOf(' ')));
                    }

                    @Override
                    public void stepped(String name, int epoch, int step, int stepsInEpoch, double bce) {
                        if (step == stepsInEpoch) {
                            heard.add(name + " " + step);
                        }
                    }

                    @Override
                    public void finished(ReconstructionResult result) {
                        heard.add("finished");
                    }
                });
        assertThat(heard).containsExactly("qlif QLIF", "qlif 7", "lif LIF", "lif 7", "finished");
        BufferedImage picture = ImageIO.read(plot.toFile());
        assertThat(picture.getWidth()).isEqualTo(1200);
        // Curves above three rows of images: somewhere there is grey.
        int greys = 0;
        for (int y = 470; y < picture.getHeight(); y++) {
            for (int x = 180; x < picture.getWidth(); x++) {
                int rgb = picture.getRGB(x, y);
                greys += (rgb & 0xff) == (rgb >> 8 & 0xff) && (rgb & 0xff) > 20 && (rgb & 0xff) < 230 ? 1 : 0;
            }
        }
        assertThat(greys).isGreaterThan(1000);
        assertThat(result.epochs().get("lif")).hasSize(1);
    }

    /** Whatever the images are, the picture is one that a page has room for. */
    @ParameterizedTest
    @CsvSource({"1, 3000", "3000, 1", "2, 2"})
    void drawsImagesOfAnyForm(int rows, int columns) throws IOException {
        Path odd = Files.createDirectory(folder.resolve("odd"));
        for (String prefix : List.of("train", "t10k")) {
            Files.write(
                    odd.resolve(prefix + "-images-idx3-ubyte"),
                    TestData.images(2, rows, columns, new byte[2 * rows * columns]));
            Files.write(odd.resolve(prefix + "-labels-idx1-ubyte"), TestData.labels((byte) 0, (byte) 1));
        }
        Path plot = folder.resolve("odd.png");
        Reconstruction.run(tiny().data(odd).epochs(1).steps(2).plot(plot).build(), SILENT);
        BufferedImage picture = ImageIO.read(plot.toFile());
        assertThat(picture.getWidth()).isEqualTo(1200);
        assertThat(picture.getHeight()).isBetween(500, 1100);
    }

    @Test
    void refusesWhatIsNoComparison() throws IOException {
        assertThatExceptionOfType(OptionException.class)
                .isThrownBy(
                        () -> Reconstruction.run(tiny().neuron(NeuronPreset.LIF).build(), SILENT))
                .withMessage("neuron: got lif, expected QLIF neurons, which are compared with LIF neurons");
        assertThatExceptionOfType(OptionException.class)
                .isThrownBy(() -> Reconstruction.run(tiny().trainImages(101).build(), SILENT))
                .withMessageStartingWith("trainImages: got 101, expected at most 100");
        Path taken = Files.createDirectory(folder.resolve("taken.png"));
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> Reconstruction.run(tiny().plot(taken).build(), SILENT))
                .withMessageContaining("plot:");
    }
}
