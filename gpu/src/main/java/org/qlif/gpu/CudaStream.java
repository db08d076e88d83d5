package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.qlif.Device;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * A queue of work on a GPU, done in order: its own, made by {@link CudaDevice#newStream}, or a caller's, wrapped by {@link
 * CudaDevice#stream}. A stream of its own waits for work on the default stream and the other way round, as CUDA's blocking streams
 * do.
 */
public final class CudaStream implements AutoCloseable {
    private final Device device;
    private final Context context;
    private final MemorySegment handle;
    private final boolean own;
    private final Lifetime lifetime = new Lifetime("this stream");

    private CudaStream(Device device, Context context, MemorySegment handle, boolean own) {
        this.device = device;
        this.context = context;
        this.handle = handle;
        this.own = own;
    }

    static CudaStream create(Device device, Context context) {
        return context.own(
                "cuStreamCreate",
                out -> cuda_h.cuStreamCreate(out, cuda_h.CU_STREAM_DEFAULT()),
                (hold, made) -> new CudaStream(device, hold, MemorySegment.ofAddress(made), true));
    }

    static CudaStream wrap(Device device, Context context, long address) {
        MemorySegment handle = MemorySegment.ofAddress(address);
        return context.own("cuStreamGetCtx", out -> cuda_h.cuStreamGetCtx(handle, out), (hold, owner) -> {
            if (!hold.is(owner)) {
                throw new IllegalArgumentException(
                        "stream: is of another device or context, expected one of the primary context of " + device);
            }
            return new CudaStream(device, hold, handle, false);
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
        return handle().address();
    }

    Context context() {
        return context;
    }

    MemorySegment handle() {
        lifetime.requireOpen();
        return handle;
    }

    /**
     * Waits until all work on the stream is done.
     *
     * @throws org.qlif.NativeException if some of that work failed
     */
    public void synchronize() {
        lifetime.requireOpen();
        context.call("cuStreamSynchronize", () -> cuda_h.cuStreamSynchronize(handle));
    }

    /**
     * Whether all work on the stream is done, without waiting.
     *
     * @throws org.qlif.NativeException if some of that work failed
     */
    public boolean isDone() {
        lifetime.requireOpen();
        return context.isReady("cuStreamQuery", () -> cuda_h.cuStreamQuery(handle));
    }

    /** Lets work that is added from now on wait, on the GPU, for what {@code event} was recorded after. */
    public void waitFor(CudaEvent event) {
        lifetime.requireOpen();
        MemorySegment awaited = Objects.requireNonNull(event, "event").handle();
        context.call("cuStreamWaitEvent", () -> cuda_h.cuStreamWaitEvent(handle, awaited, 0));
    }

    /** Whether work on the stream is being captured; the device's context is current. */
    static boolean isCapturing(MemorySegment stream) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_INT);
            Driver.check(cuda_h.cuStreamIsCapturing(stream, out), "cuStreamIsCapturing");
            return out.get(cuda_h.C_INT, 0) != cuda_h.CU_STREAM_CAPTURE_STATUS_NONE();
        }
    }

    /** Gives the stream up; work on it is still done. A wrapped stream stays its owner's. Closing twice is harmless. */
    @Override
    public void close() {
        if (lifetime.end()) {
            try (context) {
                if (own) {
                    context.call("cuStreamDestroy", () -> cuda_h.cuStreamDestroy_v2(handle));
                }
            }
        }
    }
}
