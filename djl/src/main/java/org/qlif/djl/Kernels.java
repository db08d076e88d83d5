// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The kernels of a block: as many as there are calls under way at a time, since each serves one. What a call is recorded on is kept for
 * the next.
 *
 * @param <K> the kernel's type
 * @param <W> the type of what a call is recorded on
 */
final class Kernels<K extends AutoCloseable, W> {
    /** A kernel. Whoever has got it from {@link #acquire} alone runs it, until {@link #release}. */
    static final class Slot<K, W> {
        final K kernel;
        private final ReentrantLock running = new ReentrantLock();
        private final Deque<W> idle = new ArrayDeque<>();

        private Slot(K kernel) {
            this.kernel = kernel;
        }

        /** Ends what {@link #acquire} began. */
        void release() {
            running.unlock();
        }

        /** Waits for a call that is running, then runs this one. */
        void run(Consumer<K> call) {
            running.lock();
            try {
                call.accept(kernel);
            } finally {
                running.unlock();
            }
        }

        /** What a call before this one was recorded on, if there is any that is not in use. */
        @Nullable
        W take() {
            synchronized (idle) {
                return idle.pollFirst();
            }
        }

        void giveBack(W workspace) {
            synchronized (idle) {
                idle.addFirst(workspace);
            }
        }
    }

    private final Supplier<K> open;
    private final List<Slot<K, W>> slots = new CopyOnWriteArrayList<>();

    Kernels(Supplier<K> open) {
        this.open = open;
    }

    /** A kernel that nobody runs. */
    Slot<K, W> acquire() {
        for (Slot<K, W> slot : slots) {
            if (slot.running.tryLock()) {
                return slot;
            }
        }
        Slot<K, W> slot = new Slot<>(open.get());
        slot.running.lock();
        slots.add(slot);
        return slot;
    }

    /** Native memory of at least {@code bytes}: this, or if it is too small, other memory, which is reclaimed once nobody uses it. */
    static MemorySegment atLeast(long bytes, @Nullable MemorySegment memory) {
        return memory != null && memory.byteSize() >= bytes
                ? memory
                : Arena.ofAuto().allocate(bytes, 64);
    }

    /** Closes those that nobody runs or will ask for; a call later opens another. */
    void close() {
        for (Slot<K, W> slot : slots) {
            slots.remove(slot);
            slot.run(kernel -> {
                try {
                    kernel.close();
                } catch (RuntimeException failure) {
                    throw failure;
                } catch (Exception impossible) {
                    throw new AssertionError("kernels throw no checked exception", impossible);
                }
            });
        }
    }
}
