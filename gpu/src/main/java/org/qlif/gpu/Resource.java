// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * What an object of this package owns on a GPU: a reference to the context, and things created in it. Closing waits for running uses. A
 * resource that was never closed is released when its owner has become unreachable, so nothing here may refer to the owner.
 */
abstract class Resource {
    private static final Cleaner CLEANER = Cleaner.create(work -> {
        Thread thread = new Thread(null, work, "qlif-gpu-cleaner", 0, false);
        thread.setDaemon(true);
        return thread;
    });

    private final String what;
    private final Context context;
    private final Lifetime lifetime;
    private Cleaner.@Nullable Cleanable forgotten;

    /** Takes over the reference {@code hold}. */
    Resource(String what, Context hold) {
        this.what = what;
        this.context = hold;
        this.lifetime = new Lifetime("this " + what);
    }

    /** Releases this when {@code owner} has become unreachable. Called once, by the owner's constructor. */
    final void releaseAfter(Object owner) {
        forgotten = CLEANER.register(owner, this::reclaim);
    }

    final Context context() {
        return context;
    }

    final Lifetime lifetime() {
        return lifetime;
    }

    /**
     * Begins a use.
     *
     * @throws IllegalStateException if it is closed
     */
    final void enter() {
        lifetime.enter();
    }

    /** Ends a use by {@code owner}, and keeps that reachable until here. */
    final void exit(Object owner) {
        lifetime.exit();
        Reference.reachabilityFence(owner);
    }

    /**
     * Frees everything that was created, even if freeing some of it fails. Waits where necessary.
     *
     * @param closed the arena that was closed with the owner, whose memory work may still use; null if there is none, or if the owner was
     *     never closed, since then no work uses its memory
     */
    abstract void release(@Nullable Arena closed);

    /** Like {@link #close(Arena)}, without an arena. */
    final void close() {
        close(null);
    }

    /** Closes {@code arena}, waits for running uses, and releases this. A second call only waits for the first. */
    final void close(@Nullable Arena arena) {
        if (lifetime.end()) {
            try (context) {
                try {
                    if (arena != null) {
                        closeOnceUnused(arena);
                    }
                } finally {
                    release(arena);
                }
            } finally {
                ended();
            }
        }
    }

    private void ended() {
        lifetime.ended();
        // Deregisters from the cleaner, which has nothing left to do.
        if (forgotten != null) {
            forgotten.clean();
        }
    }

    private void reclaim() {
        if (!lifetime.end()) {
            return;
        }
        try (context) {
            release(null);
        } catch (RuntimeException failure) {
            // There is no caller to throw to.
            Logger log = System.getLogger("org.qlif");
            log.log(Level.WARNING, "a forgotten " + what + " could not be released: " + failure.getMessage(), failure);
        } finally {
            lifetime.ended();
        }
    }

    /** Closes an arena. Java refuses to while native calls use its memory, so this retries until they have returned. */
    private static void closeOnceUnused(Arena arena) {
        boolean interrupted = false;
        while (arena.scope().isAlive()) {
            try {
                arena.close();
            } catch (IllegalStateException inUse) {
                try {
                    Thread.sleep(1);
                } catch (InterruptedException later) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
