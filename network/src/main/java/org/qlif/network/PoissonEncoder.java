// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Tensor;

/**
 * Rate coding: at each time step an input spikes with probability intensity / 255, to within 2^-17, independently of all others. A spike
 * depends only on the key, the row's {@linkplain #numbered number}, the step and the input's position. Thread-safe.
 *
 * <pre>{@code
 * byte[] pixels = new byte[60_000 * 784]; // row by row
 * PoissonEncoder encoder = new PoissonEncoder(pixels, 784, 20);
 * Tensor bits = Tensor.zeros(DType.BIT, 20, 2, 784);
 * encoder.encode(42, new int[] {7, 59_999}, 0, 2, bits);
 * }</pre>
 */
public final class PoissonEncoder implements SpikeInput {
    /** Steps that share one 64-bit draw, 16 bits each. */
    private static final int STEPS_PER_DRAW = 4;

    private static final int LEVELS = 256;
    private static final int[] THRESHOLDS = new int[LEVELS];

    static {
        for (int level = 0; level < LEVELS; level++) {
            THRESHOLDS[level] = (int) Math.round(level * 65_536.0 / 255);
        }
    }

    /** The counter of the draw that shifts a row; the draws of its spikes count from 0. */
    private static final long MOVE = -1;

    private final byte[] intensities;
    private final int width;
    private final int steps;
    private final int rows;
    /** The width of an image, and the maximum shift in pixels. */
    private final int columns;

    private final int shift;
    /** The rows' numbers; null if they are the indices of the rows. */
    private final long @Nullable [] numbers;

    /**
     * An encoder of these intensities. They are not copied: change them only while no call uses the encoder.
     *
     * @param intensities one unsigned byte an input, row by row
     * @param width the inputs of a row, at least 1
     * @param steps the time steps T that a row is shown, at least 1
     * @throws IllegalArgumentException if {@code width} or {@code steps} is smaller, or the intensities are not a whole number of rows
     */
    public PoissonEncoder(byte[] intensities, int width, int steps) {
        Objects.requireNonNull(intensities, "intensities");
        Checks.atLeast("width", width, 1);
        Checks.atLeast("steps", steps, 1);
        if (intensities.length % width != 0) {
            throw new IllegalArgumentException("intensities: got " + intensities.length
                    + " bytes, expected a multiple of " + width + ", the width of a row");
        }
        this.intensities = intensities;
        this.width = width;
        this.steps = steps;
        this.rows = intensities.length / width;
        columns = width;
        shift = 0;
        numbers = null;
    }

    private PoissonEncoder(PoissonEncoder still, int columns, int shift, long @Nullable [] numbers) {
        intensities = still.intensities;
        width = still.width;
        steps = still.steps;
        rows = still.rows;
        this.columns = columns;
        this.shift = shift;
        this.numbers = numbers;
    }

    /**
     * An encoder of the same rows as randomly shifted images, to augment training data: down and right by a uniformly drawn number of
     * pixels from {@code -shift} to {@code shift}, which depends on the key and the row's number. Pixels that leave the image are lost, and
     * new ones are 0.
     *
     * @param columns the width of an image; divides the width of a row
     * @param shift the maximum shift, from 0 to less than the width and the height
     * @throws IllegalArgumentException if one is out of its range
     */
    public PoissonEncoder moved(int columns, int shift) {
        Checks.atLeast("columns", columns, 1);
        if (width % columns != 0) {
            throw new IllegalArgumentException(
                    "columns: got " + columns + ", expected a divisor of " + width + ", the width of a row");
        }
        Checks.atLeast("shift", shift, 0);
        int most = Math.min(columns, width / columns) - 1;
        if (shift > most) {
            throw new IllegalArgumentException("shift: got " + shift + ", expected at most " + most + " for images of "
                    + width / columns + "x" + columns);
        }
        return new PoissonEncoder(this, columns, shift, numbers);
    }

