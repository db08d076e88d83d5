// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import org.jspecify.annotations.Nullable;

/**
 * Whether an object is still open, and how many uses of it are running. Uses may overlap; closing waits for those that have begun and
 * refuses later ones. Allocates nothing.
 */
final class Lifetime {
    private final String what;
    private int uses;
    private boolean ending;
    private boolean ended;
    /** The thread that runs a caller's code within a use; null if there is none. */
    private @Nullable Thread caller;

    /** @param what names the object in messages, such as "this stream" */
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

    /** Declares that {@code thread} runs a caller's code within a use or, with null, that it no longer does. */
    synchronized void runs(@Nullable Thread thread) {
        caller = thread;
    }

    synchronized void requireOpen() {
        if (ending) {
            throw new IllegalStateException(what + " is closed");
        }
    }

    /**
     * Closes this after waiting for the uses that have begun. Returns true to the first caller, which then releases the object and calls
     * {@link #ended}. Other callers wait for that.
     *
     * @throws IllegalStateException if called within a use on the same thread; nothing is changed
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
