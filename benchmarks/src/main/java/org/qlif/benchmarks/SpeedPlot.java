// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler.ChartTheme;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.qlif.io.OutputFile;
import org.qlif.training.Pictures;

/** Bars of neuron-steps a second, grouped by shape, on a logarithmic axis: the contenders lie three orders of magnitude apart. */
final class SpeedPlot {
    private static final int WIDTH = 1100;
    private static final int HEIGHT = 620;

    /** Each contender keeps its colour in every plot; told apart by lightness too. */
    private static final Map<ContenderKind, Color> COLOURS = Map.of(
            ContenderKind.SIMD, new Color(0x1B5E9E),
            ContenderKind.SCALAR, new Color(0x7FB3E0),
            ContenderKind.NATIVE, new Color(0x2E8B57),
            ContenderKind.TORCH, new Color(0xE07B39),
            ContenderKind.C, new Color(0x4D4D4D),
            ContenderKind.C_LIBM, new Color(0xA6A6A6));

    private SpeedPlot() {}

    /** Bars of one pass and number of threads. */
    static CategoryChart chart(Comparison comparison, Pass pass, int threads) {
        List<Shape> shapes = comparison.shapes();
        CategoryChart chart = new CategoryChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .theme(ChartTheme.XChart)
                .title((pass == Pass.FORWARD ? "Forward" : "Forward + backward") + ", " + threads
                        + (threads == 1 ? " thread" : " threads"))
                .xAxisTitle("time steps x batch x neurons")
                .yAxisTitle("M neuron-steps/s (logarithmic)")
                .build();
        CategoryStyler styler = chart.getStyler();
        styler.setAvailableSpaceFill(0.9);
        styler.setLabelsVisible(true);
        styler.setLabelsPosition(1.05);
        styler.setLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 11));
        styler.setYAxisLogarithmic(true);
        styler.setPlotBorderVisible(false);
        styler.setPlotGridVerticalLinesVisible(false);
        styler.setLegendPosition(LegendPosition.OutsideS);
        styler.setLegendLayout(LegendLayout.Vertical);
        styler.setLegendBorderColor(Color.WHITE);
        styler.setChartBackgroundColor(Color.WHITE);
        double lowest = Double.MAX_VALUE;
        double highest = 0;
        for (ContenderKind kind : comparison.contenders(pass)) {
            List<Double> speeds = new ArrayList<>();
            for (Shape shape : shapes) {
                double speed = comparison.millionsPerSecond(kind, shape, pass, threads);
                // XChart leaves a null out.
                speeds.add(Double.isNaN(speed) ? null : speed);
                if (!Double.isNaN(speed)) {
                    lowest = Math.min(lowest, speed);
                    highest = Math.max(highest, speed);
                }
            }
            chart.addSeries(kind.title(), shapes.stream().map(Shape::toString).toList(), speeds)
                    .setFillColor(COLOURS.get(kind));
        }
        styler.setYAxisMin(Math.pow(10, Math.floor(Math.log10(lowest))));
        styler.setYAxisMax(Math.pow(10, Math.ceil(Math.log10(highest))));
        styler.setYAxisTickLabelsFormattingFunction(SpeedPlot::tick);
        return chart;
    }

    /** Of ticks and of the numbers above the bars: two significant digits, three from 100 on. */
    private static String tick(double value) {
        return new BigDecimal(value)
                .round(new MathContext(value < 100 ? 2 : 3))
                .stripTrailingZeros()
                .toPlainString();
    }

    /** Writes forward and training below each other, with the most threads, as PNG. */
    static void write(Comparison comparison, OutputFile file) throws IOException {
        int threads = comparison.threads().getLast();
        List<CategoryChart> charts = comparison.passes().stream()
                .map(pass -> chart(comparison, pass, threads))
                .toList();
        Pictures.write(file, charts);
    }
}
