// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The vector shape that everything here uses: the widest that the JVM prefers. */
final class Lanes {
    static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    static final VectorSpecies<Long> L = VectorSpecies.of(long.class, F.vectorShape());

    /** Floats in a vector: a power of two, at most 64. */
    static final int LENGTH = F.length();

    /**
     * Neurons in a tile, which goes through all passes of a step together: few enough that the state stays in the first-level cache, many
     * enough that each pass is worth its call. A multiple of 64, so that no two tiles share a word of spike bits, and of {@link #LENGTH}.
     */
    static final int TILE = 256;

    private Lanes() {}
}
