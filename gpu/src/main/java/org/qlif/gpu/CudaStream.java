// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.Device;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * A queue of work on a GPU, done in order: made by {@link CudaDevice#newStream}, or a caller's stream, wrapped by {@link
 * CudaDevice#stream}. A new stream and the default stream wait for each other's work, as with CUDA's blocking streams.
 *
 * <p>Calls and copies on a stream return before the GPU has done them. Until the work is known to be done, since you waited for the stream,
 * checked it, or later work has passed, the stream keeps the memory reachable that the work uses, so the garbage collector does not free
 * it. The stream can't keep memory from being closed: don't close a shared arena, or free memory of another library, before the work on it
 * is done; otherwise what the GPU reads or writes is undefined.
 *
 * <pre>{@code
 * try (CudaStream stream = gpu.newStream()) {
 *     CudaKernel control = kernel.extension(CudaKernel.class).orElseThrow();
 *     control.stream(stream);
 *     kernel.forward(forward); // returns at once if all its tensors are on the GPU
 *     stream.synchronize();
 *     control.stream(null);
 * }
 * }</pre>
 */
public final class CudaStream implements AutoCloseable {
    private final Device device;
    private final Queue queue;

    private CudaStream(Device device, Queue queue) {
        this.device = device;
        this.queue = queue;
        queue.releaseAfter(this);
    }

    /** What a stream owns. */
    private static final class Queue extends Resource {
        private final MemorySegment handle;
        private final boolean own;
        private final InFlight inFlight;

        Queue(Context hold, MemorySegment handle, boolean own) {
            super("stream", hold);
            this.handle = handle;
            this.own = own;
            this.inFlight = new InFlight(hold, handle);
        }

        @Override
        void release(@Nullable Arena closed) {
            context().besideCaptures(() -> {
                try {
                    inFlight.await();
                } finally {
                    destroy();
                }
            });
        }

        private void destroy() {
            try {
                inFlight.close();
            } finally {
                if (own) {
                    Driver.check(cuda_h.cuStreamDestroy_v2(handle), "cuStreamDestroy");
                }
            }
        }
    }

    static CudaStream create(Device device, Context context) {
        return context.own(
                "cuStreamCreate", out -> cuda_h.cuStreamCreate(out, cuda_h.CU_STREAM_DEFAULT()), (hold, made) -> {
                    MemorySegment handle = MemorySegment.ofAddress(made);
                    try {
                        return new CudaStream(device, new Queue(hold, handle, true));
                    } catch (Throwable failure) {
                        hold.call("cuStreamDestroy", () -> cuda_h.cuStreamDestroy_v2(handle));
                        throw failure;
                    }
                });
    }

    static CudaStream wrap(Device device, Context context, long address) {
        MemorySegment handle = MemorySegment.ofAddress(address);
        return context.own("cuStreamGetCtx", out -> cuda_h.cuStreamGetCtx(handle, out), (hold, owner) -> {
            if (!hold.is(owner)) {
                throw new IllegalArgumentException(
                        "stream: got one of another device or context, expected one of the primary context of "
                                + device);
            }
            return new CudaStream(device, new Queue(hold, handle, false));
        });
    }

    /** The device. */
    public Device device() {
        return device;
    }

    /**
     * The {@code CUstream}, which is also a {@code cudaStream_t}, for other libraries.
     *
     * @throws IllegalStateException if the stream is closed
     */
    public long address() {
        queue.lifetime().requireOpen();
        return queue.handle.address();
    }

    /**
     * Begins a use, which keeps the stream open until {@link #exit}.
     *
     * @throws IllegalStateException if the stream is closed
     */
    void enter() {
        queue.enter();
    }

    void exit() {
        queue.exit(this);
    }

    Context context() {
        return queue.context();
    }

    Lifetime lifetime() {
        return queue.lifetime();
    }

    MemorySegment handle() {
        return queue.handle;
    }

    /** What keeps the memory that the stream's work uses reachable. */
    InFlight inFlight() {
        return queue.inFlight;
    }

    /** Keeps memory that work just added to the stream uses; call {@link #kept} after the last of it. */
    void keep(MemorySegment.Scope scope) {
        queue.inFlight.add(scope);
        Capture capture = Capture.current();
        if (capture != null) {
            capture.keep(scope);
        }
    }

    void kept() {
        queue.inFlight.added();
    }

    /**
     * Waits until all work on the stream is done.
     *
     * @throws org.qlif.NativeException if some of that work failed
     */
    public void synchronize() {
        queue.enter();
        try {
            long uses = queue.inFlight.uses();
            queue.context().call("cuStreamSynchronize", () -> cuda_h.cuStreamSynchronize(queue.handle));
            queue.inFlight.done(uses);
        } finally {
            queue.exit(this);
        }
    }

    /**
     * Whether all work on the stream is done, without waiting.
     *
     * @throws org.qlif.NativeException if some of that work failed
     */
    public boolean isDone() {
        queue.enter();
        try {
            long uses = queue.inFlight.uses();
            boolean done = queue.context().isReady("cuStreamQuery", () -> cuda_h.cuStreamQuery(queue.handle));
            if (done) {
                queue.inFlight.done(uses);
            }
            return done;
        } finally {
            queue.exit(this);
        }
    }

    /** Makes work that is added from now on wait, on the GPU, for the work before {@code event}'s mark. */
    public void waitFor(CudaEvent event) {
        Objects.requireNonNull(event, "event");
        queue.enter();
        try {
            event.enter();
            try {
                queue.context()
                        .call("cuStreamWaitEvent", () -> cuda_h.cuStreamWaitEvent(queue.handle, event.handle(), 0));
            } finally {
                event.exit();
            }
        } finally {
            queue.exit(this);
        }
    }

    /** Whether the stream is being captured. The device's context must be current. */
    static boolean isCapturing(MemorySegment stream) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_INT);
            Driver.check(cuda_h.cuStreamIsCapturing(stream, out), "cuStreamIsCapturing");
            return out.get(cuda_h.C_INT, 0) != cuda_h.CU_STREAM_CAPTURE_STATUS_NONE();
        }
    }

    /**
     * Waits for calls of this class and for work on memory that the stream keeps, then gives up the stream; other work on it is still done.
     * A wrapped stream is not destroyed. Closing twice is harmless.
     *
     * @throws IllegalStateException if the caller is capturing the stream; nothing is changed
     */
    @Override
    public void close() {
        queue.close();
    }
}
