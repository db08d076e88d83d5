package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.qlif.DType;
import org.qlif.Tensor;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Page-locked memory of the host, made by {@link CudaDevice#allocatePinned}: zero at first. GPUs copy it fastest, and beside other
 * work. It is memory of the host in every respect: any kernel takes tensors of it.
 */
public final class PinnedBuffer implements AutoCloseable {
    private final Context context;
    private final MemorySegment allocated;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;
    private final Lifetime lifetime = new Lifetime("this buffer");

    private PinnedBuffer(Context context, MemorySegment allocated, long size) {
        this.context = context;
        this.allocated = allocated;
        this.segment = allocated.reinterpret(size, arena, null);
    }

    static PinnedBuffer allocate(Context context, long size) {
        if (size < 0) {
            throw new IllegalArgumentException("size: got " + size + ", expected at least 0");
        }
        PinnedBuffer buffer = context.own(
                "cuMemHostAlloc of " + size + " bytes",
                out -> cuda_h.cuMemHostAlloc(out, Math.max(size, 1), cuda_h.CU_MEMHOSTALLOC_PORTABLE()),
                (hold, made) -> new PinnedBuffer(hold, MemorySegment.ofAddress(made), size));
        buffer.segment.fill((byte) 0);
        return buffer;
    }

    /**
     * The memory.
     *
     * @throws IllegalStateException if the buffer is closed
     */
    public MemorySegment segment() {
        lifetime.requireOpen();
        return segment;
    }

    /** The size in bytes. */
    public long byteSize() {
        return segment.byteSize();
    }

    /** A tensor over the first bytes of the buffer. */
    public Tensor tensor(DType type, long... shape) {
        return Tensor.of(type, segment().asSlice(0, Tensor.byteSize(type, shape)), shape);
    }

    /**
     * Frees the memory, after waiting for all work of the device. Closing twice is harmless. Not while any thread captures a stream of the
     * GPU ({@link CudaGraph#capture}): the wait ends the capture.
     */
    @Override
    public void close() {
        if (lifetime.end()) {
            try (context) {
                try {
                    // First: a reader gets an exception, not memory that is gone.
                    arena.close();
                } finally {
                    free();
                }
            }
        }
    }

    private void free() {
        try {
            context.call("cuCtxSynchronize", cuda_h::cuCtxSynchronize);
        } finally {
            context.call("cuMemFreeHost", () -> cuda_h.cuMemFreeHost(allocated));
        }
    }
}
