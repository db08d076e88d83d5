// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.BiConsumer;
import java.util.function.IntSupplier;
import java.util.function.ToIntFunction;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * A hold on the primary context of a device, the one that the CUDA runtime and so every other library uses. The driver counts
 * holds; each owner of something in the context has one of its own, so that they can be closed in any order.
 */
final class Context implements AutoCloseable {
    /** Where the driver writes what was popped; nobody reads it, so all threads may share it. */
    private static final MemorySegment IGNORED = Arena.global().allocate(cuda_h.C_POINTER);

    private final int ordinal;
    private final int device;
    private final MemorySegment handle;

    private Context(int ordinal, int device, MemorySegment handle) {
        this.ordinal = ordinal;
        this.device = device;
        this.handle = handle;
    }

    /** A new hold on the context of device {@code ordinal}, which is known to be there. */
    static Context retain(int ordinal) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_POINTER);
            Driver.check(cuda_h.cuDeviceGet(out, ordinal), "cuDeviceGet");
            int device = out.get(cuda_h.C_INT, 0);
            Driver.check(cuda_h.cuDevicePrimaryCtxRetain(out, device), "cuDevicePrimaryCtxRetain");
            return new Context(ordinal, device, out.get(cuda_h.C_POINTER, 0));
        }
    }

    /** Another hold on the same context. */
    Context retain() {
        return retain(ordinal);
    }

    int ordinal() {
        return ordinal;
    }

    /** The {@code CUdevice}. */
    int device() {
        return device;
    }

    /** Whether {@code context} is this one's handle. */
    boolean is(long context) {
        return handle.address() == context;
    }

    /** Makes it the calling thread's current context until {@link #leave()}. */
    void enter() {
        Driver.check(cuda_h.cuCtxPushCurrent_v2(handle), "cuCtxPushCurrent");
    }

    /** Gives the calling thread back the context it had. Called after {@link #enter()}, in a finally, so it hides no failure. */
    void leave() {
        cuda_h.cuCtxPopCurrent_v2(IGNORED);
    }

    /** Calls a function of the driver in this context. */
    void call(String function, IntSupplier call) {
        enter();
        try {
            Driver.check(call.getAsInt(), function);
        } finally {
            leave();
        }
    }

    /**
     * Calls a function of the driver in this context that allocates or frees memory: another thread may capture a stream in the mode that
     * forbids it to all threads, which ends its capture unless this thread says that it knows what it does.
     */
    void callBesideCaptures(String function, IntSupplier call) {
        besideCaptures(() -> Driver.check(call.getAsInt(), function));
    }

    /** As {@link #callBesideCaptures}, for several calls. */
    void besideCaptures(Runnable calls) {
        enter();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mode = arena.allocate(cuda_h.C_INT);
            mode.set(cuda_h.C_INT, 0, cuda_h.CU_STREAM_CAPTURE_MODE_RELAXED());
            exchange(mode);
            try {
                calls.run();
            } finally {
                exchange(mode);
            }
        } finally {
            leave();
        }
    }

    private static void exchange(MemorySegment mode) {
        Driver.check(cuda_h.cuThreadExchangeStreamCaptureMode(mode), "cuThreadExchangeStreamCaptureMode");
    }

    /** Calls a function of the driver in this context that answers with success or "not ready": whether it was success. */
    boolean isReady(String function, IntSupplier call) {
        enter();
        try {
            int result = call.getAsInt();
            if (result == cuda_h.CUDA_ERROR_NOT_READY()) {
                return false;
            }
            Driver.check(result, function);
            return true;
        } finally {
            leave();
        }
    }

    /** Calls a function of the driver in this context that makes something: the handle or address that it writes to its argument. */
    long make(String function, ToIntFunction<MemorySegment> maker) {
        return make(function, maker, this::call);
    }

    /** As {@link #make}, whatever other threads capture. */
    long makeBesideCaptures(String function, ToIntFunction<MemorySegment> maker) {
        return make(function, maker, this::callBesideCaptures);
    }

    private static long make(
            String function, ToIntFunction<MemorySegment> maker, BiConsumer<String, IntSupplier> caller) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_LONG_LONG);
            caller.accept(function, () -> maker.applyAsInt(out));
            return out.get(cuda_h.C_LONG_LONG, 0);
        }
    }

    /**
     * Makes something that has its own hold on this context, whatever other threads capture.
     *
     * @param function the name of the driver's function
     * @param maker calls it, with where its result goes
     * @param owner makes the owner of the result and of the hold
     */
    <T> T own(String function, ToIntFunction<MemorySegment> maker, Owner<T> owner) {
        Context hold = retain();
        try {
            return owner.of(hold, hold.makeBesideCaptures(function, maker));
        } catch (Throwable failure) {
            hold.close();
            throw failure;
        }
    }

    /** Makes an owner of what the driver has made. */
    interface Owner<T> {
        T of(Context hold, long made);
    }

    /** Lets go. */
    @Override
    public void close() {
        Driver.check(cuda_h.cuDevicePrimaryCtxRelease_v2(device), "cuDevicePrimaryCtxRelease");
    }
}