    /**
     * An encoder of the same rows as part of a larger data set, in which they have these numbers: they get the spikes and draws that they
     * have there.
     *
     * @param numbers one a row, any numbers; read, not copied
     * @throws IllegalArgumentException if their count is not the number of rows
     */
    public PoissonEncoder numbered(long[] numbers) {
        if (numbers.length != rows) {
            throw new IllegalArgumentException(
                    "numbers: got " + numbers.length + ", expected " + rows + ", as many as there are rows");
        }
        return new PoissonEncoder(this, columns, shift, numbers);
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public long number(int row) {
        return numbers == null ? row : numbers[row];
    }

    @Override
    public int steps() {
        return steps;
    }

    @Override
    public int width() {
        return width;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if {@code spikes} is not {@code BIT (T, count, K)}
     * @throws IndexOutOfBoundsException if there is no such row or position
     */
    @Override
    public void encode(long key, int[] rows, int from, int count, Tensor spikes) {
        Objects.checkFromIndexSize(from, count, rows.length);
        for (int i = from; i < from + count; i++) {
            Objects.checkIndex(rows[i], this.rows);
        }
        Checks.tensor("spikes", spikes, DType.BIT, steps, count, width);
        MemorySegment memory = spikes.segment();
        memory.fill((byte) 0);
        Lit lit = new Lit(width);
        long stepBytes = memory.byteSize() / steps;
        for (int b = 0; b < count; b++) {
            int row = rows[from + b];
            long rowKey = Mix.bits(key, number(row));
            if (shift == 0) {
                lit.find(intensities, row * width);
            } else {
                long move = Mix.bits(rowKey, MOVE);
                int choices = 2 * shift + 1;
                // Halves of 32 bits: the probability of each choice is right to within 2^-32.
                int down = Mix.below(move, choices) - shift;
                int right = Mix.below(move << 32, choices) - shift;
                lit.find(intensities, row * width, columns, down, right);
            }
            for (int draw = 0; draw * STEPS_PER_DRAW < steps; draw++) {
                encode(rowKey, draw, lit, (long) b * width, memory, stepBytes);
            }
        }
    }

    /** Four steps of a row, whose first input is bit {@code first} of each step. */
    private void encode(long rowKey, int draw, Lit lit, long first, MemorySegment memory, long stepBytes) {
        int step = draw * STEPS_PER_DRAW;
        int written = Math.min(STEPS_PER_DRAW, steps - step);
        long counter = (long) draw * width;
        for (int i = 0; i < lit.count; ) {
            long bit = first + lit.inputs[i];
            long word = bit >>> 6;
            long end = (word + 1) << 6;
            long word0 = 0;
            long word1 = 0;
            long word2 = 0;
            long word3 = 0;
            do {
                int threshold = lit.thresholds[i];
                long bits = Mix.bits(rowKey, counter + lit.inputs[i]);
                word0 |= below(bits & 0xffff, threshold) << bit;
                word1 |= below(bits >>> 16 & 0xffff, threshold) << bit;
                word2 |= below(bits >>> 32 & 0xffff, threshold) << bit;
                word3 |= below(bits >>> 48, threshold) << bit;
                i++;
                bit = i < lit.count ? first + lit.inputs[i] : end;
            } while (bit < end);
            long at = step * stepBytes + word * 8;
            // A word may hold the end of the row before.
            add(memory, at, word0);
            if (written > 1) {
                add(memory, at + stepBytes, word1);
            }
            if (written > 2) {
                add(memory, at + 2 * stepBytes, word2);
            }
            if (written > 3) {
                add(memory, at + 3 * stepBytes, word3);
            }
        }
    }

    private static void add(MemorySegment memory, long at, long word) {
        memory.set(ValueLayout.JAVA_LONG, at, memory.get(ValueLayout.JAVA_LONG, at) | word);
    }

    /** 1 if {@code uniform < threshold}, else 0, without a branch that could not be predicted. */
    private static long below(long uniform, int threshold) {
        return (uniform - threshold) >>> 63;
    }

    /** The inputs of a row that can spike: most of an image is black, and black pixels need no draws. */
    private static final class Lit {
        private final int[] inputs;
        private final int[] thresholds;
        private int count;

        Lit(int width) {
            inputs = new int[width];
            thresholds = new int[width];
        }

        void find(byte[] intensities, int offset) {
            count = 0;
            find(intensities, offset, 0, inputs.length);
        }

        /** The same for a shifted image. */
        void find(byte[] intensities, int offset, int columns, int down, int right) {
            count = 0;
            int height = inputs.length / columns;
            for (int y = Math.max(0, down); y < Math.min(height, height + down); y++) {
                int from = y * columns + Math.max(0, right);
                int end = y * columns + Math.min(columns, columns + right);
                find(intensities, offset - down * columns - right, from, end);
            }
        }

        /** Adds inputs {@code from} to {@code end}, exclusive. */
        private void find(byte[] intensities, int offset, int from, int end) {
            for (int k = from; k < end; k++) {
                int level = intensities[offset + k] & 0xff;
                inputs[count] = k;
                thresholds[count] = THRESHOLDS[level];
                count += level == 0 ? 0 : 1;
            }
        }
    }
}
