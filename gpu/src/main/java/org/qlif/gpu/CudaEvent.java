package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.qlif.gpu.ffi.cuda.cuda_h;

/** A mark in a stream: done when the work before it is. Made by {@link CudaDevice#newEvent}; to order streams, and to time work. */
public final class CudaEvent implements AutoCloseable {
    private final Context context;
    private final MemorySegment handle;
    private final Lifetime lifetime = new Lifetime("this event");

    private CudaEvent(Context context, MemorySegment handle) {
        this.context = context;
        this.handle = handle;
    }

    static CudaEvent create(Context context) {
        return context.own(
                "cuEventCreate",
                out -> cuda_h.cuEventCreate(out, cuda_h.CU_EVENT_DEFAULT()),
                (hold, made) -> new CudaEvent(hold, MemorySegment.ofAddress(made)));
    }

    MemorySegment handle() {
        lifetime.requireOpen();
        return handle;
    }

    /** Sets the mark behind the work that {@code stream} has now; an earlier mark is forgotten. */
    public void record(CudaStream stream) {
        lifetime.requireOpen();
        MemorySegment marked = Objects.requireNonNull(stream, "stream").handle();
        context.call("cuEventRecord", () -> cuda_h.cuEventRecord(handle, marked));
    }

    /** Waits until the work before the mark is done; at once if there is no mark. */
    public void synchronize() {
        lifetime.requireOpen();
        context.call("cuEventSynchronize", () -> cuda_h.cuEventSynchronize(handle));
    }

    /** Whether the work before the mark is done, without waiting; true if there is no mark. */
    public boolean isDone() {
        lifetime.requireOpen();
        return context.isReady("cuEventQuery", () -> cuda_h.cuEventQuery(handle));
    }

    /**
     * The milliseconds from {@code start} to this event, both of them done.
     *
     * @throws org.qlif.NativeException if one of them has no mark or is not done
     */
    public float millisecondsSince(CudaEvent start) {
        lifetime.requireOpen();
        MemorySegment from = Objects.requireNonNull(start, "start").handle();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_FLOAT);
            context.call("cuEventElapsedTime", () -> cuda_h.cuEventElapsedTime_v2(out, from, handle));
            return out.get(cuda_h.C_FLOAT, 0);
        }
    }

    /** Gives the event up. Closing twice is harmless. */
    @Override
    public void close() {
        if (lifetime.end()) {
            try (context) {
                context.call("cuEventDestroy", () -> cuda_h.cuEventDestroy_v2(handle));
            }
        }
    }
}
