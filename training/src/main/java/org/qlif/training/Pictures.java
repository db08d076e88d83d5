package org.qlif.training;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.internal.chartpart.Chart;
import org.qlif.io.OutputFile;

/** Charts as PNG files, at the end of long work. */
public final class Pictures {
    private static final int TRIAL_WIDTH = 120;
    private static final int TRIAL_HEIGHT = 90;

    private Pictures() {}

    /**
     * Says before the work what would keep a picture from being made after it: that the file can't be written, or that Java finds
     * nothing to draw text with.
     *
     * @param name the option that named the file
     */
    public static OutputFile prepare(String name, Path file) throws IOException {
        // Read when AWT loads; there is nothing here that needs a display.
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

    /** The charts below one another. */
    public static BufferedImage stacked(List<? extends Chart<?, ?>> charts) {
        int width = charts.stream().mapToInt(Chart::getWidth).max().orElseThrow();
        int height = charts.stream().mapToInt(Chart::getHeight).sum();
        BufferedImage picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        int top = 0;
        for (Chart<?, ?> chart : charts) {
            graphics.drawImage(BitmapEncoder.getBufferedImage(chart), 0, top, null);
            top += chart.getHeight();
        }
        graphics.dispose();
        return picture;
    }

    /** Writes the charts below one another. */
    public static void write(OutputFile file, List<? extends Chart<?, ?>> charts) throws IOException {
        file.write(png(stacked(charts)));
    }

    /** In memory: what can fail of this must not have begun to write. */
    private static byte[] png(BufferedImage picture) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
            if (!ImageIO.write(picture, "png", out)) {
                throw new IOException("this JDK has no PNG writer");
            }
        }
        return bytes.toByteArray();
    }

    /** What the exception at the bottom says. */
    private static String reason(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
    }
}
