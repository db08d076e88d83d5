// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.awt.Color;
import java.io.IOException;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.qlif.io.OutputFile;
import org.qlif.training.NeuronCurves.Curve;

/** {@link NeuronCurves} as PNG: each file shows the whole range above a part of it. */
public final class CurvePlots {
    private static final int HEIGHT = 500;

    /** The colours of the curves, in order. */
    private static final List<Color> COLOURS =
            List.of(ChartStyle.BLUE, ChartStyle.ORANGE, ChartStyle.GREEN, ChartStyle.RED, ChartStyle.INK);

    private static final String CURRENT = "input current I";
    private static final String RATE = "spikes in 100 steps";
    private static final String GAP = "gap Δ = V' − θ";
    private static final String PROBABILITY = "spike probability p";

    private CurvePlots() {}

    /**
     * Writes firing rates.
     *
     * @param wide over the whole range; the last curve, of a neuron with another input scale, is left out there
     * @param near of the same neurons, near the threshold
     */
    public static void writeRates(OutputFile file, List<Curve> wide, List<Curve> near) throws IOException {
        XYChart above = chart("Firing rate under a constant current", CURRENT, RATE);
        addAll(above, wide.subList(0, wide.size() - 1), CurvePlots::percent);
        XYChart below = chart(
                "The same near the threshold, with " + near.getLast().name() + ", which needs less current",
                CURRENT,
                RATE);
        addAll(below, near, CurvePlots::percent);
        Pictures.write(file, List.of(above, below));
    }

    /**
     * Writes spike probabilities.
     *
     * @param wide over the whole range
     * @param near the calibrated ones, around a gap of 0
     */
    public static void writeProbabilities(OutputFile file, List<Curve> wide, List<Curve> near) throws IOException {
        XYChart above = chart("Spike probability over the gap, α and β as calibrated", GAP, PROBABILITY);
        addAll(above, wide, Double::doubleValue);
        XYChart below = chart("The calibration: p = 0.02 and slope 0.10 at a gap of 0", GAP, PROBABILITY);
        addAll(below, near, Double::doubleValue);
        double p0 = NeuronCurves.CALIBRATED_PROBABILITY;
        double s0 = NeuronCurves.CALIBRATED_SLOPE;
        List<Double> x = near.getFirst().x();
        // From where the curve is 0.
        double first = Math.max(x.getFirst(), -p0 / s0);
        XYSeries tangent = add(
                below,
                "slope",
                List.of(first, x.getLast()),
                List.of(p0 + s0 * first, p0 + s0 * x.getLast()),
                ChartStyle.INK);
        tangent.setLineStyle(SeriesLines.DASH_DASH);
        XYSeries point = add(below, "calibration point", List.of(0.0), List.of(p0), ChartStyle.INK);
        point.setMarker(SeriesMarkers.CIRCLE);
        Pictures.write(file, List.of(above, below));
    }

    private static XYChart chart(String title, String xAxis, String yAxis) {
        XYChart chart = ChartStyle.chart(HEIGHT, title, xAxis, yAxis);
        ChartStyle.legendBelow(chart);
        chart.getStyler().setYAxisMin(0.0);
        chart.getStyler().setDecimalPattern("0.##");
        return chart;
    }

    private static double percent(double share) {
        return 100 * share;
    }

    private static void addAll(XYChart chart, List<Curve> curves, ToDoubleFunction<Double> scale) {
        List<Double> x = curves.getFirst().x();
        // Uses its own points: if all series have the same ones, XChart labels some of these instead of round numbers.
        add(chart, "baseline", List.of(x.getFirst(), x.getLast()), List.of(0.0, 0.0), ChartStyle.GREY)
                .setShowInLegend(false);
        for (int i = 0; i < curves.size(); i++) {
            Curve curve = curves.get(i);
            List<Double> y = curve.y().stream().map(scale::applyAsDouble).toList();
            add(chart, curve.name(), curve.x(), y, COLOURS.get(i));
        }
    }

    private static XYSeries add(XYChart chart, String name, List<Double> x, List<Double> y, Color colour) {
        XYSeries series = chart.addSeries(name, x, y);
        series.setLineColor(colour);
        series.setLineStyle(SeriesLines.SOLID);
        series.setMarkerColor(colour);
        series.setMarker(SeriesMarkers.NONE);
        return series;
    }
}
