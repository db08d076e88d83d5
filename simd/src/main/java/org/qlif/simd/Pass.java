// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.util.stream.Stream;

/**
 * One pass over the vectors of a tile: a loop of at most some twenty vector operations.
 *
 * <p>Passes must be small because the compiler counts the nodes of a method while it inlines: a multiply-add with a constant takes a
 * thousand, and past 18,000 none of our helpers is inlined any more, their vectors become objects, and speed falls tenfold. Passes are
 * called through this interface, from one place that calls many of them, so that the compiler can't predict the next one and never inlines
 * one into another.
 */
@FunctionalInterface
interface Pass {
    /** Does the pass. */
    void run(Tile tile);

    /** Does {@code passes} in order: the only place that calls passes. */
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
