// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.qlif.training.ImageSet;

/**
 * Rate coding: at each time step a pixel spikes with probability intensity / 255, to within 2^-17.
 *
 * <p>The spikes of an image depend only on the key and on the image's number, not on its batch. Not thread-safe.
 */
final class SpikeEncoder {
    /** Steps that share one 64-bit draw, 16 bits each. */
    private static final int STEPS_PER_DRAW = 4;

    private static final int LEVELS = 256;
    private static final int[] THRESHOLDS = new int[LEVELS];

    static {
        for (int level = 0; level < LEVELS; level++) {
            THRESHOLDS[level] = (int) Math.round(level * 65_536.0 / 255);
        }
    }

    private final ImageSet images;
    private final int steps;
    private final int pixels;
    private final int draws;
    private final int[] litPixels;
    private final int[] litThresholds;
    private final float[][] rows;

    SpikeEncoder(ImageSet images, int steps) {
        this.images = images;
        this.steps = steps;
        this.pixels = images.pixelsPerImage();
        this.draws = (steps + STEPS_PER_DRAW - 1) / STEPS_PER_DRAW;
        this.litPixels = new int[pixels];
        this.litThresholds = new int[pixels];
        this.rows = new float[STEPS_PER_DRAW][pixels];
    }

    /**
     * Writes 1 for a spike and 0 for none.
     *
     * @param numbers the images' numbers
     * @param from the first of {@code numbers} to encode
     * @param batch how many to encode
     * @param spikes float32 of shape (steps, batch, pixels)
     */
    void encode(long key, int[] numbers, int from, int batch, MemorySegment spikes) {
        for (int b = 0; b < batch; b++) {
            encode(key, numbers[from + b], b, batch, spikes);
        }
    }

    private void encode(long key, int image, int b, int batch, MemorySegment spikes) {
        int lit = findLitPixels(image);
        long rowBytes = pixels * 4L;
        for (int draw = 0; draw < draws; draw++) {
            for (float[] row : rows) {
                Arrays.fill(row, 0);
            }
            drawRows(key, ((long) image * draws + draw) * pixels, lit);
            int first = draw * STEPS_PER_DRAW;
            for (int t = first; t < Math.min(steps, first + STEPS_PER_DRAW); t++) {
                MemorySegment.copy(
                        rows[t - first], 0, spikes, ValueLayout.JAVA_FLOAT, ((long) t * batch + b) * rowBytes, pixels);
            }
        }
    }

    /** Most pixels of such images are black, and a black pixel needs no draw. */
    private int findLitPixels(int image) {
        byte[] source = images.pixels();
        int offset = image * pixels;
        int lit = 0;
        for (int pixel = 0; pixel < pixels; pixel++) {
            int level = source[offset + pixel] & 0xff;
            litPixels[lit] = pixel;
            litThresholds[lit] = THRESHOLDS[level];
            lit += level == 0 ? 0 : 1;
        }
        return lit;
    }

    private void drawRows(long key, long counter, int lit) {
        float[] row0 = rows[0];
        float[] row1 = rows[1];
        float[] row2 = rows[2];
        float[] row3 = rows[3];
        for (int i = 0; i < lit; i++) {
            int pixel = litPixels[i];
            int threshold = litThresholds[i];
            long bits = Seeds.bits(key, counter + pixel);
            row0[pixel] = below((int) bits & 0xffff, threshold);
            row1[pixel] = below((int) (bits >>> 16) & 0xffff, threshold);
            row2[pixel] = below((int) (bits >>> 32) & 0xffff, threshold);
            row3[pixel] = below((int) (bits >>> 48), threshold);
        }
    }

    /** 1 if {@code uniform < threshold}, else 0, without a branch that could not be predicted. */
    private static float below(int uniform, int threshold) {
        return (uniform - threshold) >>> 31;
    }
}
