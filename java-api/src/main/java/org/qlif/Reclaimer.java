// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.ref.Cleaner;

/** Releases objects that were never closed, some time after they have become unreachable. Only {@code close()} is certain. */
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
