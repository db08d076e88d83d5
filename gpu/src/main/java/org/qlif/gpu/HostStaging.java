// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.qlif.Tensor;
import org.qlif.spi.host.HostMemory;

/** Staging on the host: uses native memory directly, and copies arrays, which the garbage collector may move. */
final class HostStaging extends Staging {
    private @Nullable Arena arena;
    private MemorySegment scratch = MemorySegment.NULL;

    @Override
    long direct(Tensor tensor) {
        MemorySegment segment = tensor.segment();
        return segment.isNative() ? segment.address() : 0;
    }

    @Override
    long scratch(long bytes) {
        if (bytes > scratch.byteSize()) {
            close();
            // Shared, since native code on other threads reads it.
            Arena next = Arena.ofShared();
            try {
                scratch = HostMemory.allocate(next, bytes, "copying the arrays of a call");
            } catch (Throwable failure) {
                next.close();
                throw failure;
            }
            arena = next;
        }
        return scratch.address();
    }

    @Override
    void load() {
        super.load();
        if (copies()) {
            hold(scratch);
        }
    }

    @Override
    void upload(Tensor from, long to) {
        MemorySegment segment = from.segment();
        MemorySegment.copy(segment, 0, scratch, to - scratch.address(), segment.byteSize());
    }

    @Override
    void download(long from, Tensor to) {
        MemorySegment segment = to.segment();
        MemorySegment.copy(scratch, from - scratch.address(), segment, 0, segment.byteSize());
    }

    @Override
    public void close() {
        if (arena != null) {
            scratch = MemorySegment.NULL;
            arena.close();
            arena = null;
        }
    }
}
