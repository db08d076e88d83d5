// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.util.stream.Stream;

/**
 * One pass over the vectors of a tile: a loop of twenty to fifty vector operations.
 *
 * <p>Passes must be small because the compiler limits the nodes of a method while it inlines. A multiply-add with a constant takes a
 * thousand; past 18,000 the compiler no longer inlines our helpers, vectors become objects, and speed drops tenfold. The Vector API's own
 * methods are always inlined, so a long pass calls its helpers first. All passes are called through this interface from a single call site,
 * so that the compiler can't predict the next one and never inlines one into another.
 */
@FunctionalInterface
interface Pass {
    /** Runs the pass. */
    void run(Tile tile);

    /** Runs {@code passes} in order: the only call site of passes. */
    static void all(Pass[] passes, Tile tile) {
        for (Pass pass : passes) {
            pass.run(tile);
        }
    }

    /** Concatenates {@code lists}. */
    static Pass[] concat(Pass[]... lists) {
        return Stream.of(lists).flatMap(Stream::of).toArray(Pass[]::new);
    }
}
