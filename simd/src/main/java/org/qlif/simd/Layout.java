package org.qlif.simd;

import org.qlif.QlifVariable;
import org.qlif.spi.host.HostTape;

/**
 * Where things stand in the scratch of a tile, which is one {@code float[]}: two blocks, plain lines, and frames.
 *
 * <p>One <em>block</em> holds state and parameters, the other adjoints and sums. Their values are interleaved by vector: all lines of the first
 * vector, then all of the second, so that a pass over a vector stays within a few cache lines. A line's constant is its place in
 * the first vector's part.
 *
 * <p>A <em>plain line</em> has {@link Lanes#TILE} floats. A <em>frame</em> holds, in plain lines, what one step computed and its
 * backward step reads. The forward pass uses one frame over and over; the backward pass fills one for each step of a segment.
 */
final class Layout {
    /**
     * Floats before the first line. An array's elements start 16 bytes after the object; a large array starts at a region of the
     * heap, so that from here on lines fall on 64-byte boundaries, and no access to a vector touches two cache lines.
     */
    private static final int START = 12;

    // The block of state and parameters. The first eleven are the state variables in the order of QlifVariable.
    static final int V = START;
    static final int A = START + 1 * Lanes.LENGTH;
    static final int S = START + 2 * Lanes.LENGTH;
    static final int R = START + 3 * Lanes.LENGTH;
    static final int H = START + 4 * Lanes.LENGTH;
    static final int D = START + 5 * Lanes.LENGTH;
    static final int O = START + 6 * Lanes.LENGTH;
    static final int RATE = START + 7 * Lanes.LENGTH;
    static final int HOMEOSTASIS = START + 8 * Lanes.LENGTH;
    static final int M = START + 9 * Lanes.LENGTH;
    static final int Y = START + 10 * Lanes.LENGTH;
    static final int V_TH = START + 11 * Lanes.LENGTH;
    static final int LEAK = START + 12 * Lanes.LENGTH;
    static final int ETA = START + 13 * Lanes.LENGTH;
    static final int ALPHA = START + 14 * Lanes.LENGTH;
    static final int REST_ANGLE = START + 15 * Lanes.LENGTH;
    static final int M_SLOPE = START + 16 * Lanes.LENGTH;

    /** Floats of that block that a vector takes. */
    static final int STRIDE = 17 * Lanes.LENGTH;

    private static final int ADJOINTS = START + 17 * Lanes.TILE;

    // The block of adjoints and sums, which a forward run leaves alone.
    static final int ADJ_V = ADJOINTS;
    static final int ADJ_A = ADJOINTS + 1 * Lanes.LENGTH;
    static final int ADJ_S = ADJOINTS + 2 * Lanes.LENGTH;
    static final int ADJ_R = ADJOINTS + 3 * Lanes.LENGTH;
    static final int ADJ_D = ADJOINTS + 4 * Lanes.LENGTH;
    static final int ADJ_O = ADJOINTS + 5 * Lanes.LENGTH;
    static final int ADJ_M = ADJOINTS + 6 * Lanes.LENGTH;
    static final int ADJ_Y = ADJOINTS + 7 * Lanes.LENGTH;
    static final int GRAD_V_TH = ADJOINTS + 8 * Lanes.LENGTH;
    static final int GRAD_LEAK = ADJOINTS + 9 * Lanes.LENGTH;
    static final int GRAD_ETA = ADJOINTS + 10 * Lanes.LENGTH;
    static final int GRAD_ALPHA = ADJOINTS + 11 * Lanes.LENGTH;
    static final int GRAD_BIAS = ADJOINTS + 12 * Lanes.LENGTH;
    static final int GRAD_M = ADJOINTS + 13 * Lanes.LENGTH;
    static final int B_Y = ADJOINTS + 14 * Lanes.LENGTH;
    static final int B_V_PRE = ADJOINTS + 15 * Lanes.LENGTH;
    static final int B_BASE = ADJOINTS + 16 * Lanes.LENGTH;
    static final int B_DELTA = ADJOINTS + 17 * Lanes.LENGTH;
    static final int B_SLOPE = ADJOINTS + 18 * Lanes.LENGTH;

