// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.qlif.Tensor;

/**
 * The fixed order in which gradients of shared values are summed, as {@link org.qlif.Backward} documents it. In a block of
 * {@link BlockTree#ROWS} rows of the batch, rows are added from first to last in float64, then neurons in 256 float64 partial sums by
 * {@code n mod 256}, which are added by halving; the block's sum is rounded to float32, and blocks are added by {@link BlockTree}. Holds
 * scratch; not thread-safe.
 */
public final class GradientSums {
    private static final int LANES = 256;
    private static final int CHUNK = 4096;

    private final float[] row = new float[CHUNK];
    private final double[] sums = new double[CHUNK];
    private final double[] lanes = new double[LANES];
    private final BlockTree blocks = new BlockTree();

    /** Scratch for sums. */
    public GradientSums() {}

    /**
     * Sums {@code (B, N)} float32 values over batch, or neurons, or both, into float32.
     *
     * @param values the values, from {@code valuesIndex} on, in floats
     * @param overBatch whether rows are added
     * @param overNeurons whether neurons are added
     * @param result receives the sums, from {@code resultIndex} on, in floats
     */
    public void sum(
            MemorySegment values,
            long valuesIndex,
            long batch,
            long neurons,
            boolean overBatch,
            boolean overNeurons,
            MemorySegment result,
            long resultIndex) {
        long groups = overBatch ? 1 : batch;
        long rows = overBatch ? batch : 1;
        for (long group = 0; group < groups; group++) {
            long first = valuesIndex + group * neurons;
            if (overNeurons) {
                float sum = sumOverNeurons(values, first, rows, neurons);
                result.setAtIndex(ValueLayout.JAVA_FLOAT, resultIndex + group, sum);
            } else {
                sumEachNeuron(values, first, rows, neurons, result, resultIndex + group * neurons);
            }
        }
    }

    private float sumOverNeurons(MemorySegment values, long index, long rows, long neurons) {
        blocks.start(1, 0);
        for (long b = 0; b < rows; b += BlockTree.ROWS) {
            Arrays.fill(lanes, 0);
            for (long n = 0; n < neurons; n += CHUNK) {
                int width = (int) Math.min(CHUNK, neurons - n);
                sumBlock(values, index + n, b, rows, neurons, width);
                addToLanes(width);
            }
            blocks.next()[0] = (float) halve();
            blocks.addNext();
        }
        return blocks.sum()[0];
    }

    private void sumEachNeuron(
            MemorySegment values, long index, long rows, long neurons, MemorySegment result, long resultIndex) {
        for (long n = 0; n < neurons; n += CHUNK) {
            int width = (int) Math.min(CHUNK, neurons - n);
            blocks.start(width, 0);
            for (long b = 0; b < rows; b += BlockTree.ROWS) {
                sumBlock(values, index + n, b, rows, neurons, width);
                float[] block = blocks.next();
                for (int i = 0; i < width; i++) {
                    block[i] = (float) sums[i];
                }
                blocks.addNext();
            }
            MemorySegment.copy(blocks.sum(), 0, result, ValueLayout.JAVA_FLOAT, (resultIndex + n) * Float.BYTES, width);
        }
    }

    /** The gradient of a parameter from its {@code (B, N)} sums over time. */
    public void parameter(MemorySegment values, long valuesIndex, long batch, long neurons, Tensor result) {
        sum(
                values,
                valuesIndex,
                batch,
                neurons,
                true,
                result.elements() != neurons || neurons == 1,
                result.segment(),
                0);
    }

    /** Sums the rows of a block, which begins with row {@code first}, to {@link #sums}. */
    private void sumBlock(MemorySegment values, long index, long first, long rows, long stride, int width) {
        Arrays.fill(sums, 0, width, 0);
        long end = Math.min(rows, first + BlockTree.ROWS);
        for (long b = first; b < end; b++) {
            MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, (index + b * stride) * Float.BYTES, row, 0, width);
            for (int i = 0; i < width; i++) {
                sums[i] += row[i];
            }
        }
    }

    /** A chunk starts at a multiple of the lanes, so lane i takes its elements i, i + 256, ... */
    private void addToLanes(int width) {
        for (int i = 0; i < width; i++) {
            lanes[i & (LANES - 1)] += sums[i];
        }
    }

    private double halve() {
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                lanes[i] += lanes[i + half];
            }
        }
        return lanes[0];
    }
}
