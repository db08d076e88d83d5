package org.qlif.simd;

import static org.qlif.simd.Lanes.load;

/** Moves between the interleaved lines of a block and plain lines; see {@link Layout}. */
final class Block {
    private Block() {}

    /** Copies {@code line} of the block to a plain line. */
    static void gather(float[] x, int line, float[] to, int at, int vectors) {
        for (int v = 0; v < vectors; v++) {
            load(x, v * Layout.STRIDE + line).intoArray(to, at + v * Lanes.LENGTH);
        }
    }

    /** Copies a plain line to {@code line} of the block. */
    static void scatter(float[] from, int at, float[] x, int line, int vectors) {
        for (int v = 0; v < vectors; v++) {
            load(from, at + v * Lanes.LENGTH).intoArray(x, v * Layout.STRIDE + line);
        }
    }

    /** Sets {@code line} of the block. */
    static void fill(float[] x, int line, float value, int vectors) {
        for (int v = 0; v < vectors; v++) {
            Lanes.of(value).intoArray(x, v * Layout.STRIDE + line);
        }
    }
}
