package org.qlif.simd;

/**
 * Where things stand in the scratch of a tile.
 *
 * <p>The <em>block</em> holds state, parameters, adjoints and sums. Its values are interleaved by vector: all lines of the first
 * vector, then all of the second, so that a pass over a vector stays within a few cache lines. A line's constant is its offset
 * within a vector's part.
 *
 * <p>A <em>frame</em> holds what one step computed and its backward step reads, in plain lines of {@link Lanes#TILE} floats. The
 * forward pass uses one frame over and over; the backward pass fills one for each step of a segment.
 */
final class Layout {
    // The block. The first eleven are the state variables in the order of QlifVariable.
    static final int V = 0 * Lanes.LENGTH;
    static final int A = 1 * Lanes.LENGTH;
    static final int S = 2 * Lanes.LENGTH;
    static final int R = 3 * Lanes.LENGTH;
    static final int H = 4 * Lanes.LENGTH;
    static final int D = 5 * Lanes.LENGTH;
    static final int O = 6 * Lanes.LENGTH;
    static final int RATE = 7 * Lanes.LENGTH;
    static final int HOMEOSTASIS = 8 * Lanes.LENGTH;
    static final int M = 9 * Lanes.LENGTH;
    static final int Y = 10 * Lanes.LENGTH;
    static final int V_TH = 11 * Lanes.LENGTH;
    static final int LEAK = 12 * Lanes.LENGTH;
    static final int ETA = 13 * Lanes.LENGTH;
    static final int ALPHA = 14 * Lanes.LENGTH;
    static final int REST_ANGLE = 15 * Lanes.LENGTH;
    static final int M_SLOPE = 16 * Lanes.LENGTH;
    static final int ADJ_V = 17 * Lanes.LENGTH;
    static final int ADJ_A = 18 * Lanes.LENGTH;
    static final int ADJ_S = 19 * Lanes.LENGTH;
    static final int ADJ_R = 20 * Lanes.LENGTH;
    static final int ADJ_D = 21 * Lanes.LENGTH;
    static final int ADJ_O = 22 * Lanes.LENGTH;
    static final int ADJ_M = 23 * Lanes.LENGTH;
    static final int ADJ_Y = 24 * Lanes.LENGTH;
    static final int GRAD_V_TH = 25 * Lanes.LENGTH;
    static final int GRAD_LEAK = 26 * Lanes.LENGTH;
    static final int GRAD_ETA = 27 * Lanes.LENGTH;
    static final int GRAD_ALPHA = 28 * Lanes.LENGTH;
    static final int GRAD_BIAS = 29 * Lanes.LENGTH;
    static final int GRAD_M = 30 * Lanes.LENGTH;
    static final int B_Y = 31 * Lanes.LENGTH;
    static final int B_V_PRE = 32 * Lanes.LENGTH;
    static final int B_BASE = 33 * Lanes.LENGTH;
    static final int B_DELTA = 34 * Lanes.LENGTH;
    static final int B_SLOPE = 35 * Lanes.LENGTH;

    /** Floats of the block that a vector takes. */
    static final int STRIDE = 36 * Lanes.LENGTH;

    // A frame.
    static final int FRAME_INPUT = 0 * Lanes.TILE;
    static final int FRAME_EFFICIENCY = 1 * Lanes.TILE;
    static final int FRAME_DRIVE = 2 * Lanes.TILE;
    static final int FRAME_V_PRE = 3 * Lanes.TILE;
    static final int FRAME_RAW_BASE = 4 * Lanes.TILE;
    static final int FRAME_DELTA = 5 * Lanes.TILE;
    static final int FRAME_DIVISOR = 6 * Lanes.TILE;
    static final int FRAME_SLOPE = 7 * Lanes.TILE;
    static final int FRAME_REFRACTORY = 8 * Lanes.TILE;
    static final int FRAME_SPIKE = 9 * Lanes.TILE;
    static final int FRAME_P = 10 * Lanes.TILE;

    /** Floats of a frame. */
    static final int FRAME = 11 * Lanes.TILE;

    // Plain lines.

    /** Lines: the decision uniforms of the even and the odd step of a pair. */
    static final int UNIFORM = 0 * Lanes.TILE;

    /** Lines: the normals of the even and the odd step of a pair. */
    static final int NORMAL = 2 * Lanes.TILE;

    /** Line: uniforms that the caller lent. */
    static final int LENT_UNIFORM = 4 * Lanes.TILE;

    /** Line: normals that the caller lent. */
    static final int LENT_NORMAL = 5 * Lanes.TILE;

    /** Line: how many wires measured 1. */
    static final int COUNT = 6 * Lanes.TILE;

    /** Line: the upstream gradient of y. */
    static final int GRAD_Y = 7 * Lanes.TILE;

    /** Line: the upstream gradient of V. */
    static final int GRAD_V_OUT = 8 * Lanes.TILE;

    /** Line: what goes in or out. */
    static final int OUT = 9 * Lanes.TILE;

    /** Line: more of that. */
    static final int AUX = 10 * Lanes.TILE;

    /** Line: phi. */
    static final int ANGLE = 11 * Lanes.TILE;

    /** Line: tanh(x). */
    static final int TANH = 12 * Lanes.TILE;

    /** Floats of the plain lines. */
    static final int LINES = 13 * Lanes.TILE;

    private Layout() {}
}
