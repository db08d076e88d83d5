package org.qlif.simd;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromArray;
import static org.qlif.simd.Lanes.F;

/** Moves between the interleaved lines of a block and plain lines; see {@link Layout}. */
final class Block {
    private Block() {}

    /** Copies {@code line} of the block to plain line {@code to}. */
    static void gather(Tile tile, int line, int to) {
        float[] x = tile.x;
        float[] lines = tile.lines;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            fromArray(F, x, v * Layout.STRIDE + line).intoArray(lines, to + v * Lanes.LENGTH);
        }
    }

    /** Copies plain line {@code from} to {@code line} of the block. */
    static void scatter(Tile tile, int from, int line) {
        float[] x = tile.x;
        float[] lines = tile.lines;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            fromArray(F, lines, from + v * Lanes.LENGTH).intoArray(x, v * Layout.STRIDE + line);
        }
    }

    /** Sets {@code line} of the block. */
    static void fill(Tile tile, int line, float value) {
        float[] x = tile.x;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            broadcast(F, value).intoArray(x, v * Layout.STRIDE + line);
        }
    }
}
