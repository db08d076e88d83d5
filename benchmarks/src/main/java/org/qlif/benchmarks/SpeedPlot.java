// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.ChartTheme;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.qlif.io.OutputFile;
import org.qlif.training.Pictures;

/**
 * Dots of neuron-steps per second, with bars for the spread of the iterations, in a column for each shape. The axis is logarithmic, so that
 * equal distances are equal ratios: contenders are up to three orders of magnitude apart.
 */
final class SpeedPlot {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 450;
    private static final int LEGEND_HEIGHT = 90;

    /**
     * XChart gives the logarithmic axis no ticks if the other axis' are to be farther apart than it is long, which is the height without
     * title and labels.
     */
    private static final int WIDEST_TICKS = 340;

    /** The distance between the dots of neighbouring contenders; shapes are 1 apart. */
    private static final double STEP = 0.1;

    private static final int MARKER_SIZE = 10;

    /** The maximum length of a bar, relative to the speed: it must end above 0. */
    private static final double LONGEST_BAR = 0.9;

    /** Each contender has the same colour in every plot; colours also differ in lightness. */
    private static final Map<ContenderKind, Color> COLOURS = Map.of(
            ContenderKind.SIMD, new Color(0x1B5E9E),
            ContenderKind.SCALAR, new Color(0x7FB3E0),
            ContenderKind.NATIVE, new Color(0x2E8B57),
            ContenderKind.TORCH, new Color(0xE07B39),
            ContenderKind.C, new Color(0x4D4D4D),
            ContenderKind.C_LIBM, new Color(0xA6A6A6));

    private SpeedPlot() {}

    /**
     * The dots of one pass and number of threads.
     *
     * @param kinds the contenders, each with a place beside each shape and a line in the legend
     * @param legend whether to explain the dots below
     */
    static XYChart chart(Comparison comparison, List<ContenderKind> kinds, Pass pass, int threads, boolean legend) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT + (legend ? LEGEND_HEIGHT : 0))
                .theme(ChartTheme.XChart)
                .title((pass == Pass.FORWARD ? "Forward" : "Forward + backward") + ", " + threads
                        + (threads == 1 ? " thread" : " threads"))
                .yAxisTitle("M neuron-steps/s (logarithmic)")
                .build();
        style(chart.getStyler(), comparison.shapes(), legend);
        double lowest = Double.MAX_VALUE;
        double highest = 0;
        for (ContenderKind kind : kinds) {
            double[] speeds = speeds(comparison, kind, pass, threads);
            double[] bars = new double[speeds.length];
            double[] places = new double[speeds.length];
            for (int i = 0; i < speeds.length; i++) {
                places[i] = i + STEP * (kinds.indexOf(kind) - (kinds.size() - 1) / 2.0);
                double spread = comparison.spread(kind, comparison.shapes().get(i), pass, threads);
                bars[i] = Double.isNaN(spread) ? 0 : speeds[i] * Math.min(spread, LONGEST_BAR);
                if (!Double.isNaN(speeds[i])) {
                    lowest = Math.min(lowest, speeds[i] - bars[i]);
                    highest = Math.max(highest, speeds[i] + bars[i]);
                }
            }
            XYSeries series = chart.addSeries(kind.title(), places, speeds, bars);
            series.setMarker(SeriesMarkers.CIRCLE).setMarkerColor(COLOURS.get(kind));
            series.setLineColor(COLOURS.get(kind));
        }
        chart.getStyler().setYAxisMin(Math.pow(10, Math.floor(Math.log10(lowest))));
        chart.getStyler().setYAxisMax(Math.pow(10, Math.ceil(Math.log10(highest))));
        return chart;
    }

    private static void style(XYStyler styler, List<Shape> shapes, boolean legend) {
        styler.setDefaultSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
        styler.setMarkerSize(MARKER_SIZE);
        styler.setYAxisLogarithmic(true);
        styler.setYAxisTickLabelsFormattingFunction(SpeedPlot::tick);
        styler.setXAxisMin(-0.5);
        styler.setXAxisMax(shapes.size() - 0.5);
        // Narrow enough that each shape has a tick. With a hint larger than its height, XChart leaves the logarithmic
        // axis without ticks.
        styler.setXAxisTickMarkSpacingHint(Math.min(3 * WIDTH / (4 * shapes.size()), HEIGHT / 2));
        styler.setXAxisTickLabelsFormattingFunction(place -> shape(shapes, place));
        styler.setPlotBorderVisible(false);
        styler.setPlotGridVerticalLinesVisible(false);
        styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
        styler.setChartBackgroundColor(Color.WHITE);
        styler.setLegendVisible(legend);
        styler.setLegendPosition(LegendPosition.OutsideS);
        styler.setLegendLayout(LegendLayout.Vertical);
        styler.setLegendBorderColor(Color.WHITE);
    }

    /** A shape's name at its place. In between, a different number of blanks each time, since XChart wants all labels to differ. */
    private static String shape(List<Shape> shapes, double place) {
        int index = (int) Math.round(place);
        if (Math.abs(place - index) > STEP / 2 || index < 0 || index >= shapes.size()) {
            return " ".repeat((int) Math.round(2 * place) + 2);
        }
        return shapes.get(index).inBrackets();
    }

    private static double[] speeds(Comparison comparison, ContenderKind kind, Pass pass, int threads) {
        return comparison.shapes().stream()
                .mapToDouble(shape -> comparison.millionsPerSecond(kind, shape, pass, threads))
                .toArray();
    }

    /** The label of a tick, which is a power of ten up to rounding. */
    private static String tick(double value) {
        return new BigDecimal(value)
                .round(new MathContext(2))
                .stripTrailingZeros()
                .toPlainString();
    }

    /** Writes a PNG with training below forward, both with the maximum number of threads, and one legend. */
    static void write(Comparison comparison, OutputFile file) throws IOException {
        int threads = comparison.threads().getLast();
        List<Pass> passes = comparison.passes();
        List<ContenderKind> kinds = Arrays.stream(ContenderKind.values())
                .filter(kind -> passes.stream()
                        .anyMatch(pass -> comparison.contenders(pass).contains(kind)))
                .toList();
        List<XYChart> charts = passes.stream()
                .map(pass -> chart(comparison, kinds, pass, threads, pass == passes.getLast()))
                .toList();
        Pictures.write(file, charts);
    }
}
