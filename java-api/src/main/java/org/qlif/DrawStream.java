package org.qlif;

/**
 * Which numbers a run draws. Draws are counter-based (Philox4x32-10): each depends on the seed, the stream, the element
 * {@code b * N + n} counted over the whole batch, and the absolute step alone, so neither threads, vector width, backend nor
 * the way a run is split changes them.
 *
 * @param seed the key
 * @param stream tells independent uses of one seed apart, such as layers
 * @param elementOffset the element that this call's {@code (b, n) = (0, 0)} is in the whole batch: {@code b0 * N} for a shard
 *     whose first row is row {@code b0}; at least 0
 */
public record DrawStream(long seed, int stream, long elementOffset) {
    /** Checks the offset. */
    public DrawStream {
        if (elementOffset < 0) {
            throw new IllegalArgumentException("elementOffset: got " + elementOffset + ", expected at least 0");
        }
    }

    /** The stream {@code stream} of {@code seed} for an unsharded batch. */
    public DrawStream(long seed, int stream) {
        this(seed, stream, 0);
    }
}
