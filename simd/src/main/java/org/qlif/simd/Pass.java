// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.util.stream.Stream;

/**
 * One pass over the vectors of a tile: a loop of at most some twenty vector operations.
 *
 * <p>Passes are small because the compiler counts the nodes of a method while it inlines: a thousand for a multiply-add with a
 * constant, and past 18,000 no helper of ours is inlined any more, its vectors become objects, and speed falls tenfold. They are
 * called through this interface, from one place that sees many of them, because there the compiler can't tell which comes next and
 * so never inlines one into another.
 */
@FunctionalInterface
interface Pass {
    /** Does the pass. */
    void run(Tile tile);

    /** Does {@code passes} in order: the one place that calls passes. */
    static void all(Pass[] passes, Tile tile) {
        for (Pass pass : passes) {
            pass.run(tile);
        }
    }

    /** {@code lists} as one. */
    static Pass[] concat(Pass[]... lists) {
        return Stream.of(lists).flatMap(Stream::of).toArray(Pass[]::new);
    }
}
