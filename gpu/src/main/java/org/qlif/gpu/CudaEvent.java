// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * A mark in a stream, which is done when the work before it is done. Made by {@link CudaDevice#newEvent}; used to order streams and to time
 * work.
 *
 * <pre>{@code
 * try (CudaEvent start = gpu.newEvent(); CudaEvent end = gpu.newEvent()) {
 *     start.record(stream);
 *     kernel.forward(forward);
 *     end.record(stream);
 *     end.synchronize();
 *     System.out.println(end.millisecondsSince(start) + " ms");
 * }
 * }</pre>
 */
public final class CudaEvent implements AutoCloseable {
    private final Mark mark;
    /** What the marked stream keeps, which had been used {@link #uses} times at the mark; null if unknown. */
    private @Nullable InFlight before;

    private long uses;
    private int records;

    private CudaEvent(Mark mark) {
        this.mark = mark;
        mark.releaseAfter(this);
    }

    /** What an event owns. */
    private static final class Mark extends Resource {
        private final MemorySegment handle;

        Mark(Context hold, MemorySegment handle) {
            super("event", hold);
            this.handle = handle;
        }

        @Override
        void release(@Nullable Arena closed) {
            context().call("cuEventDestroy", () -> cuda_h.cuEventDestroy_v2(handle));
        }
    }

    static CudaEvent create(Context context) {
        return context.own(
                "cuEventCreate",
                out -> cuda_h.cuEventCreate(out, cuda_h.CU_EVENT_DEFAULT()),
                (hold, made) -> new CudaEvent(new Mark(hold, MemorySegment.ofAddress(made))));
    }

    MemorySegment handle() {
        return mark.handle;
    }

    /**
     * Begins a use: the event stays open until {@link #exit}.
     *
     * @throws IllegalStateException if the event is closed
     */
    void enter() {
        mark.enter();
    }

    void exit() {
        mark.exit(this);
    }

    /** Sets the mark behind the current work of {@code stream}, replacing an earlier mark. */
    public void record(CudaStream stream) {
        Objects.requireNonNull(stream, "stream");
        mark.enter();
        try {
            stream.enter();
            try {
                recordBehind(stream);
            } finally {
                stream.exit();
            }
        } finally {
            mark.exit(this);
        }
    }

    /** Waits until the work before the mark is done; at once if there is no mark. */
    public void synchronize() {
        mark.enter();
        try {
            int awaited = records();
            mark.context().call("cuEventSynchronize", () -> cuda_h.cuEventSynchronize(mark.handle));
            passed(awaited);
        } finally {
            mark.exit(this);
        }
    }

    /** Whether the work before the mark is done, without waiting; true if there is no mark. */
    public boolean isDone() {
        mark.enter();
        try {
            int asked = records();
            boolean done = mark.context().isReady("cuEventQuery", () -> cuda_h.cuEventQuery(mark.handle));
            if (done) {
                passed(asked);
            }
            return done;
        } finally {
            mark.exit(this);
        }
    }

    private synchronized void recordBehind(CudaStream stream) {
        records++;
        before = null;
        uses = stream.inFlight().uses();
        mark.context().call("cuEventRecord", () -> cuda_h.cuEventRecord(mark.handle, stream.handle()));
        // Captured work runs when the graph is launched, not before this mark.
        before = Capture.current() == null ? stream.inFlight() : null;
    }

    private synchronized int records() {
        return records;
    }

    /** Called when the mark that was current after {@code records} records has been passed; there may be a newer one. */
    private synchronized void passed(int records) {
        if (before != null && this.records == records) {
            before.done(uses);
            before = null;
        }
    }

    /**
     * The milliseconds from {@code start} to this event; both must be done.
     *
     * @throws org.qlif.NativeException if one of them has no mark or is not done
     */
    public float millisecondsSince(CudaEvent start) {
        Objects.requireNonNull(start, "start");
        mark.enter();
        try (Arena arena = Arena.ofConfined()) {
            start.enter();
            try {
                MemorySegment out = arena.allocate(cuda_h.C_FLOAT);
                mark.context()
                        .call("cuEventElapsedTime", () -> cuda_h.cuEventElapsedTime(out, start.handle(), mark.handle));
                return out.get(cuda_h.C_FLOAT, 0);
            } finally {
                start.exit();
            }
        } finally {
            mark.exit(this);
        }
    }

    /** Waits for calls of this class, then destroys the event. Closing twice is harmless. */
    @Override
    public void close() {
        mark.close();
    }
}
