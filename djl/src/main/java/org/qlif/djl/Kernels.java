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
 * The kernels of a block: as many as there are simultaneous calls, since each kernel serves one call at a time. What calls are recorded on
 * is reused.
 *
 * @param <K> the kernel's type
 * @param <W> the type of the object that a call is recorded on
 */
final class Kernels<K extends AutoCloseable, W> {
    /** A kernel. After {@link #acquire}, only its caller may run it, until {@link #release}. */
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

        /** Waits for a running call, then runs this one. */
        void run(Consumer<K> call) {
            running.lock();
            try {
                call.accept(kernel);
            } finally {
                running.unlock();
            }
        }

        /** An object that an earlier call was recorded on and that is no longer in use, if there is one. */
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

    /** A kernel that is not in use. */
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

    /**
     * Native memory of at least {@code bytes}: {@code memory} if it is large enough, else new memory, which is reclaimed when it is
     * unreachable.
     */
    static MemorySegment atLeast(long bytes, @Nullable MemorySegment memory) {
        return memory != null && memory.byteSize() >= bytes
                ? memory
                : Arena.ofAuto().allocate(bytes, 64);
    }

    /** Closes the kernels that are not in use; later calls open new ones. */
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
