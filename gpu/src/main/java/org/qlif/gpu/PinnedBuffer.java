// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Tensor;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Page-locked memory of the host, made by {@link CudaDevice#allocatePinned}; it is zero at first. GPUs copy such memory fastest, and while
 * they do other work. Otherwise it is ordinary memory of the host: any kernel takes tensors of it. A forgotten buffer is freed some time
 * after it and its segments are gone.
 *
 * <pre>{@code
 * try (PinnedBuffer staging = gpu.allocatePinned(buffer.byteSize())) {
 *     staging.tensor(DType.F32, 100, 32, 128).fill(1);
 *     buffer.copyFrom(staging.segment(), 0, stream);
 *     stream.synchronize();
 * }
 * }</pre>
 */
public final class PinnedBuffer implements AutoCloseable {
    private final Allocation allocation;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    private PinnedBuffer(Allocation allocation, long size) {
        this.allocation = allocation;
        // Reachable as long as the memory is, even if the buffer itself no longer is.
        Object memory = new Object();
        this.segment = allocation.address.reinterpret(size, arena, _ -> Reference.reachabilityFence(memory));
        allocation.releaseAfter(memory);
    }

    /** What a buffer owns. */
    private static final class Allocation extends Resource {
        private final MemorySegment address;

        Allocation(Context hold, MemorySegment address) {
            super("buffer", hold);
            this.address = address;
        }

        @Override
        void release(@Nullable Arena closed) {
            context().besideCaptures(() -> {
                if (closed != null) {
                    UnderWay.await(closed.scope());
                    // If this fails, the memory is not freed: the GPU may still write to it.
                    InFlight.await(closed.scope());
                }
                Driver.check(cuda_h.cuMemFreeHost(address), "cuMemFreeHost");
            });
        }
    }

    static PinnedBuffer allocate(Context context, long size) {
        if (size < 0) {
            throw new IllegalArgumentException("size: got " + size + ", expected at least 0");
        }
        PinnedBuffer buffer = context.own(
                "cuMemHostAlloc of " + size + " bytes",
                out -> cuda_h.cuMemHostAlloc(out, Math.max(size, 1), cuda_h.CU_MEMHOSTALLOC_PORTABLE()),
                (hold, made) -> new PinnedBuffer(new Allocation(hold, MemorySegment.ofAddress(made)), size));
        buffer.segment.fill((byte) 0);
        return buffer;
    }

    /**
     * The memory.
     *
     * @throws IllegalStateException if the buffer is closed
     */
    public MemorySegment segment() {
        allocation.lifetime().requireOpen();
        return segment;
    }

    /** The size in bytes. */
    public long byteSize() {
        return segment.byteSize();
    }

    /**
     * A tensor over the first bytes of the buffer.
     *
     * @throws IllegalArgumentException if an extent is negative
     * @throws IllegalStateException if the buffer is closed
     * @throws IndexOutOfBoundsException if the tensor passes the buffer's end
     */
    public Tensor tensor(DType type, long... shape) {
        return Tensor.of(type, segment().asSlice(0, Tensor.byteSize(type, shape)), shape);
    }

    /**
     * Waits for calls that use the memory and for the work of {@link CudaStream streams} on it, then frees it. Work of other libraries on
     * it must be done. Closing twice is harmless.
     *
     * @throws IllegalStateException in the work that a graph captures; nothing is changed
     */
    @Override
    public void close() {
        Capture.requireNone("this buffer can't be closed");
        allocation.close(arena);
    }
}
