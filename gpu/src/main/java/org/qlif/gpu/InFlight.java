// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.ToIntFunction;
import org.qlif.NativeException;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Keeps what the work on one stream uses reachable until that work is known to be done: because someone waited for it, or because a mark
 * was passed, an event recorded after every {@link #INTERVAL} new references. So only about that many references outlive their work by
 * long. An object that is used again only costs a table lookup.
 *
 * <p>A second event is recorded after every call. To free memory, wait for that event of each stream that keeps the memory. This waits
 * neither for a stream that its owner may have destroyed, nor for one that is being captured, nor for the whole device.
 */
final class InFlight {
    /** Number of new references from one mark to the next. */
    private static final int INTERVAL = 64;

    /** Those of all open streams. */
    private static final Set<InFlight> ALL = ConcurrentHashMap.newKeySet();

    private final Context context;
    private final MemorySegment stream;
    private final MemorySegment status = Arena.ofAuto().allocate(cuda_h.C_INT);

    /** Used by work after the mark. */
    private References latest = new References();
    /** Used only by work before the mark. */
    private References marked = new References();

    private MemorySegment mark = MemorySegment.NULL;
    /** When this event is done, so is all work that uses what is kept. An event that was never recorded counts as done. */
    private final MemorySegment last;

    private int next = INTERVAL;
    private long uses;

    InFlight(Context context, MemorySegment stream) {
        this.context = context;
        this.stream = stream;
        this.last = MemorySegment.ofAddress(context.makeBesideCaptures("cuEventCreate", InFlight::createEvent));
        ALL.add(this);
    }

    /** Keeps {@code scope}, whose memory is used by work that has just been added to the stream. */
    synchronized void add(MemorySegment.Scope scope) {
        uses++;
        latest.add(scope);
    }

    /** Called after everything that the new work uses was added. */
    synchronized void added() {
        context.enter();
        try {
            if (isCapturing()) {
                // The work is part of a graph, and runs when the graph is launched.
                return;
            }
            Driver.check(cuda_h.cuEventRecord(last, stream), "cuEventRecord");
            // A thread that captures another stream may not query events.
            if (latest.size() < next || Capture.current() != null) {
                return;
            }
            if (marked.size() > 0 && !isPassed(mark)) {
                // The mark can't be moved yet: try again later.
                next = latest.size() + INTERVAL;
                return;
            }
            marked.clear();
            if (mark.address() == 0) {
                mark = newEvent();
            }
            Driver.check(cuda_h.cuEventRecord(mark, stream), "cuEventRecord");
            References done = marked;
            marked = latest;
            latest = done;
            next = INTERVAL;
        } finally {
            context.leave();
        }
    }

    private boolean isCapturing() {
        Driver.check(cuda_h.cuStreamIsCapturing(stream, status), "cuStreamIsCapturing");
        return status.get(cuda_h.C_INT, 0) != cuda_h.CU_STREAM_CAPTURE_STATUS_NONE();
    }

    /** A new event, without timing. The device's context must be current. */
    static MemorySegment newEvent() {
        return make("cuEventCreate", InFlight::createEvent);
    }

    private static int createEvent(MemorySegment out) {
        return cuda_h.cuEventCreate(out, cuda_h.CU_EVENT_DISABLE_TIMING());
    }

    private static MemorySegment make(String function, ToIntFunction<MemorySegment> maker) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_POINTER);
            Driver.check(maker.applyAsInt(out), function);
            return out.get(cuda_h.C_POINTER, 0);
        }
    }

    private static boolean isPassed(MemorySegment event) {
        int result = cuda_h.cuEventQuery(event);
        if (result == cuda_h.CUDA_ERROR_NOT_READY()) {
            return false;
        }
        Driver.check(result, "cuEventQuery");
        return true;
    }

    /** How often something was added; an argument for {@link #done}. */
    synchronized long uses() {
        return uses;
    }

    /** Called when the first {@code uses} uses are done: releases everything, unless something was added since. */
    synchronized void done(long uses) {
        if (this.uses == uses) {
            latest.clear();
            marked.clear();
            next = INTERVAL;
        }
    }

    /** Waits for all work that something is kept for, and releases it. The device's context must be current. */
    void await() {
        long before;
        synchronized (this) {
            if (latest.size() + marked.size() == 0) {
                return;
            }
            before = uses;
        }
        // Outside the lock, so that other threads can look up what is kept while this one waits.
        Driver.check(cuda_h.cuEventSynchronize(last), "cuEventSynchronize");
        done(before);
    }

    /**
     * Returns a new stream that is ordered behind all work that uses memory of {@code scope}, or NULL if there is no such work. The caller
     * destroys the stream. If none can be made, waits for the work instead. Call this when no call uses the memory any more, with a context
     * current, within {@link Context#besideCaptures}.
     *
     * @throws NativeException if the work may be unfinished
     */
    static MemorySegment behind(MemorySegment.Scope scope) {
        try {
            return follow(scope);
        } catch (NativeException failure) {
            try {
                ALL.forEach(each -> each.awaitUses(scope));
                return MemorySegment.NULL;
            } catch (NativeException another) {
                failure.addSuppressed(another);
                throw failure;
            }
        }
    }

    private static MemorySegment follow(MemorySegment.Scope scope) {
        MemorySegment follower = MemorySegment.NULL;
        try {
            for (InFlight each : ALL) {
                follower = each.lead(scope, follower);
            }
            return follower;
        } catch (Throwable failure) {
            if (follower.address() != 0) {
                cuda_h.cuStreamDestroy_v2(follower);
            }
            throw failure;
        }
    }

    /**
     * Makes {@code follower} wait for this stream's work that uses memory of {@code scope}, if there is any. Returns {@code follower}, or a
     * new stream if that is NULL and there is such work.
     */
    private synchronized MemorySegment lead(MemorySegment.Scope scope, MemorySegment follower) {
        if (!(latest.contains(scope) || marked.contains(scope)) || isPassed(last)) {
            return follower;
        }
        MemorySegment behind = follower.address() != 0
                ? follower
                : make("cuStreamCreate", out -> cuda_h.cuStreamCreate(out, cuda_h.CU_STREAM_NON_BLOCKING()));
        int result = cuda_h.cuStreamWaitEvent(behind, last, 0);
        if (result != cuda_h.CUDA_SUCCESS() && follower.address() == 0) {
            cuda_h.cuStreamDestroy_v2(behind);
        }
        Driver.check(result, "cuStreamWaitEvent");
        return behind;
    }

    /** Waits for this stream's work that uses memory of {@code scope}, if there is any. */
    private synchronized void awaitUses(MemorySegment.Scope scope) {
        if (latest.contains(scope) || marked.contains(scope)) {
            Driver.check(cuda_h.cuEventSynchronize(last), "cuEventSynchronize");
        }
    }

    /** Waits for all work that uses memory of {@code scope}; the conditions of {@link #behind} apply. */
    static void await(MemorySegment.Scope scope) {
        MemorySegment follower = behind(scope);
        if (follower.address() != 0) {
            try {
                Driver.check(cuda_h.cuStreamSynchronize(follower), "cuStreamSynchronize");
            } finally {
                Driver.check(cuda_h.cuStreamDestroy_v2(follower), "cuStreamDestroy");
            }
        }
    }

    /** Destroys the events. The device's context must be current. */
    synchronized void close() {
        ALL.remove(this);
        done(uses);
        try {
            Driver.check(cuda_h.cuEventDestroy_v2(last), "cuEventDestroy");
        } finally {
            if (mark.address() != 0) {
                Driver.check(cuda_h.cuEventDestroy_v2(mark), "cuEventDestroy");
            }
        }
    }
}
