// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.BiConsumer;
import java.util.function.IntSupplier;
import java.util.function.ToIntFunction;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * A reference to the primary context of a device, which the CUDA runtime, and so every other library, uses. The driver counts references.
 * Each owner of something in the context has its own, so that they can be closed in any order.
 */
final class Context implements AutoCloseable {
    /** Receives the context that the driver pops. Never read, so all threads can share it. */
    private static final MemorySegment IGNORED = Arena.global().allocate(cuda_h.C_POINTER);

    private final int ordinal;
    private final int device;
    private final MemorySegment handle;

    private Context(int ordinal, int device, MemorySegment handle) {
        this.ordinal = ordinal;
        this.device = device;
        this.handle = handle;
    }

    /** A new reference to the context of device {@code ordinal}, which must exist. */
    static Context retain(int ordinal) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_POINTER);
            Driver.check(cuda_h.cuDeviceGet(out, ordinal), "cuDeviceGet");
            int device = out.get(cuda_h.C_INT, 0);
            Driver.check(cuda_h.cuDevicePrimaryCtxRetain(out, device), "cuDevicePrimaryCtxRetain");
            return new Context(ordinal, device, out.get(cuda_h.C_POINTER, 0));
        }
    }

    /** Another reference to the same context. */
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

    /** Makes this the calling thread's current context until {@link #leave()}. */
    void enter() {
        Driver.check(cuda_h.cuCtxPushCurrent_v2(handle), "cuCtxPushCurrent");
    }

    /**
     * Restores the calling thread's previous context. Called in a finally block, so it ignores failures rather than hide an earlier one.
     */
    void leave() {
        cuda_h.cuCtxPopCurrent_v2(IGNORED);
    }

    /** Calls a driver function in this context. */
    void call(String function, IntSupplier call) {
        enter();
        try {
            Driver.check(call.getAsInt(), function);
        } finally {
            leave();
        }
    }

    /**
     * Calls a driver function that allocates or frees memory, in this context. If another thread captures a stream in global mode, such a
     * call would invalidate that capture, unless this thread switches to relaxed mode, as this method does.
     */
    void callBesideCaptures(String function, IntSupplier call) {
        besideCaptures(() -> Driver.check(call.getAsInt(), function));
    }

    /** Like {@link #callBesideCaptures}, for several calls. */
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

    /** Calls a driver function that returns success or "not ready", in this context. Returns whether it was success. */
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

    /** Calls a driver function that creates something, in this context. Returns the handle or address that it writes to its argument. */
    long make(String function, ToIntFunction<MemorySegment> maker) {
        return make(function, maker, this::call);
    }

    /** Like {@link #make}, without invalidating captures of other threads. */
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
     * Creates something with its own reference to this context, without invalidating captures of other threads.
     *
     * @param function the name of the driver function
     * @param maker calls it, with the memory for its result
     * @param owner creates the owner of the result and of the reference
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

    /** Creates the owner of something that the driver created. */
    interface Owner<T> {
        T of(Context hold, long made);
    }

    /** Releases this reference. */
    @Override
    public void close() {
        Driver.check(cuda_h.cuDevicePrimaryCtxRelease_v2(device), "cuDevicePrimaryCtxRelease");
    }
}
