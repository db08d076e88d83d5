// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Keeps reachable what the work on one stream uses, until that work is known to be done: because someone waited, or because an event
 * that is recorded after every so many new references has passed. So at most that many outlive their work unasked, besides those of
 * work that is under way. What is used again and again costs a look at a table.
 */
final class InFlight {
    /** How many new references come before the next event. */
    private static final int INTERVAL = 64;

    private final Context context;
    private final MemorySegment stream;

    /** Used by work that the event does not cover. */
    private References latest = new References();
    /** Used by work that is done when the event is. */
    private References marked = new References();

    private MemorySegment event = MemorySegment.NULL;
    private int next = INTERVAL;
    private long uses;

    InFlight(Context context, MemorySegment stream) {
        this.context = context;
        this.stream = stream;
    }

    /** Keeps {@code scope}, whose memory is used by work that has just been added to the stream. */
    synchronized void add(MemorySegment.Scope scope) {
        uses++;
        latest.add(scope);
    }

    /** Comes after all that work uses was added; not while the stream is captured by this thread. */
    synchronized void added() {
        if (latest.size() < next) {
            return;
        }
        context.enter();
        try {
            if (CudaStream.isCapturing(stream) || (marked.size() > 0 && !isMarkPassed())) {
                // Later.
                next = latest.size() + INTERVAL;
                return;
            }
            marked.clear();
            mark();
            References done = marked;
            marked = latest;
            latest = done;
            next = INTERVAL;
        } finally {
            context.leave();
        }
    }

    private void mark() {
        if (event.address() == 0) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment out = arena.allocate(cuda_h.C_POINTER);
                Driver.check(cuda_h.cuEventCreate(out, cuda_h.CU_EVENT_DEFAULT()), "cuEventCreate");
                event = out.get(cuda_h.C_POINTER, 0);
            }
        }
        Driver.check(cuda_h.cuEventRecord(event, stream), "cuEventRecord");
    }

    private boolean isMarkPassed() {
        int result = cuda_h.cuEventQuery(event);
        if (result == cuda_h.CUDA_ERROR_NOT_READY()) {
            return false;
        }
        Driver.check(result, "cuEventQuery");
        return true;
    }

    /** How often something was added: what {@link #done} asks for. */
    synchronized long uses() {
        return uses;
    }

    /** Lets everything go if nothing was added since there were {@code uses}, all of which are done. */
    synchronized void done(long uses) {
        if (this.uses == uses) {
            latest.clear();
            marked.clear();
            next = INTERVAL;
        }
    }

    /** Waits for the work that something is kept for, and lets go. The device's context is current. */
    synchronized void await() {
        if (latest.size() > 0) {
            mark();
        }
        if (latest.size() + marked.size() > 0) {
            Driver.check(cuda_h.cuEventSynchronize(event), "cuEventSynchronize");
        }
        done(uses);
    }

    synchronized boolean isEmpty() {
        return latest.size() + marked.size() == 0;
    }

    /** Gives the event up. The device's context is current. */
    synchronized void close() {
        MemorySegment made = event;
        event = MemorySegment.NULL;
        if (made.address() != 0) {
            Driver.check(cuda_h.cuEventDestroy_v2(made), "cuEventDestroy");
        }
    }
}
