// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import org.jspecify.annotations.Nullable;

/**
 * Whether something that its owner closes is still open, and how many are using it. Uses may overlap; closing waits for those that
 * have begun and refuses later ones. Allocates nothing.
 */
final class Lifetime {
    private final String what;
    private int uses;
    private boolean ending;
    private boolean ended;
    /** Whose code runs within a use; null if no caller's code does. */
    private @Nullable Thread caller;

    /** The life of {@code what}, such as "this stream", for messages. */
    Lifetime(String what) {
        this.what = what;
    }

    /**
     * Begins a use.
     *
     * @throws IllegalStateException if it is closed
     */
    synchronized void enter() {
        requireOpen();
        uses++;
    }

    synchronized void exit() {
        uses--;
        if (uses == 0 && ending) {
            notifyAll();
        }
    }

    /** Says that code of a caller runs on this thread within a use, or, with null, that it has ended. */
    synchronized void runs(@Nullable Thread thread) {
        caller = thread;
    }

    synchronized void requireOpen() {
        if (ending) {
            throw new IllegalStateException(what + " is closed");
        }
    }

    /**
     * Ends it, after waiting for the uses that have begun: true for the first to call, who releases and then calls {@link #ended}.
     * The others wait for that.
     *
     * @throws IllegalStateException if the caller is within a use of its own; nothing is changed
     */
    synchronized boolean end() {
        if (caller == Thread.currentThread()) {
            throw new IllegalStateException(what + " can't be closed while the caller's own code uses it");
        }
        boolean first = !ending;
        ending = true;
        boolean interrupted = false;
        while (first ? uses > 0 : !ended) {
            try {
                wait();
            } catch (InterruptedException later) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return first;
    }

    synchronized void ended() {
        ended = true;
        notifyAll();
    }
}
