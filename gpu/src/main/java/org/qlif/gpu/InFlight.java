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
 * Keeps reachable what the work on one stream uses, until that work is known to be done: because someone waited, or because an event
 * that is recorded after every so many new references has passed. So at most that many outlive their work unasked, besides those of
 * work that is under way. What is used again and again costs a look at a table.
 *
 * <p>Another event is recorded after every call. Whoever frees memory waits for those of the streams that keep it, and so for no stream
 * that its owner may have destroyed, none that is being captured, and no whole device.
 */
final class InFlight {
    /** How many new references come before the next mark. */
    private static final int INTERVAL = 64;

    /** One of each open stream. */
    private static final Set<InFlight> ALL = ConcurrentHashMap.newKeySet();

    private final Context context;
    private final MemorySegment stream;
    private final MemorySegment status = Arena.ofAuto().allocate(cuda_h.C_INT);

    /** Used by work that the mark does not cover. */
    private References latest = new References();
    /** Used by work that is done when the mark is passed. */
    private References marked = new References();

    private MemorySegment mark = MemorySegment.NULL;
    /** All work that uses what is kept is done when this event is, as one that was never recorded is. */
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

    /** Comes after all that work uses was added. */
    synchronized void added() {
        context.enter();
        try {
            if (isCapturing()) {
                // A graph has the work, and does it some time.
                return;
            }
            Driver.check(cuda_h.cuEventRecord(last, stream), "cuEventRecord");
            // A capture of another stream by this thread forbids it to ask for events.
            if (latest.size() < next || Capture.current() != null) {
                return;
            }
            if (marked.size() > 0 && !isPassed(mark)) {
                // Later.
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

    /** An event that times nothing; the device's context is current. */
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
    void await() {
        long before;
        synchronized (this) {
            if (latest.size() + marked.size() == 0) {
                return;
            }
            before = uses;
        }
        // Others may ask meanwhile what is kept.
        Driver.check(cuda_h.cuEventSynchronize(last), "cuEventSynchronize");
        done(before);
    }

    /**
     * A new stream, which the caller destroys, behind all work that uses memory of {@code scope}; NULL if there is none. If no stream can
     * be made, it waits for the work itself. No call uses the memory any more. A context is current, and captures of other threads do not
     * matter ({@link Context#besideCaptures}).
     *
     * @throws NativeException if the work may not be done
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

    /** Lets {@code follower}, which is made if it is NULL, wait for this stream's work that uses memory of {@code scope}, if there is any. */
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

    /** Waits for all work that uses memory of {@code scope}; as {@link #behind}. */
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

    /** Gives the events up. The device's context is current. */
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
