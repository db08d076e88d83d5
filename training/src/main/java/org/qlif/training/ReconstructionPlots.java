// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.awt.Color;
import java.awt.Dimension;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.qlif.io.OutputFile;

/** The curves of a {@link Reconstruction} above a grid of originals and reconstructions, as one PNG. */
final class ReconstructionPlots {
    private static final int CURVES_HEIGHT = 460;
    private static final int MARGIN = 24;
    /** The width of the rows' names at the left. */
    private static final int NAMES = 170;

    private static final int GAP = 8;
    /** The size of an image, if there are few. */
    private static final int MOST_SIDE = 160;
    /** The width of a row's name. */
    private static final int LEAST_HEIGHT = 20;

    private static final int WHITE = 255;

    private static final List<Color> COLOURS = List.of(ChartStyle.BLUE, ChartStyle.ORANGE);

    private ReconstructionPlots() {}

    /**
     * Writes the picture.
     *
     * @param shown the numbers of the test images in it
     * @param outputs each network's outputs for them, before the sigmoid
     */
    static void write(
            OutputFile file,
            TrainingOptions options,
            ReconstructionResult result,
            ImageSet images,
            int[] shown,
            Map<String, float[]> outputs)
            throws IOException {
        BufferedImage curves = Pictures.stacked(List.of(curves(options, result)));
        Pictures.write(file, Pictures.joined(List.of(curves, grid(images, shown, outputs))));
    }

    private static XYChart curves(TrainingOptions options, ReconstructionResult result) {
        XYChart chart = ChartStyle.chart(
                CURVES_HEIGHT,
                String.format(
                        Locale.ROOT,
                        "Reconstruction of the test images: %d spiking neurons, %d time steps",
                        options.hidden(),
                        options.steps()),
                "epoch",
                "binary cross-entropy a pixel");
        chart.getStyler().setXAxisMin(0.5);
        chart.getStyler().setXAxisMax(options.epochs() + 0.5);
        chart.getStyler().setDecimalPattern("0.###");
        chart.getStyler().setXAxisTickMarkSpacingHint(ChartStyle.WIDTH / Math.min(12, options.epochs() + 2));
        ChartStyle.legendBelow(chart);
        int colour = 0;
        for (Map.Entry<String, List<ReconstructionResult.Epoch>> each :
                result.epochs().entrySet()) {
            XYSeries series = chart.addSeries(
                    String.format(
                            Locale.ROOT,
                            "%s: %.4f after epoch %d",
                            each.getKey(),
                            result.testBce(each.getKey()),
                            options.epochs()),
                    each.getValue().stream()
                            .map(ReconstructionResult.Epoch::epoch)
                            .toList(),
                    each.getValue().stream()
                            .map(ReconstructionResult.Epoch::testBce)
                            .toList());
            series.setLineColor(COLOURS.get(colour));
            series.setMarkerColor(COLOURS.get(colour));
            series.setMarker(SeriesMarkers.CIRCLE);
            colour++;
        }
        return chart;
    }

    private static BufferedImage grid(ImageSet images, int[] shown, Map<String, float[]> outputs) {
        int side = Math.min(MOST_SIDE, (ChartStyle.WIDTH - NAMES - MARGIN) / shown.length - GAP);
        Dimension each = Pictures.fitted(images.columns(), images.rows(), side);
        int height = Math.max(each.height, LEAST_HEIGHT);
        BufferedImage picture = new BufferedImage(
                ChartStyle.WIDTH, (1 + outputs.size()) * (height + GAP) + 2 * MARGIN, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        graphics.setColor(Color.WHITE);
        graphics.fillRect(0, 0, picture.getWidth(), picture.getHeight());
        graphics.setColor(ChartStyle.INK);
        graphics.setFont(ChartStyle.AXIS_FONT);
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        int size = images.pixelsPerImage();
        int y = MARGIN;
        graphics.drawString("original", MARGIN, y + height / 2);
        for (int i = 0; i < shown.length; i++) {
            int image = shown[i];
            float[] levels = new float[size];
            for (int k = 0; k < size; k++) {
                levels[k] = (images.pixels()[image * size + k] & 0xff) / (float) WHITE;
            }
            Pictures.drawGrey(graphics, levels, images.columns(), NAMES + i * (side + GAP), y, each);
        }
        for (Map.Entry<String, float[]> output : outputs.entrySet()) {
            y += height + GAP;
            graphics.drawString(output.getKey(), MARGIN, y + height / 2);
            for (int i = 0; i < shown.length; i++) {
                float[] levels = new float[size];
                for (int k = 0; k < size; k++) {
                    levels[k] = (float) (1 / (1 + Math.exp(-output.getValue()[i * size + k])));
                }
                Pictures.drawGrey(graphics, levels, images.columns(), NAMES + i * (side + GAP), y, each);
            }
        }
        graphics.dispose();
        return picture;
    }
}
