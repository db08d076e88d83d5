// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.qlif.io.OutputFile;

/** A {@link Comparison} as one PNG: losses, accuracies, the hidden layer's spikes for one image, and how often its pixels spiked. */
final class ComparisonPlots {
    private static final int HALF = ChartStyle.WIDTH / 2;
    private static final int CURVES_HEIGHT = 420;
    private static final int RATE_HEIGHT = 170;
    private static final int RASTER_HEIGHT = 300;
    private static final int MAP = 280;
    private static final int MARGIN = 24;
    private static final int SMOOTHING = 50;
    /** All names and numbers fit below half a row. */
    private static final Font LEGEND_FONT = new Font(Font.SANS_SERIF, Font.PLAIN, 12);

    private static final List<Color> COLOURS =
            List.of(ChartStyle.BLUE, ChartStyle.ORANGE, ChartStyle.GREEN, ChartStyle.RED);

    private ComparisonPlots() {}

    static void write(OutputFile file, TrainingOptions options, Map<String, TrainingResult> results)
            throws IOException {
        List<BufferedImage> rasters = new ArrayList<>();
        float greatest = 0;
        for (TrainingResult result : results.values()) {
            greatest = Math.max(greatest, result.raster().greatestRate());
        }
        for (Map.Entry<String, TrainingResult> each : results.entrySet()) {
            rasters.add(Pictures.stacked(spikes(each.getKey(), each.getValue().raster(), greatest)));
        }
        SpikeRaster first = results.values().iterator().next().raster();
        Pictures.write(
                file,
                Pictures.joined(List.of(
                        Pictures.sideBySide(List.of(
                                BitmapEncoder.getBufferedImage(losses(results)),
                                BitmapEncoder.getBufferedImage(accuracies(results)))),
                        Pictures.sideBySide(rasters.subList(0, 2)),
                        Pictures.sideBySide(rasters.subList(2, rasters.size())),
                        inputMap(options, first))));
    }

    private static List<XYChart> spikes(String name, SpikeRaster raster, float greatest) {
        String title = String.format(
                Locale.ROOT,
                "%s: %.1f%% spikes, %s",
                name,
                100 * raster.rate(),
                raster.right() ? "recognised" : "mistaken");
        return List.of(
                Plots.rate(raster, HALF, RATE_HEIGHT, title, greatest), Plots.raster(raster, HALF, RASTER_HEIGHT));
    }

    private static XYChart losses(Map<String, TrainingResult> results) {
        XYChart chart = curves("Training loss, mean of " + SMOOTHING + " steps", "loss (cross-entropy)", results);
        // Uses its own points: if all series have the same ones, XChart labels some of these instead of round numbers.
        XYSeries baseline = chart.addSeries("baseline", List.of(0, epochs(results)), List.of(0, 0));
        baseline.setLineColor(ChartStyle.GREY);
        baseline.setMarker(SeriesMarkers.NONE);
        baseline.setShowInLegend(false);
        int colour = 0;
        for (Map.Entry<String, TrainingResult> each : results.entrySet()) {
            Plots.addLoss(chart, each.getKey(), each.getValue(), SMOOTHING, COLOURS.get(colour++));
        }
        chart.getStyler().setYAxisMin(0.0);
        return chart;
    }

    private static XYChart accuracies(Map<String, TrainingResult> results) {
        XYChart chart = curves("Accuracy: test (line), training (dashes)", "accuracy (%)", results);
        int colour = 0;
        for (Map.Entry<String, TrainingResult> each : results.entrySet()) {
            List<EpochResult> epochs = each.getValue().epochs();
            List<Integer> x = epochs.stream().map(EpochResult::epoch).toList();
            XYSeries trained = chart.addSeries(
                    each.getKey() + " training",
                    x,
                    epochs.stream().map(epoch -> 100 * epoch.accuracy()).toList());
            trained.setLineStyle(SeriesLines.DASH_DASH);
            trained.setShowInLegend(false);
            XYSeries tested = chart.addSeries(
                    String.format(
                            Locale.ROOT,
                            "%s: %.2f%%",
                            each.getKey(),
                            100 * epochs.getLast().testAccuracy()),
                    x,
                    epochs.stream().map(epoch -> 100 * epoch.testAccuracy()).toList());
            tested.setLineStyle(SeriesLines.SOLID);
            for (XYSeries series : List.of(trained, tested)) {
                series.setLineColor(COLOURS.get(colour));
                series.setMarkerColor(COLOURS.get(colour));
                series.setMarker(SeriesMarkers.CIRCLE);
            }
            colour++;
        }
        return chart;
    }

    private static int epochs(Map<String, TrainingResult> results) {
        return results.values().iterator().next().epochs().size();
    }

    private static XYChart curves(String title, String y, Map<String, TrainingResult> results) {
        int epochs = epochs(results);
        XYChart chart = ChartStyle.chart(HALF, CURVES_HEIGHT, title, "epoch", y);
        chart.getStyler().setXAxisMin(0.0);
        chart.getStyler().setXAxisMax((double) epochs);
        chart.getStyler().setXAxisTickMarkSpacingHint(HALF / Math.min(12, epochs + 2));
        ChartStyle.legendBelow(chart);
        chart.getStyler().setLegendFont(LEGEND_FONT);
        return chart;
    }

    /** A pixel that spiked at every step is white. */
    private static BufferedImage inputMap(TrainingOptions options, SpikeRaster raster) {
        BufferedImage picture = new BufferedImage(ChartStyle.WIDTH, MAP + 3 * MARGIN, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setColor(Color.WHITE);
        graphics.fillRect(0, 0, picture.getWidth(), picture.getHeight());
        graphics.setColor(ChartStyle.INK);
        graphics.setFont(ChartStyle.AXIS_FONT);
        graphics.drawString(
                String.format(
                        Locale.ROOT,
                        "The image, class %d: how often each pixel spiked, from 0 (black) to %d (white) times; %d hidden neurons",
                        raster.label(),
                        raster.steps(),
                        options.hidden()),
                MARGIN,
                MARGIN);
        float[] shares = new float[raster.inputCounts().length];
        for (int k = 0; k < shares.length; k++) {
            shares[k] = (float) raster.inputCounts()[k] / raster.steps();
        }
        Pictures.drawGrey(
                graphics,
                shares,
                raster.columns(),
                MARGIN,
                2 * MARGIN,
                Pictures.fitted(raster.columns(), shares.length / raster.columns(), MAP));
        graphics.dispose();
        return picture;
    }
}
