// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Where memory of a device comes from: CUDA's pool, in the order of a stream that has no other work, so that neither to allocate nor to free
 * waits for any. Memory that work may still use is freed behind that work. A driver without pools, which some virtual GPUs have, waits
 * for the device when memory is freed.
 *
 * <p>All who allocate on a device share one, each with a hold on it.
 */
final class DevicePool implements AutoCloseable {
    private static final Map<Integer, DevicePool> POOLS = new HashMap<>();

    private final Context context;
    /** That of the pool's own work; null where there are no pools. */
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

    /** A hold on the pool of device {@code ordinal}, which is known to be there; closed once. */
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
     * Allocates memory for any stream to use at once.
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
     * @param scope that of the memory, ended, if streams may have work that uses it
     */
    void free(long address, MemorySegment.@Nullable Scope scope) {
        // If it can't be learned that the work is done, the memory stays: the work could write what is allocated there
        // next.
        context.besideCaptures(() -> free(address, scope == null ? MemorySegment.NULL : InFlight.behind(scope)));
    }

    /** Frees memory on a stream of its own, which is given up, or on that of the pool. */
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

    /** Ends the pool's own work: other streams may use what is allocated, and the device has again what is free. */
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
