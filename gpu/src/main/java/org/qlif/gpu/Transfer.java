// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Copies between host and device on a stream. Native memory is copied directly, by the GPU itself if it is page-locked. Arrays, which
 * only Java can reach, go through two page-locked buffers in turn, so that Java fills or empties one while the GPU works on the other;
 * those are kept until {@link #close()}.
 *
 * <p>All methods are called with the device's context current.
 */
final class Transfer implements AutoCloseable {
    private static final long HALF = 4L << 20;

    private final MemorySegment[] halves = {MemorySegment.NULL, MemorySegment.NULL};
    /** Recorded after the last copy from or to each half. */
    private final MemorySegment[] events = {MemorySegment.NULL, MemorySegment.NULL};

    private int next;
    private boolean prepared;

    /**
     * Copies {@code from} to device memory. When this returns, an array may be changed; native memory must not be changed until the stream
     * has done the copy.
     */
    void upload(MemorySegment from, long to, MemorySegment stream) {
        if (from.isNative()) {
            Driver.check(cuda_h.cuMemcpyHtoDAsync_v2(to, from, from.byteSize(), stream), "cuMemcpyHtoDAsync");
            return;
        }
        prepare();
        for (long at = 0; at < from.byteSize(); at += HALF) {
            long length = Math.min(HALF, from.byteSize() - at);
            int half = takeHalf();
            MemorySegment.copy(from, at, halves[half], 0, length);
            Driver.check(cuda_h.cuMemcpyHtoDAsync_v2(to + at, halves[half], length, stream), "cuMemcpyHtoDAsync");
            Driver.check(cuda_h.cuEventRecord(events[half], stream), "cuEventRecord");
        }
    }

    /**
     * Copies device memory to {@code to}: an array is complete when this returns; native memory is complete once the stream has done the
     * copy.
     */
    void download(long from, MemorySegment to, MemorySegment stream) {
        if (to.isNative()) {
            Driver.check(cuda_h.cuMemcpyDtoHAsync_v2(to, from, to.byteSize(), stream), "cuMemcpyDtoHAsync");
            return;
        }
        prepare();
        int filling = -1;
        long filledFrom = 0;
        for (long at = 0; at < to.byteSize(); at += HALF) {
            int half = takeHalf();
            long length = Math.min(HALF, to.byteSize() - at);
            Driver.check(cuda_h.cuMemcpyDtoHAsync_v2(halves[half], from + at, length, stream), "cuMemcpyDtoHAsync");
            Driver.check(cuda_h.cuEventRecord(events[half], stream), "cuEventRecord");
            if (filling >= 0) {
                empty(filling, to, filledFrom);
            }
            filling = half;
            filledFrom = at;
        }
        if (filling >= 0) {
            empty(filling, to, filledFrom);
        }
    }

    private void empty(int half, MemorySegment to, long at) {
        await(half);
        MemorySegment.copy(halves[half], 0, to, at, Math.min(HALF, to.byteSize() - at));
    }

    /** Waits until the GPU is done with the next half, and returns its number. */
    private int takeHalf() {
        int half = next;
        next ^= 1;
        await(half);
        return half;
    }

    private void await(int half) {
        Driver.check(cuda_h.cuEventSynchronize(events[half]), "cuEventSynchronize");
    }

    private void prepare() {
        if (prepared) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_POINTER);
            for (int i = 0; i < halves.length; i++) {
                if (events[i].address() == 0) {
                    // An event that was never recorded counts as done.
                    Driver.check(cuda_h.cuEventCreate(out, cuda_h.CU_EVENT_DEFAULT()), "cuEventCreate");
                    events[i] = out.get(cuda_h.C_POINTER, 0);
                }
                if (halves[i].address() == 0) {
                    Driver.check(cuda_h.cuMemHostAlloc(out, HALF, cuda_h.CU_MEMHOSTALLOC_PORTABLE()), "cuMemHostAlloc");
                    halves[i] = out.get(cuda_h.C_POINTER, 0).reinterpret(HALF);
                }
            }
        }
        prepared = true;
    }

    @Override
    public void close() {
        int failure = cuda_h.CUDA_SUCCESS();
        for (int i = 0; i < halves.length; i++) {
            int freed = halves[i].address() == 0 ? failure : cuda_h.cuMemFreeHost(halves[i]);
            int destroyed = events[i].address() == 0 ? failure : cuda_h.cuEventDestroy_v2(events[i]);
            failure = freed != cuda_h.CUDA_SUCCESS() ? freed : destroyed != cuda_h.CUDA_SUCCESS() ? destroyed : failure;
            halves[i] = MemorySegment.NULL;
            events[i] = MemorySegment.NULL;
        }
        Driver.check(failure, "cuMemFreeHost or cuEventDestroy");
    }
}
