package org.qlif.simd;

/** The scratch of a tile of neurons, and where its passes find things in it; see {@link Layout}. Not thread-safe. */
final class Tile {
    /** The block. */
    final float[] x = new float[Lanes.TILE / Lanes.LENGTH * Layout.STRIDE];

    /** Plain lines beside the frames. */
    final float[] lines = new float[Layout.LINES];

    /** Spikes of the step, 64 to a word. */
    final long[] bits = new long[Lanes.TILE / 64];

    /** Words drawn for the pair of steps. */
    int[] words;

    /** Frames, and where the step's frame starts. */
    float[] frames = new float[Layout.FRAME];

    int frame;

    /** Where in {@link #lines} the step's normals, and its uniforms or counts of wires, are. */
    int normals;

    int uniforms;

    /** Neurons in the tile, and the vectors that hold them. */
    int lanes;

    int vectors;
}
