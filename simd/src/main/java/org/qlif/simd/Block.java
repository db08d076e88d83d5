package org.qlif.simd;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromArray;
import static org.qlif.simd.Lanes.F;

/**
 * Moves between the interleaved lines of a block, whose stride says which block it is, and plain lines; see {@link Layout}.
 */
final class Block {
    private Block() {}

    /** Copies {@code line} of the block to plain line {@code to}. */
    static void gather(Tile tile, int stride, int line, int to) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            fromArray(F, m, v * stride + line).intoArray(m, to + v * Lanes.LENGTH);
        }
    }

    /** Copies plain line {@code from} to {@code line} of the block. */
    static void scatter(Tile tile, int from, int stride, int line) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            fromArray(F, m, from + v * Lanes.LENGTH).intoArray(m, v * stride + line);
        }
    }

    /** Sets {@code line} of the block. */
    static void fill(Tile tile, int stride, int line, float value) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            broadcast(F, value).intoArray(m, v * stride + line);
        }
    }
}
