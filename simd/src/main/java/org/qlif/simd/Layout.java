// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

/**
 * Offsets in the scratch of a tile, which is one {@code float[]}, that are the same for every model. The scratch holds plain lines, then
 * the model's own part, described by {@link ModelLayout}, then frames.
 *
 * <p>A <em>plain line</em> has {@link Lanes#TILE} floats. A <em>frame</em> is a set of plain lines with those results of one step that its
 * backward step reads. A forward run reuses a single frame; a backward run fills one for each step of a segment.
 */
final class Layout {
    /**
     * Floats before the first line. An array's elements start 16 bytes after the object, and a large array starts at the beginning of a
     * heap region. This offset puts lines on 64-byte boundaries, so that no vector straddles two cache lines.
     */
    static final int START = 12;

    /** Lines: the decision uniforms of the even and the odd step of a pair. */
    static final int UNIFORM = START + 0 * Lanes.TILE;

    /** Lines: the normals of the even and the odd step of a pair. */
    static final int NORMAL = START + 2 * Lanes.TILE;

    /** Line: uniforms given by the caller. */
    static final int LENT_UNIFORM = START + 4 * Lanes.TILE;

    /** Line: normals given by the caller. */
    static final int LENT_NORMAL = START + 5 * Lanes.TILE;

    /** Line: how many wires measured 1. */
    static final int COUNT = START + 6 * Lanes.TILE;

    /** Line: the upstream gradient of V. */
    static final int GRAD_V_OUT = START + 7 * Lanes.TILE;

    /** Line: input or output of a pass. */
    static final int OUT = START + 8 * Lanes.TILE;

    /** Line: a second input or output. */
    static final int AUX = START + 9 * Lanes.TILE;

    /**
     * Steps whose rows are loaded from the caller's memory together. Rows of different steps are far apart, on different pages, so the
     * processor doesn't prefetch them; loaded together, their cache misses overlap.
     */
    static final int STAGED = 4;

    /**
     * Maximum number of steps that one pass does together, with state and parameters in registers. With many more, all instructions in
     * flight would belong to steps of a single pair of vectors, each of which depends on the one before it.
     */
    static final int TOGETHER = 8;

    /**
     * Lines, {@link #TOGETHER} of them: the staged inputs of a forward run, or the upstream gradients of y of a backward run, which has its
     * inputs in frames.
     */
    static final int ROWS = START + 10 * Lanes.TILE;

    /** Line: M, if it does not vary over time. */
    static final int MODULATION = ROWS + TOGETHER * Lanes.TILE;

    /** Lines, {@link #STAGED} of them: M of consecutive steps of a forward run. */
    static final int MODULATIONS = MODULATION + Lanes.TILE;

    /** Where the model's part starts. */
    static final int MODEL = MODULATIONS + STAGED * Lanes.TILE;

    // The start of every model's frame; offsets are relative to the frame.

    /** Line of a frame: the input, in a backward run that does not read it in place. */
    static final int FRAME_INPUT = 0 * Lanes.TILE;

    /** Line of a frame: the potential before the reset. */
    static final int FRAME_V_PRE = 1 * Lanes.TILE;

    /** Words of spike bits in a step. */
    static final int WORDS = Lanes.TILE / 64;

    private Layout() {}
}