    /** Floats of that block that a vector takes. */
    static final int ADJOINT_STRIDE = 19 * Lanes.LENGTH;

    private static final int LINES = ADJOINTS + 19 * Lanes.TILE;

    // Plain lines.

    /** Lines: the decision uniforms of the even and the odd step of a pair. */
    static final int UNIFORM = LINES + 0 * Lanes.TILE;

    /** Lines: the normals of the even and the odd step of a pair. */
    static final int NORMAL = LINES + 2 * Lanes.TILE;

    /** Line: uniforms that the caller lent. */
    static final int LENT_UNIFORM = LINES + 4 * Lanes.TILE;

    /** Line: normals that the caller lent. */
    static final int LENT_NORMAL = LINES + 5 * Lanes.TILE;

    /** Line: how many wires measured 1. */
    static final int COUNT = LINES + 6 * Lanes.TILE;

    /** Line: the upstream gradient of V. */
    static final int GRAD_V_OUT = LINES + 7 * Lanes.TILE;

    /** Line: what goes in or out. */
    static final int OUT = LINES + 8 * Lanes.TILE;

    /** Line: more of that. */
    static final int AUX = LINES + 9 * Lanes.TILE;

    /** Line: phi. */
    static final int ANGLE = LINES + 10 * Lanes.TILE;

    /** Line: tanh(x). */
    static final int TANH = LINES + 11 * Lanes.TILE;

    /**
     * Steps whose rows of the caller's memory are fetched at a time. Rows of a step lie far apart, each on a page of its own, where
     * no prefetcher finds them; fetched together, their cache misses overlap.
     */
    static final int STAGED = 4;

    /** Lines: the staged inputs of a forward run, or upstream gradients of y of a backward run, whose inputs are in its frames. */
    static final int ROWS = LINES + 12 * Lanes.TILE;

    /** Where the frames start. */
    static final int FRAMES = ROWS + STAGED * Lanes.TILE;

    // Frames; a line's constant is its place from the frame's start.
    static final int FRAME_INPUT = 0 * Lanes.TILE;
    static final int FRAME_EFFICIENCY = 1 * Lanes.TILE;
    static final int FRAME_DRIVE = 2 * Lanes.TILE;
    static final int FRAME_V_PRE = 3 * Lanes.TILE;
    static final int FRAME_RAW_BASE = 4 * Lanes.TILE;
    static final int FRAME_DELTA = 5 * Lanes.TILE;
    static final int FRAME_DIVISOR = 6 * Lanes.TILE;
    static final int FRAME_SLOPE = 7 * Lanes.TILE;
    static final int FRAME_DAMPING = 8 * Lanes.TILE;
    static final int FRAME_P = 9 * Lanes.TILE;

    // Only where a replay comes by p: before the clamp, with what led to it.
    static final int FRAME_PHASE = 10 * Lanes.TILE;
    static final int FRAME_TANH = 11 * Lanes.TILE;
    static final int FRAME_RAW_P = 12 * Lanes.TILE;

    /** Floats of a frame: as few as will do, since 64 frames fill much of the second-level cache. */
    static int frame(Structure structure) {
        return (structure.expected() ? 13 : 10) * Lanes.TILE;
    }

    /** Words of spike bits that a step takes. */
    static final int WORDS = Lanes.TILE / 64;

    /** Floats of the scratch, with a frame for each step of a segment. */
    static final int END = FRAMES + HostTape.SEGMENT * 13 * Lanes.TILE;

    /** The block's line of a state variable. */
    static int state(QlifVariable variable) {
        return V + variable.ordinal() * Lanes.LENGTH;
    }

    private Layout() {}
}
