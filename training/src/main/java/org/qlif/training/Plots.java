// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.qlif.io.OutputFile;

/** The learning curves above a spike raster, as one PNG. */
final class Plots {
    private static final int CURVES_HEIGHT = 520;
    private static final int RASTER_HEIGHT = 620;
    private static final int LOSS_AXIS = 0;
    private static final int ACCURACY_AXIS = 1;
    /** Steps that the loss is averaged over: a batch's own loss is noisy. */
    private static final int SMOOTHING = 10;

    private static final Color LOSS = ChartStyle.GREY;
    private static final Color TRAINED = ChartStyle.ORANGE;
    private static final Color TESTED = ChartStyle.BLUE;
    private static final Color SPIKE = ChartStyle.INK;

    private Plots() {}

    /** Says now what would be a pity to learn after hours of training. */
    static OutputFile prepare(Path file) throws IOException {
        return Pictures.prepare("plot", file);
    }

    static void write(OutputFile file, TrainingOptions options, TrainingResult result) throws IOException {
        Pictures.write(file, List.of(curves(options, result), raster(result.raster())));
    }

    private static XYChart curves(TrainingOptions options, TrainingResult result) {
        double last = result.epochs().getLast().testAccuracy();
        XYChart chart = ChartStyle.chart(
                CURVES_HEIGHT,
                String.format(
                        Locale.ROOT,
                        "%s, %d hidden neurons, %d time steps: %.2f%% of the test images after epoch %d",
                        options.neuron() == NeuronPreset.LIF ? "LIF" : "QLIF " + options.neuron(),
                        options.hidden(),
                        options.steps(),
                        100 * last,
                        result.epochs().size()),
                "epoch",
                "loss (cross-entropy)");
        chart.setYAxisGroupTitle(ACCURACY_AXIS, "accuracy (%)");
        chart.getStyler().setYAxisGroupPosition(ACCURACY_AXIS, Styler.YAxisPosition.Right);
        chart.getStyler().setYAxisMin(LOSS_AXIS, 0.0);
        chart.getStyler().setYAxisMin(ACCURACY_AXIS, 0.0);
        chart.getStyler().setYAxisMax(ACCURACY_AXIS, 100.0);
        chart.getStyler().setXAxisMin(0.0);
        chart.getStyler().setXAxisMax((double) result.epochs().size());
        // One tick an epoch, or every few epochs of a long run.
        chart.getStyler()
                .setXAxisTickMarkSpacingHint(
                        ChartStyle.WIDTH / Math.min(12, result.epochs().size() + 2));
        ChartStyle.legendBelow(chart);

        XYSeries loss = addLoss(chart, "training loss, mean of " + SMOOTHING + " steps", result, SMOOTHING, LOSS);
        loss.setYAxisGroup(LOSS_AXIS);

        List<Integer> epochs = result.epochs().stream().map(EpochResult::epoch).toList();
        addAccuracy(
                chart,
                "training accuracy, mean of the epoch",
                epochs,
                result.epochs().stream().map(epoch -> 100 * epoch.accuracy()).toList(),
                TRAINED);
        addAccuracy(
                chart,
                "test accuracy",
                epochs,
                result.epochs().stream()
                        .map(epoch -> 100 * epoch.testAccuracy())
                        .toList(),
                TESTED);
        return chart;
    }

    /** Over epochs, the mean loss of the last steps. */
    static XYSeries addLoss(XYChart chart, String name, TrainingResult result, int smoothing, Color colour) {
        List<Double> progress = new ArrayList<>();
        List<Double> smoothed = new ArrayList<>();
        List<Double> losses = result.stepLosses();
        double stepsInEpoch = (double) losses.size() / result.epochs().size();
        for (int step = 0; step < losses.size(); step++) {
            int from = Math.max(0, step + 1 - smoothing);
            progress.add((step + 1) / stepsInEpoch);
            smoothed.add(losses.subList(from, step + 1).stream()
                    .mapToDouble(Double::doubleValue)
                    .average()
                    .orElseThrow());
        }
        XYSeries loss = chart.addSeries(name, progress, smoothed);
        loss.setLineColor(colour);
        loss.setMarker(SeriesMarkers.NONE);
        return loss;
    }

    private static void addAccuracy(XYChart chart, String name, List<Integer> x, List<Double> y, Color color) {
        XYSeries series = chart.addSeries(name, x, y);
        series.setYAxisGroup(ACCURACY_AXIS);
        series.setLineColor(color);
        series.setMarkerColor(color);
        series.setMarker(SeriesMarkers.CIRCLE);
    }

    private static XYChart raster(SpikeRaster raster) {
        return raster(
                raster,
                ChartStyle.WIDTH,
                RASTER_HEIGHT,
                String.format(
                        Locale.ROOT,
                        "Spikes of the hidden layer for the first test image, class %d (%s): %.1f%% of all steps",
                        raster.label(),
                        raster.right() ? "recognised" : "mistaken",
                        100 * raster.rate()));
    }

    /** A point for each spike. */
    static XYChart raster(SpikeRaster raster, int width, int height, String title) {
        List<Integer> times = new ArrayList<>();
        List<Integer> neurons = new ArrayList<>();
        for (int t = 0; t < raster.steps(); t++) {
            for (int n = 0; n < raster.neurons(); n++) {
                if (raster.spike(t, n)) {
                    times.add(t);
                    neurons.add(n);
                }
            }
        }
        XYChart chart = ChartStyle.chart(width, height, title, "time step", "neuron");
        chart.getStyler().setLegendVisible(false);
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
        chart.getStyler().setMarkerSize(4);
        chart.getStyler().setXAxisTickMarkSpacingHint(100);
        chart.getStyler().setXAxisMin(-0.5);
        chart.getStyler().setXAxisMax(raster.steps() - 0.5);
        chart.getStyler().setYAxisMin(-1.0);
        chart.getStyler().setYAxisMax((double) raster.neurons());
        // XChart refuses an empty series.
        if (!times.isEmpty()) {
            XYSeries spikes = chart.addSeries("spike", times, neurons);
            spikes.setMarker(SeriesMarkers.CIRCLE);
            spikes.setMarkerColor(SPIKE);
        }
        return chart;
    }
}
