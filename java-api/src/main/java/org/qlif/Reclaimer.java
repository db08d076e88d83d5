// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.ref.Cleaner;

/** Releases what was never closed, some time after nothing refers to it any more. {@code close()} remains the way that is sure. */
final class Reclaimer {
    private static final Cleaner CLEANER = Cleaner.create();

    private Reclaimer() {}

    /**
     * Runs {@code release} once: by {@link Cleaner.Cleanable#clean()}, or when {@code owner} has become unreachable, on a thread of
     * its own.
     *
     * @param release must not refer to {@code owner}
     */
    static Cleaner.Cleanable register(Object owner, Runnable release) {
        return CLEANER.register(owner, release);
    }
}
