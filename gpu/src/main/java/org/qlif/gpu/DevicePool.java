// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Allocates memory of a device from CUDA's pool, on a stream of its own without other work, so that neither allocating nor freeing waits
 * for any. Memory that work may still use is freed behind that work. On a driver without pools, as on some virtual GPUs, freeing memory
 * waits for the device.
 *
 * <p>There is one pool per device, shared and reference-counted.
 */
final class DevicePool implements AutoCloseable {
    private static final Map<Integer, DevicePool> POOLS = new HashMap<>();

    private final Context context;
    /** The stream of the pool's own work; null if the driver has no pools. */
    private final @Nullable MemorySegment stream;

    private int holds;

    private DevicePool(Context context) {
        this.context = context;
        this.stream = hasPools(context)
                ? MemorySegment.ofAddress(context.makeBesideCaptures(
                        "cuStreamCreate", out -> cuda_h.cuStreamCreate(out, cuda_h.CU_STREAM_NON_BLOCKING())))
                : null;
    }

    private static boolean hasPools(Context context) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_INT);
            int attribute = cuda_h.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED();
            Driver.check(cuda_h.cuDeviceGetAttribute(out, attribute, context.device()), "cuDeviceGetAttribute");
            return out.get(cuda_h.C_INT, 0) != 0;
        }
    }

    /** A new reference to the pool of device {@code ordinal}, which must exist. Close it exactly once. */
    static DevicePool retain(int ordinal) {
        synchronized (POOLS) {
            DevicePool pool = POOLS.get(ordinal);
            if (pool == null) {
                pool = make(ordinal);
                POOLS.put(ordinal, pool);
            }
            pool.holds++;
            return pool;
        }
    }

    private static DevicePool make(int ordinal) {
        Context context = Context.retain(ordinal);
        try {
            return new DevicePool(context);
        } catch (Throwable failure) {
            context.close();
            throw failure;
        }
    }

    /**
     * Allocates memory that any stream may use immediately.
     *
     * @return the address
     */
    long allocate(long bytes) {
        MemorySegment own = stream;
        if (own == null) {
            return context.makeBesideCaptures(
                    "cuMemAlloc of " + bytes + " bytes", out -> cuda_h.cuMemAlloc_v2(out, bytes));
        }
        long address = context.makeBesideCaptures(
                "cuMemAllocAsync of " + bytes + " bytes", out -> cuda_h.cuMemAllocAsync(out, bytes, own));
        try {
            settle(own);
        } catch (Throwable failure) {
            // The failure that led here is the one to report.
            context.besideCaptures(() -> cuda_h.cuMemFreeAsync(address, own));
            throw failure;
        }
        return address;
    }

    /**
     * Frees memory.
     *
     * @param scope the memory's closed scope if streams may have work that uses it, else null
     */
    void free(long address, MemorySegment.@Nullable Scope scope) {
        // If it can't be told whether the work is done, the memory is not freed: the work could still write to whatever
        // is allocated there next.
        context.besideCaptures(() -> free(address, scope == null ? MemorySegment.NULL : InFlight.behind(scope)));
    }

    /** Frees memory on the stream {@code behind}, which it then destroys, or if that is NULL on the pool's stream. */
    private void free(long address, MemorySegment behind) {
        MemorySegment own = stream;
        try {
            if (own == null) {
                freeAtOnce(address, behind);
            } else if (behind.address() != 0) {
                Driver.check(cuda_h.cuMemFreeAsync(address, behind), "cuMemFreeAsync");
            } else {
                Driver.check(cuda_h.cuMemFreeAsync(address, own), "cuMemFreeAsync");
                settle(own);
            }
        } finally {
            if (behind.address() != 0) {
                Driver.check(cuda_h.cuStreamDestroy_v2(behind), "cuStreamDestroy");
            }
        }
    }

    private static void freeAtOnce(long address, MemorySegment behind) {
        if (behind.address() != 0) {
            Driver.check(cuda_h.cuStreamSynchronize(behind), "cuStreamSynchronize");
        }
        Driver.check(cuda_h.cuMemFree_v2(address), "cuMemFree");
    }

    /** Waits for the pool's own work, so that other streams can use what was allocated, and the device gets back what was freed. */
    private void settle(MemorySegment own) {
        context.callBesideCaptures("cuStreamSynchronize", () -> cuda_h.cuStreamSynchronize(own));
    }

    @Override
    public void close() {
        synchronized (POOLS) {
            holds--;
            if (holds > 0) {
                return;
            }
            POOLS.remove(context.ordinal());
        }
        MemorySegment own = stream;
        try (context) {
            if (own != null) {
                context.callBesideCaptures("cuStreamDestroy", () -> cuda_h.cuStreamDestroy_v2(own));
            }
        }
    }
}
