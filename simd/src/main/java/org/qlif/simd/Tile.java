// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.spi.host.HostTape;

/** The scratch of a tile of neurons, and the offsets that its passes use; see {@link Layout}. Not thread-safe. */
final class Tile {
    /** The scratch: lines, blocks and frames. Lent for one call, with arbitrary content. */
    float[] m;

    /** Spikes, 64 to a word: those of one or several steps in a forward run, of each step of the segment in a backward run. */
    final long[] bits = new long[HostTape.SEGMENT * Layout.WORDS];

    /** Index of the step's first word in {@link #bits}. */
    int word;

    /** The number of steps for a pass that does several. */
    int steps;

    /** Where the step's input is, or the inputs of several steps: the array, the first one's index, the floats from one to the next. */
    float[] inputs;

    int input;
    int inputStride;

    /** The words drawn for the pair of steps. */
    int[] words;

    /** Offset of the step's frame. */
    int frame;

    /** Offset of the step's M. */
    int modulation;

    /** Where the external modulation is: the array, the index of the first step's, and the floats from one step's to the next's. */
    float[] externals;

    int firstExternal;
    int externalStride;

    /** Where the upstream gradient of the step's y is. */
    float[] gradYs;

    int gradY;

    /** Where the gradient of the step's input goes. */
    float[] gradInputs;

    int gradInput;

    /** Offset of the step's normals. */
    int normals;

    /** Offset of the step's uniforms or counts of wires. */
    int uniforms;

    /** Neurons in the tile. */
    int lanes;

    /** The vectors that hold them. */
    int vectors;
}
