// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.awt.Color;
import java.awt.Dimension;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.internal.chartpart.Chart;
import org.qlif.io.OutputFile;
import org.w3c.dom.Document;

/** Charts as PNG or SVG files, at the end of long work. */
public final class Pictures {
    private static final int TRIAL_WIDTH = 120;
    private static final int TRIAL_HEIGHT = 90;

    /** The bits of a pixel. */
    private static final int SVG_DECIMALS = 2;

    private Pictures() {}

    /**
     * Throws, before the work begins, if the picture could not be made after it: because the file can't be written, or because Java can't
     * draw text.
     *
     * @param name the option that names the file
     */
    public static OutputFile prepare(String name, Path file) throws IOException {
        // Read when AWT loads; nothing here needs a display.
        if (System.getProperty("java.awt.headless") == null) {
            System.setProperty("java.awt.headless", "true");
        }
        OutputFile output = OutputFile.prepare(name, file);
        try {
            var trial = new XYChartBuilder()
                    .width(TRIAL_WIDTH)
                    .height(TRIAL_HEIGHT)
                    .title("trial")
                    .build();
            trial.addSeries("trial", new double[] {0, 1});
            png(stacked(List.of(trial)));
        } catch (RuntimeException | Error cause) {
            // Without fonts, or without the libraries that read them, AWT throws errors and exceptions of many kinds.
            throw new IOException(
                    name + ": can't draw " + file + ": Java finds no fonts to write with (" + reason(cause)
                            + "); install fontconfig and a font, such as DejaVu",
                    cause);
        }
        return output;
    }

    /** Whether a file of this name becomes an SVG; any other becomes a PNG. */
    public static boolean isSvg(Path file) {
        return file.toString().toLowerCase(Locale.ROOT).endsWith(".svg");
    }

    /** The charts, stacked. */
    public static BufferedImage stacked(List<? extends Chart<?, ?>> charts) {
        return joined(charts.stream().map(BitmapEncoder::getBufferedImage).toList());
    }

    /** The pictures side by side. */
    static BufferedImage sideBySide(List<BufferedImage> parts) {
        int width = parts.stream().mapToInt(BufferedImage::getWidth).sum();
        int height = parts.stream().mapToInt(BufferedImage::getHeight).max().orElseThrow();
        BufferedImage picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        graphics.setColor(Color.WHITE);
        graphics.fillRect(0, 0, width, height);
        int left = 0;
        for (BufferedImage part : parts) {
            graphics.drawImage(part, left, 0, null);
            left += part.getWidth();
        }
        graphics.dispose();
        return picture;
    }

    /** The pictures, stacked. */
    static BufferedImage joined(List<BufferedImage> parts) {
        int width = parts.stream().mapToInt(BufferedImage::getWidth).max().orElseThrow();
        int height = parts.stream().mapToInt(BufferedImage::getHeight).sum();
        BufferedImage picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        int top = 0;
        for (BufferedImage part : parts) {
            graphics.drawImage(part, 0, top, null);
            top += part.getHeight();
        }
        graphics.dispose();
        return picture;
    }

    private static Dimension size(List<? extends Chart<?, ?>> charts) {
        return new Dimension(
                charts.stream().mapToInt(Chart::getWidth).max().orElseThrow(),
                charts.stream().mapToInt(Chart::getHeight).sum());
    }

    /** Writes the charts, stacked, as an SVG or a PNG, {@linkplain #isSvg by the file's name}. */
    public static void write(OutputFile file, List<? extends Chart<?, ?>> charts) throws IOException {
        file.write(isSvg(file.path()) ? svg(charts) : png(stacked(charts)));
    }

    /**
     * Draws grey pixels.
     *
     * @param levels row by row, 0 for black to 1 for white
     * @param columns the number in a row
     * @param size the size of the drawing
     */
    static void drawGrey(Graphics2D graphics, float[] levels, int columns, int x, int y, Dimension size) {
        int rows = levels.length / columns;
        BufferedImage pixels = new BufferedImage(columns, rows, BufferedImage.TYPE_INT_RGB);
        for (int k = 0; k < levels.length; k++) {
            int level = Math.round(levels[k] * 255);
            pixels.setRGB(k % columns, k / columns, level << 16 | level << 8 | level);
        }
        graphics.drawImage(pixels, x, y, size.width, size.height, null);
    }

    /** The size of an image of {@code columns} x {@code rows} pixels in a square of {@code side}, at least one pixel each way. */
    static Dimension fitted(int columns, int rows, int side) {
        int longer = Math.max(columns, rows);
        return new Dimension(
                Math.max(1, (int) ((long) side * columns / longer)), Math.max(1, (int) ((long) side * rows / longer)));
    }

    /** Writes a picture, as a PNG. */
    static void write(OutputFile file, BufferedImage picture) throws IOException {
        file.write(png(picture));
    }

    private static byte[] svg(List<? extends Chart<?, ?>> charts) throws IOException {
        SVGGeneratorContext context = SVGGeneratorContext.createDefault(document());
        context.setPrecision(SVG_DECIMALS);
        context.setComment(null);
        SVGGraphics2D graphics = new SVGGraphics2D(context, false);
        graphics.setSVGCanvasSize(size(charts));
        int top = 0;
        for (Chart<?, ?> chart : charts) {
            Graphics2D own = (Graphics2D) graphics.create(0, top, chart.getWidth(), chart.getHeight());
            chart.paint(own, chart.getWidth(), chart.getHeight());
            own.dispose();
            top += chart.getHeight();
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (Writer out = new OutputStreamWriter(bytes, StandardCharsets.UTF_8)) {
            graphics.stream(out, true);
        }
        return bytes.toByteArray();
    }

    private static Document document() throws IOException {
        try {
            return DocumentBuilderFactory.newDefaultInstance()
                    .newDocumentBuilder()
                    .getDOMImplementation()
                    .createDocument("http://www.w3.org/2000/svg", "svg", null);
        } catch (ParserConfigurationException cause) {
            throw new IOException("this JDK makes no XML documents", cause);
        }
    }

    /** Encoded in memory, so that a failure happens before anything is written. */
    private static byte[] png(BufferedImage picture) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
            if (!ImageIO.write(picture, "png", out)) {
                throw new IOException("this JDK has no PNG writer");
            }
        }
        return bytes.toByteArray();
    }

    /** The message of the root cause. */
    private static String reason(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
    }
}
