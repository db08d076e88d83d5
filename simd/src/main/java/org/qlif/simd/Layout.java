// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

/**
 * Where things that every model has stand in the scratch of a tile, which is one {@code float[]}: plain lines, then what the model
 * adds, which {@link ModelLayout} says, then frames.
 *
 * <p>A <em>plain line</em> has {@link Lanes#TILE} floats. A <em>frame</em> holds, in plain lines, what one step computed and its
 * backward step reads. The forward pass uses one frame over and over; the backward pass fills one for each step of a segment.
 */
final class Layout {
    /**
     * Floats before the first line. An array's elements start 16 bytes after the object; a large array starts at a region of the
     * heap, so that from here on lines fall on 64-byte boundaries, and no access to a vector touches two cache lines.
     */
    static final int START = 12;

    /** Lines: the decision uniforms of the even and the odd step of a pair. */
    static final int UNIFORM = START + 0 * Lanes.TILE;

    /** Lines: the normals of the even and the odd step of a pair. */
    static final int NORMAL = START + 2 * Lanes.TILE;

    /** Line: uniforms that the caller lent. */
    static final int LENT_UNIFORM = START + 4 * Lanes.TILE;

    /** Line: normals that the caller lent. */
    static final int LENT_NORMAL = START + 5 * Lanes.TILE;

    /** Line: how many wires measured 1. */
    static final int COUNT = START + 6 * Lanes.TILE;

    /** Line: the upstream gradient of V. */
    static final int GRAD_V_OUT = START + 7 * Lanes.TILE;

    /** Line: what goes in or out. */
    static final int OUT = START + 8 * Lanes.TILE;

    /** Line: more of that. */
    static final int AUX = START + 9 * Lanes.TILE;

    /**
     * Steps whose rows of the caller's memory are fetched at a time. Rows of a step lie far apart, each on a page of its own, where
     * no prefetcher finds them; fetched together, their cache misses overlap.
     */
    static final int STAGED = 4;

    /**
     * The most steps that one pass does together, while state and parameters stay in registers. With many more, what the processor
     * has in flight belongs to steps of a single pair of vectors, each of which waits for the one before it.
     */
    static final int TOGETHER = 8;

    /** Lines, {@link #TOGETHER} of them: the staged inputs of a forward run, or upstream gradients of y of a backward run, whose inputs are in its frames. */
    static final int ROWS = START + 10 * Lanes.TILE;

    /** Line: M where it does not vary over time. */
    static final int MODULATION = ROWS + TOGETHER * Lanes.TILE;

    /** Lines, {@link #STAGED} of them: M of as many steps of a forward run. */
    static final int MODULATIONS = MODULATION + Lanes.TILE;

    /** Where the model's part starts. */
    static final int MODEL = MODULATIONS + STAGED * Lanes.TILE;

    // What every model's frame starts with; a line's constant is its place from the frame's start.

    /** Line of a frame: the input, in a backward run. */
    static final int FRAME_INPUT = 0 * Lanes.TILE;

    /** Line of a frame: the potential before the reset. */
    static final int FRAME_V_PRE = 1 * Lanes.TILE;

    /** Words of spike bits that a step takes. */
    static final int WORDS = Lanes.TILE / 64;

    private Layout() {}
}
