// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import org.jspecify.annotations.Nullable;

/**
 * Selects the random numbers that a run draws. Draws are counter-based (Philox4x32-10): each one depends only on the seed, the stream, the
 * element {@code b * N + n} of the whole batch, and the absolute step. So threads, vector width, backend and the way a run is split don't
 * change them.
 *
 * <pre>{@code
 * // Rows 64 to 95 of a batch, run by themselves, draw what they draw in the whole batch.
 * DrawStream shard = new DrawStream(42, 0, 64 * neurons);
 * kernel.forward(new Forward().input(input).parameters(parameters).draws(shard).spikeValues(spikeValues));
 * }</pre>
 *
 * @param seed the key, any number
 * @param stream distinguishes independent uses of one seed, such as layers; any number
 * @param elementOffset the element that this call's {@code (b, n) = (0, 0)} is in the whole batch: {@code b0 * N} for a shard
 *     whose first row is row {@code b0}; at least 0
 */
public record DrawStream(long seed, int stream, long elementOffset) {
    /**
     * Checks the offset.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public DrawStream {
        if (elementOffset < 0) {
            throw new IllegalArgumentException("elementOffset: got " + elementOffset + ", expected at least 0");
        }
    }

    /** Throws if a run from {@code firstStep} over so many steps and elements passes the end of the draws' counter. */
    static void requireWithinCounter(@Nullable DrawStream stream, long firstStep, long steps, long elements) {
        long lastStep = firstStep + steps;
        if (firstStep < 0 || lastStep < 0 || lastStep > 1L << 33) {
            throw new IllegalArgumentException("firstStep: got " + firstStep + " with " + steps
                    + " steps, expected 0 or more and an end of at most 2^33, the limit of the draws' counter");
        }
        if (stream != null && stream.elementOffset + elements < 0) {
            throw new IllegalArgumentException("elementOffset: got " + stream.elementOffset + " with " + elements
                    + " elements, expected an end of at most 2^63 - 1, the limit of the draws' counter");
        }
    }

    /** Throws unless {@code rowIndex} has an index for each of {@code batch} rows, and {@code stream} has no offset as well. */
    static void requireRowIndex(@Nullable DrawStream stream, Tensor rowIndex, long batch) {
        if (rowIndex.type() != DType.I64 || !rowIndex.hasShape(batch)) {
            throw new IllegalArgumentException("rowIndex: got " + rowIndex + ", expected I64[" + batch + "]");
        }
        if (stream != null && stream.elementOffset != 0) {
            throw new IllegalArgumentException("draws: got elementOffset " + stream.elementOffset
                    + " with a rowIndex, expected 0: the row indices say where the rows are");
        }
    }

    /** The stream {@code stream} of {@code seed} for an unsharded batch. */
    public DrawStream(long seed, int stream) {
        this(seed, stream, 0);
    }
}
