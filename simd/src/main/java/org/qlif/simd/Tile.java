// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.spi.host.HostTape;

/** The scratch of a tile of neurons, and where its passes find things in it; see {@link Layout}. Not thread-safe. */
final class Tile {
    /** The scratch: lines, blocks and frames. It is lent for a call; what it holds then is anyone's. */
    float[] m;

    /** Spikes, 64 to a word: of the step in a forward run, of each step of the segment in a backward run. */
    final long[] bits = new long[HostTape.SEGMENT * Layout.WORDS];

    /** Where the step's bits start. */
    int word;

    /** The steps that a pass over several does. */
    int steps;

    /** Where their inputs are: the array, the first step's place in it, and the floats from one step's to the next's. */
    float[] inputs;

    int firstInput;
    int inputStride;

    /** Words drawn for the pair of steps. */
    int[] words;

    /** Where the step's frame starts. */
    int frame;

    /** Where the step's input is. */
    int input;

    /** Where the step's M is, or goes. */
    int modulation;

    /** Where the external modulation is that it is made of: the array, the first step's place in it, and the floats from one step's to the next's. */
    float[] externals;

    int firstExternal;
    int externalStride;

    /** Where the upstream gradient of the step's y is. */
    int gradY;

    /** Where the step's normals, and its uniforms or counts of wires, are. */
    int normals;

    int uniforms;

    /** Neurons in the tile, and the vectors that hold them. */
    int lanes;

    int vectors;
}
