// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.LifConfig;
import org.qlif.QlifConfig;
import org.qlif.simulation.Samples;
import org.qlif.simulation.Simulation;
import org.qlif.simulation.Traces;
import org.qlif.simulation.Waveform;
import org.w3c.dom.Element;

class SimulationPlotTest {
    private static final int BLUE = 0xFF1F5FA8;
    private static final int INK = 0xFF1F2A44;

    /** Right of the numbers and marks of the y axes. */
    private static final int LEFT_OF_FRAMES = 88;

    @TempDir
    private Path folder;

    private Path draw(String name, Traces traces) throws IOException {
        Path path = folder.resolve(name);
        SimulationPlot.write(Pictures.prepare("plot", path), traces, 0, "A simulation");
        return path;
    }

    private static BufferedImage png(Path path) throws IOException {
        return ImageIO.read(path.toFile());
    }

    private static long count(BufferedImage image, int colour) {
        return Arrays.stream(image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth()))
                .filter(pixel -> pixel == colour)
                .count();
    }

    /** Neurons that never spike have a time axis, too: numbers at both ends, left and right of its title. */
    @ParameterizedTest
    @ValueSource(ints = {500, 5})
    void silentNeuronsHaveATimeAxis(int steps) throws IOException {
        Waveform weak = Waveform.parse("constant,amplitude=0.01");
        BufferedImage image = png(draw(
                "silent.png",
                Simulation.of(LifConfig.defaults()).current(weak).steps(steps).run()));
        int width = image.getWidth();
        int left = 0;
        int right = 0;
        for (int y = image.getHeight() - 60; y < image.getHeight(); y++) {
            int[] row = image.getRGB(0, y, width, 1, null, 0, width);
            if (Arrays.stream(row).filter(pixel -> (pixel & 0xFF) < 0xA0).count() < width / 2) {
                for (int x = 0; x < width; x++) {
                    int dark = (row[x] & 0xFF) < 0xA0 ? 1 : 0;
                    left += x > LEFT_OF_FRAMES + 10 && x < width / 3 ? dark : 0;
                    right += x > width - width / 3 && x < width - 20 ? dark : 0;
                }
            }
        }
        assertThat(left).isGreaterThan(20);
        assertThat(right).isGreaterThan(20);
    }

    /** The plots' frames begin and end in the same columns: one time axis for all. */
    @Test
    void panelsHaveOneTimeAxis() throws IOException {
        Traces traces = Simulation.of(QlifConfig.defaults())
                .modulation(Waveform.of(Waveform.Shape.SINE))
                .steps(90)
                .run();
        BufferedImage image = png(draw("qlif.png", traces));
        assertThat(image.getWidth()).isEqualTo(ChartStyle.WIDTH);
        int frame = 0;
        int left = -1;
        int right = -1;
        // A row that crosses a frame has its sides; between panels all is white.
        for (int y = 60; y < image.getHeight() - 60; y++) {
            int first = -1;
            int last = -1;
            for (int x = LEFT_OF_FRAMES; x < image.getWidth(); x++) {
                if ((image.getRGB(x, y) & 0xFF) < 0xA0) {
                    first = first < 0 ? x : first;
                    last = x;
                }
            }
            if (last > image.getWidth() / 2 && last - first > image.getWidth() / 2) {
                left = left < 0 ? first : left;
                right = right < 0 ? last : right;
                assertThat(first).as("left side at row %d", y).isBetween(left - 3, left + 3);
                assertThat(last).as("right side at row %d", y).isBetween(right - 3, right + 3);
                frame++;
            }
        }
        assertThat(frame).isGreaterThan(600);
    }

    @Test
    void modelsHaveTheirOwnPanels() throws IOException {
        BufferedImage qlif =
                png(draw("a.png", Simulation.of(QlifConfig.defaults()).run()));
        BufferedImage lif =
                png(draw("b.png", Simulation.of(LifConfig.defaults()).run()));
        BufferedImage plain =
                png(draw("c.png", Simulation.of(QlifConfig.plainLif()).run()));
        assertThat(qlif.getHeight()).isGreaterThan(lif.getHeight());
        assertThat(plain.getHeight()).isLessThan(qlif.getHeight());
        assertThat(count(lif, BLUE)).isGreaterThan(500);
        assertThat(count(lif, INK)).isGreaterThan(500);
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 3", "2, 1", "30000, 2", "40, 900"})
    void drawsFromOneNeuronStepToMany(int steps, int neurons) throws IOException {
        Traces traces = Simulation.of(QlifConfig.plainLif())
                .steps(steps)
                .neurons(neurons)
                .current(Waveform.of(Waveform.Shape.CONSTANT))
                .run();
        BufferedImage image = png(draw("some.png", traces));
        assertThat(image.getHeight()).isBetween(600, 1400);
        // The points of a line are many, but the line is there.
        assertThat(count(image, BLUE)).isGreaterThan(steps == 1 ? 10 : 100);
    }

    /** One neuron's spikes have no rate worth a line. */
    @Test
    void populationsHaveARate() throws IOException {
        Simulation simulation = Simulation.of(LifConfig.defaults()).steps(60);
        int one = png(draw("one.png", simulation.neurons(1).run())).getHeight();
        int two = png(draw("two.png", simulation.neurons(2).run())).getHeight();
        assertThat(two).isEqualTo(one + 170);
    }

    @Test
    void drawsGapsForWhatIsNotFinite() throws IOException {
        float[] values = new float[60];
        Arrays.fill(values, Float.NaN);
        Simulation simulation = Simulation.of(QlifConfig.defaults());
        BufferedImage nothing = png(
                draw("nan.png", simulation.current(Samples.of(values, 60, 1)).run()));
        assertThat(count(nothing, BLUE)).isZero();
        Arrays.fill(values, 0, 30, 1f);
        values[40] = Float.POSITIVE_INFINITY;
        BufferedImage half = png(
                draw("half.png", simulation.current(Samples.of(values, 60, 1)).run()));
        assertThat(count(half, BLUE)).isPositive();
    }

    @Test
    void svgIsADocumentOfTheSameSize() throws Exception {
        Traces traces = Simulation.of(LifConfig.defaults()).steps(60).neurons(3).run();
        BufferedImage png = png(draw("lif.png", traces));
        Element svg = DocumentBuilderFactory.newDefaultInstance()
                .newDocumentBuilder()
                .parse(withoutDoctype(draw("lif.SVG", traces)))
                .getDocumentElement();
        assertThat(svg.getNamespaceURI() == null ? svg.getAttribute("xmlns") : svg.getNamespaceURI())
                .isEqualTo("http://www.w3.org/2000/svg");
        assertThat(svg.getAttribute("width")).isEqualTo(Integer.toString(png.getWidth()));
        assertThat(svg.getAttribute("height")).isEqualTo(Integer.toString(png.getHeight()));
        assertThat(svg.getElementsByTagName("line").getLength()).isGreaterThan(3 * 60);
    }

    /** Its DTD is on another host. */
    private static InputStream withoutDoctype(Path svg) throws IOException {
        String text = Files.readString(svg);
        return new ByteArrayInputStream(text.substring(text.indexOf("<svg")).getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void theSameSimulationGivesTheSameFile() throws IOException {
        Simulation simulation = Simulation.of(QlifConfig.defaults()).steps(40);
        for (String end : new String[] {".png", ".svg"}) {
            assertThat(draw("first" + end, simulation.run()))
                    .hasSameBinaryContentAs(draw("second" + end, simulation.run()));
        }
        assertThatThrownBy(() -> SimulationPlot.write(
                        Pictures.prepare("plot", folder.resolve("x.png")), simulation.run(), 10, ""))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }
}
