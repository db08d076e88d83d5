// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.qlif.io.OutputFile;

/** Loss and accuracies over epochs, and spikes over time with their rate, stacked in one PNG. */
final class Plots {
    private static final int LOSS_HEIGHT = 320;
    private static final int ACCURACY_HEIGHT = 330;
    private static final int RATE_HEIGHT = 210;
    private static final int RASTER_HEIGHT = 560;
    /** The number of steps over which the loss is averaged, since the loss of a batch is noisy. */
    private static final int SMOOTHING = 10;

    /** The margin, as a share of the data's height or width, so that its ends are visible and labelled. */
    private static final double MARGIN = 0.04;

    private static final Color LOSS = ChartStyle.GREY;
    private static final Color TRAINED = ChartStyle.ORANGE;
    private static final Color TESTED = ChartStyle.BLUE;
    private static final Color SPIKE = ChartStyle.INK;

    private Plots() {}

    /** Checks before hours of training whether the plot can be written. */
    static OutputFile prepare(Path file) throws IOException {
        return Pictures.prepare("plot", file);
    }

    static void write(OutputFile file, TrainingOptions options, TrainingResult result) throws IOException {
        SpikeRaster spikes = result.raster();
        Pictures.write(
                file,
                List.of(
                        losses(options, result),
                        accuracies(result),
                        rate(spikes, ChartStyle.WIDTH, RATE_HEIGHT, title(spikes), spikes.greatestRate()),
                        raster(spikes, ChartStyle.WIDTH, RASTER_HEIGHT)));
    }

    private static XYChart losses(TrainingOptions options, TrainingResult result) {
        XYChart chart = overEpochs(
                LOSS_HEIGHT,
                String.format(
                        Locale.ROOT,
                        "%s, %d hidden neurons, %d time steps: %.2f%% of the test images after epoch %d",
                        options.neuron() == NeuronPreset.LIF ? "LIF" : "QLIF " + options.neuron(),
                        options.hidden(),
                        options.steps(),
                        100 * result.epochs().getLast().testAccuracy(),
                        result.epochs().size()),
                "cross-entropy",
                result);
        double greatest = Collections.max(result.stepLosses());
        chart.getStyler().setYAxisMin(-MARGIN * greatest);
        chart.getStyler().setYAxisMax((1 + MARGIN) * greatest);
        addLoss(chart, "training loss, mean of " + SMOOTHING + " steps", result, SMOOTHING, LOSS);
        return chart;
    }

    private static XYChart accuracies(TrainingResult result) {
        XYChart chart = overEpochs(ACCURACY_HEIGHT, "", "accuracy (%)", result);
        chart.getStyler().setChartTitleVisible(false);
        double least = result.epochs().stream()
                .mapToDouble(epoch -> Math.min(epoch.accuracy(), epoch.testAccuracy()))
                .min()
                .orElseThrow();
        // From a round number below all values, so that differences are visible.
        double floor = 10 * Math.floor(10 * Math.min(least, 0.99));
        chart.getStyler().setYAxisMin(floor - MARGIN * (100 - floor));
        chart.getStyler().setYAxisMax(100 + MARGIN * (100 - floor));
        addAccuracy(chart, "training accuracy, mean of the epoch", result, EpochResult::accuracy, TRAINED);
        addAccuracy(chart, "test accuracy after the epoch", result, EpochResult::testAccuracy, TESTED);
        return chart;
    }

    private static XYChart overEpochs(int height, String title, String yAxis, TrainingResult result) {
        int epochs = result.epochs().size();
        XYChart chart = ChartStyle.chart(height, title, "epoch", yAxis);
        ChartStyle.align(chart);
        chart.getStyler().setXAxisMin(0.0);
        chart.getStyler().setXAxisMax((1 + MARGIN / 2) * epochs);
        // One tick an epoch, or every few epochs of a long run.
        chart.getStyler().setXAxisTickMarkSpacingHint(ChartStyle.WIDTH / Math.min(12, epochs + 2));
        ChartStyle.legendBelow(chart);
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

    private static void addAccuracy(
            XYChart chart, String name, TrainingResult result, ToDoubleFunction<EpochResult> accuracy, Color color) {
        XYSeries series = chart.addSeries(
                name,
                result.epochs().stream().map(EpochResult::epoch).toList(),
                result.epochs().stream()
                        .map(epoch -> 100 * accuracy.applyAsDouble(epoch))
                        .toList());
        series.setLineColor(color);
        series.setMarkerColor(color);
        series.setMarker(SeriesMarkers.CIRCLE);
    }

    private static String title(SpikeRaster raster) {
        return String.format(
                Locale.ROOT,
                "Spikes of the hidden layer for the first test image, class %d (%s): %.1f%% of all steps",
                raster.label(),
                raster.right() ? "recognised" : "mistaken",
                100 * raster.rate());
    }

    /**
     * The share of neurons that spike at each step, for a chart above {@link #raster}.
     *
     * @param greatest the minimum percentage at the end of the axis, so that several charts can be compared
     */
    static XYChart rate(SpikeRaster raster, int width, int height, String title, float greatest) {
        float[] percent = raster.rates();
        XYChart chart = overTime(raster, width, height, title, "rate (%)");
        ChartStyle.withoutXAxis(chart);
        chart.getStyler().setYAxisTickMarkSpacingHint(40);
        List<Integer> times = new ArrayList<>();
        List<Float> rates = new ArrayList<>();
        for (int t = 0; t < percent.length; t++) {
            times.add(t);
            rates.add(percent[t]);
        }
        chart.getStyler().setYAxisMin(-0.05 * Math.max(1, greatest));
        chart.getStyler().setYAxisMax(1.15 * Math.max(1, greatest));
        XYSeries series = chart.addSeries("rate", times, rates);
        series.setLineColor(SPIKE);
        series.setMarker(SeriesMarkers.CIRCLE);
        series.setMarkerColor(SPIKE);
        return chart;
    }

    private static XYChart overTime(SpikeRaster raster, int width, int height, String title, String yAxis) {
        XYChart chart = ChartStyle.chart(width, height, title, "time step", yAxis);
        ChartStyle.align(chart);
        chart.getStyler().setChartTitleVisible(!title.isEmpty());
        chart.getStyler().setLegendVisible(false);
        chart.getStyler().setMarkerSize(4);
        chart.getStyler().setXAxisTickMarkSpacingHint(100);
        chart.getStyler().setXAxisMin(-0.5);
        chart.getStyler().setXAxisMax(raster.steps() - 0.5);
        return chart;
    }

    /** A point for each spike. */
    static XYChart raster(SpikeRaster raster, int width, int height) {
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
        XYChart chart = overTime(raster, width, height, "", "neuron");
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
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
