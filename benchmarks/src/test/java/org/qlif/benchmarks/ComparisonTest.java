// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.qlif.training.Pictures;

class ComparisonTest {
    private static final Shape SMALL = new Shape(100, 1, 128);
    private static final Shape LARGE = new Shape(20, 128, 512);

    private final Comparison comparison = new Comparison(List.of(
            score("forward", ContenderKind.SIMD, LARGE, 1, 4000),
            score("forward", ContenderKind.SIMD, LARGE, 2, 2000),
            score("forward", ContenderKind.SIMD, SMALL, 2, 25),
            score("forward", ContenderKind.C, LARGE, 2, 2500),
            score("train", ContenderKind.TORCH, LARGE, 2, 100_000)));

    private static Score score(String method, ContenderKind kind, Shape shape, int threads, double microseconds) {
        Map<String, String> parameters =
                Map.of("contender", kind.name(), "shape", shape.toString(), "threads", Integer.toString(threads));
        return new Score("ContenderBenchmark." + method, parameters, microseconds, 0.01, 0.02, Double.NaN);
    }

    @Test
    void timesBecomeNeuronStepsASecond() {
        Score score = score("forward", ContenderKind.SIMD, LARGE, 1, 4000);

        assertThat(score.millionsPerSecond()).isCloseTo(327.68, within(1e-9));
        assertThat(score.nanosecondsPerNeuronStep()).isCloseTo(4000e3 / 1310720, within(1e-9));
    }

    @Test
    void theTableHasARowForEachContenderAndNumberOfThreads() {
        assertThat(comparison.markdown()).isEqualTo("""
                | Forward                                      | threads | (20, 128, 512) | (100, 1, 128) |
                |:---------------------------------------------|--------:|---------------:|--------------:|
                | QLIF cpu:simd (Vector API)                   |       1 |            328 |             – |
                | QLIF cpu:simd (Vector API)                   |       2 |            655 |           512 |
                | C, gcc -O3 -march=native -ffast-math, OpenMP |       1 |              – |             – |
                | C, gcc -O3 -march=native -ffast-math, OpenMP |       2 |            524 |             – |

                | Forward + backward                        | threads | (20, 128, 512) | (100, 1, 128) |
                |:------------------------------------------|--------:|---------------:|--------------:|
                | DJL with PyTorch, eager tensor operations |       1 |              – |             – |
                | DJL with PyTorch, eager tensor operations |       2 |           13.1 |             – |
                """);
    }

    @Test
    void scoresAreListedForEachBenchmark() {
        List<Score> scores = List.of(
                score("forward", ContenderKind.SIMD, LARGE, 1, 4000), score("train", ContenderKind.C, SMALL, 2, 25));

        assertThat(ScoreTable.csv(scores).lines().skip(1)).hasSize(2).allMatch(line -> line.endsWith(","));
        assertThat(ScoreTable.csv(scores))
                .startsWith("benchmark,parameters,M neuron-steps/s,error %,us/call,ns/neuron-step,B/call\n")
                .contains("ContenderBenchmark.forward,")
                .contains(",327.680,1.00000,4000.00,3.05176,");
        assertThat(ScoreTable.markdown(scores))
                .contains("ContenderBenchmark.forward\n\n|")
                .contains("\nContenderBenchmark.train\n\n|");
    }

    @Test
    void theSpreadOfIterationsIsKept() {
        assertThat(comparison.spread(ContenderKind.SIMD, LARGE, Pass.FORWARD, 2))
                .isEqualTo(0.02);
        assertThat(comparison.spread(ContenderKind.C, SMALL, Pass.FORWARD, 2)).isNaN();
    }

    @Test
    void thePlotHasADotWithABarForEachShape() {
        List<ContenderKind> kinds = List.of(ContenderKind.SIMD, ContenderKind.C);

        XYChart chart = SpeedPlot.chart(comparison, kinds, Pass.FORWARD, 2, true);

        XYSeries simd = chart.getSeries(ContenderKind.SIMD.title());
        assertThat(simd.getYData()).containsExactly(new double[] {655.36, 512}, within(1e-9));
        assertThat(simd.getExtraValues()).containsExactly(new double[] {13.1072, 10.24}, within(1e-9));
        XYSeries c = chart.getSeries(ContenderKind.C.title());
        assertThat(c.getYData()[1]).isNaN();
        assertThat(c.getXData()[0]).isGreaterThan(simd.getXData()[0]).isLessThan(simd.getXData()[1]);
        assertThat(chart.getStyler().getYAxisMin()).isEqualTo(100);
        assertThat(chart.getStyler().isLegendVisible()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void theAxesOfThePlotHaveLabels(int shapes) {
        System.setProperty("java.awt.headless", "true");
        List<Score> scores = new ArrayList<>();
        for (int i = 1; i <= shapes; i++) {
            scores.add(score("forward", ContenderKind.SIMD, new Shape(i, 1, 64), 2, 1000 * i));
        }
        XYChart chart = SpeedPlot.chart(new Comparison(scores), List.of(ContenderKind.SIMD), Pass.FORWARD, 2, true);
        Set<Double> speeds = labelled(
                chart.getStyler().getYAxisTickLabelsFormattingFunction(),
                chart.getStyler()::setYAxisTickLabelsFormattingFunction);
        Set<Double> places = labelled(
                chart.getStyler().getXAxisTickLabelsFormattingFunction(),
                chart.getStyler()::setXAxisTickLabelsFormattingFunction);
        BitmapEncoder.getBufferedImage(chart);
        assertThat(speeds).hasSizeGreaterThan(1);
        for (double shape = 0; shape < shapes; shape++) {
            assertThat(places).contains(shape);
        }
    }

    /** Where an axis has labels, once it is drawn. */
    private static Set<Double> labelled(Function<Double, String> labels, Consumer<Function<Double, String>> setter) {
        Set<Double> places = new HashSet<>();
        setter.accept(place -> {
            places.add(place);
            return labels.apply(place);
        });
        return places;
    }

    @Test
    void thePlotIsAnImageWithoutAScreen(@TempDir Path folder) throws IOException {
        System.setProperty("java.awt.headless", "true");
        Path file = folder.resolve("docs").resolve("performance.png");

        SpeedPlot.write(comparison, Pictures.prepare("plot", file));

        BufferedImage image = ImageIO.read(file.toFile());
        assertThat(image.getWidth()).isGreaterThan(800);
        assertThat(image.getHeight()).isGreaterThan(800);
    }
}
