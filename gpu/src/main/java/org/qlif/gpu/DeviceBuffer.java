// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.Tensor;
import org.qlif.gpu.ffi.cuda.cuda_h;
import org.qlif.spi.host.HostMemory;

/**
 * Memory of a GPU, made by {@link CudaDevice#allocate}; its contents are undefined at first. Tensors are views of it, which kernels on the
 * same device read and write without a copy. Several threads may copy at the same time. A forgotten buffer is freed some time after it, its
 * tensors and the work on them are gone. That can be late, so close it.
 *
 * <pre>{@code
 * try (DeviceBuffer buffer = gpu.allocate(4L * current.length)) {
 *     buffer.copyFrom(MemorySegment.ofArray(current));
 *     kernel.forward(forward.input(buffer.tensor(DType.F32, 100, 32, 128)));
 * }
 * }</pre>
 */
public final class DeviceBuffer implements AutoCloseable {
    private static final long CHUNK = 4L << 20;

    private final Device device;
    private final Allocation allocation;
    private final long size;
    /** Closed with the buffer, so that tensors of a closed buffer are refused. */
    private final Arena arena = Arena.ofShared();

    private final MemorySegment memory;

    private DeviceBuffer(Device device, Allocation allocation, long size) {
        this.device = device;
        this.allocation = allocation;
        this.size = size;
        // Reachable as long as a tensor is, even if the buffer itself no longer is.
        Object tensors = new Object();
        this.memory = MemorySegment.ofAddress(allocation.address)
                .reinterpret(size, arena, _ -> Reference.reachabilityFence(tensors));
        allocation.releaseAfter(tensors);
    }

    /** What a buffer owns. */
    private static final class Allocation extends Resource {
        private final DevicePool pool;
        private final long address;

        /** Takes over both references. */
        Allocation(Context hold, DevicePool pool, long address) {
            super("buffer", hold);
            this.pool = pool;
            this.address = address;
        }

        @Override
        void release(@Nullable Arena closed) {
            try (pool) {
                MemorySegment.Scope scope = closed == null ? null : closed.scope();
                if (scope != null) {
                    UnderWay.await(scope);
                }
                pool.free(address, scope);
            }
        }
    }

    static DeviceBuffer allocate(Device device, Context context, long size) {
        if (size < 0) {
            throw new IllegalArgumentException("size: got " + size + ", expected at least 0");
        }
        Context hold = context.retain();
        try {
            DevicePool pool = DevicePool.retain(context.ordinal());
            try {
                // CUDA has no empty allocations.
                long made = pool.allocate(Math.max(size, 1));
                return new DeviceBuffer(device, new Allocation(hold, pool, made), size);
            } catch (Throwable failure) {
                pool.close();
                throw failure;
            }
        } catch (Throwable failure) {
            hold.close();
            throw failure;
        }
    }

    /** The device whose memory it is. */
    public Device device() {
        return device;
    }

    /** The size in bytes. */
    public long byteSize() {
        return size;
    }

    /**
     * The address in the GPU's memory, a {@code CUdeviceptr}, for other libraries. It keeps nothing reachable: keep this buffer or one of
     * its tensors reachable as long as you use the address.
     *
     * @throws IllegalStateException if the buffer is closed
     */
    public long address() {
        allocation.lifetime().requireOpen();
        return allocation.address;
    }

    /**
     * A tensor over the first bytes of the buffer.
     *
     * @throws IllegalArgumentException if an extent is negative
     * @throws IllegalStateException if the buffer is closed
     * @throws IndexOutOfBoundsException if the tensor passes the buffer's end
     */
    public Tensor tensor(DType type, long... shape) {
        return tensorAt(0, type, shape);
    }

    /**
     * A tensor over the bytes from {@code offset} on.
     *
     * @param offset in bytes; a multiple of the type's alignment
     * @param type the element type
     * @param shape the extents
     * @throws IndexOutOfBoundsException if the tensor passes the buffer's end
     */
    public Tensor tensorAt(long offset, DType type, long... shape) {
        allocation.lifetime().requireOpen();
        return Tensor.on(device, type, slice(offset, Tensor.byteSize(type, shape)), shape);
    }

    /**
     * Copies {@code source}, of the host, to the buffer's beginning, and waits for it; see {@link #copyFrom(MemorySegment, long)}.
     */
    public void copyFrom(MemorySegment source) {
        copyFrom(source, 0);
    }

    /**
     * Copies {@code source} to the bytes from {@code offset} on, and waits for it. On the default stream: if a non-blocking stream of the
     * caller has work that uses the buffer, wait for it first, or pass that stream to the other {@code copyFrom}.
     *
     * @param source memory of the host, native or an array; another thread must not close it during the call
     * @throws IndexOutOfBoundsException if it passes the buffer's end
     */
    public void copyFrom(MemorySegment source, long offset) {
        allocation.enter();
        try {
            MemorySegment place = slice(offset, source.byteSize());
            inChunks(source, (chunk, at, bytes) -> {
                if (chunk != source) {
                    MemorySegment.copy(source, at, chunk, 0, bytes);
                }
                upload(chunk, bytes, place.address() + at, MemorySegment.NULL);
                synchronize();
            });
        } finally {
            allocation.exit(this);
        }
    }

    /**
     * Copies {@code source} to the bytes from {@code offset} on, on {@code stream}, and returns at once.
     *
     * @param source native memory, which must stay open and unchanged until the stream has done the copy; only a copy from page-locked
     *     memory ({@link PinnedBuffer}) overlaps with other work
     */
    public void copyFrom(MemorySegment source, long offset, CudaStream stream) {
        requireNative("source", source);
        use(
                stream,
                source,
                () -> upload(
                        source,
                        source.byteSize(),
                        slice(offset, source.byteSize()).address(),
                        stream.handle()));
    }

    /**
     * Fills {@code target}, memory of the host, from the buffer's beginning on, and waits for it; see {@link #copyTo(MemorySegment,
     * long)}.
     */
    public void copyTo(MemorySegment target) {
        copyTo(target, 0);
    }

    /**
     * Fills {@code target} with the bytes from {@code offset} on, and waits for it. On the default stream: if a non-blocking stream of the
     * caller has work that writes the buffer, wait for it first, or pass that stream to the other {@code copyTo}.
     *
     * @param target memory of the host, native or an array; another thread must not close it during the call
     * @throws IndexOutOfBoundsException if it passes the buffer's end
     */
    public void copyTo(MemorySegment target, long offset) {
        requireWritable(target);
        allocation.enter();
        try {
            MemorySegment place = slice(offset, target.byteSize());
            inChunks(target, (chunk, at, bytes) -> {
                download(place.address() + at, chunk, bytes, MemorySegment.NULL);
                synchronize();
                if (chunk != target) {
                    MemorySegment.copy(chunk, 0, target, at, bytes);
                }
            });
        } finally {
            allocation.exit(this);
        }
    }

    /**
     * Fills {@code target} with the bytes from {@code offset} on, on {@code stream}, and returns at once.
     *
     * @param target native memory, which must stay open until the stream has done the copy
     */
    public void copyTo(MemorySegment target, long offset, CudaStream stream) {
        requireNative("target", target);
        requireWritable(target);
        use(
                stream,
                target,
                () -> download(slice(offset, target.byteSize()).address(), target, target.byteSize(), stream.handle()));
    }

    /**
     * Copies {@code source}, a buffer of the same device and size, on {@code stream}, and returns at once.
     *
     * @throws IllegalArgumentException if it has another device or size
     */
    public void copyFrom(DeviceBuffer source, CudaStream stream) {
        if (!source.device.equals(device) || source.size != size) {
            throw new IllegalArgumentException("source: got " + source.size + " bytes on " + source.device
                    + ", expected " + size + " on " + device);
        }
        source.allocation.enter();
        try {
            long from = source.allocation.address;
            long to = allocation.address;
            use(
                    stream,
                    source.memory,
                    () -> allocation
                            .context()
                            .call(
                                    "cuMemcpyDtoDAsync",
                                    () -> cuda_h.cuMemcpyDtoDAsync_v2(to, from, size, stream.handle())));
        } finally {
            source.allocation.exit(source);
        }
    }

    /** Sets every byte to {@code value}, on {@code stream}, and returns at once; 0 makes floats +0. */
    public void fill(byte value, CudaStream stream) {
        long to = allocation.address;
        use(stream, memory, () -> {
            if (size > 0) {
                allocation
                        .context()
                        .call("cuMemsetD8Async", () -> cuda_h.cuMemsetD8Async(to, value, size, stream.handle()));
            }
        });
    }

    /** Adds work on this buffer and on {@code other} memory to {@code stream}, which keeps both. */
    private void use(CudaStream stream, MemorySegment other, Runnable work) {
        Objects.requireNonNull(stream, "stream");
        MemorySegment.Scope scope = other.scope();
        UnderWay.Uses call = scope::equals;
        allocation.enter();
        try {
            stream.enter();
            UnderWay.begin(call);
            try {
                work.run();
                stream.keep(memory.scope());
                stream.keep(scope);
                stream.kept();
            } finally {
                UnderWay.end(call);
                stream.exit();
            }
        } finally {
            allocation.exit(this);
            Reference.reachabilityFence(other);
        }
    }

    /** Moves {@code bytes} bytes from offset {@code at} on between the device and {@code chunk}. */
    private interface Move {
        void run(MemorySegment chunk, long at, long bytes);
    }

    /** Copies native memory at once, and an array, which only Java can reach, in pieces through native memory. */
    private static void inChunks(MemorySegment memory, Move move) {
        long size = memory.byteSize();
        if (memory.isNative()) {
            move.run(memory, 0, size);
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment chunk = HostMemory.allocate(arena, Math.min(size, CHUNK), "a copy to or from an array");
            for (long at = 0; at < size; at += CHUNK) {
                move.run(chunk, at, Math.min(CHUNK, size - at));
            }
        }
    }

    private void upload(MemorySegment from, long bytes, long to, MemorySegment stream) {
        allocation.context().call("cuMemcpyHtoDAsync", () -> cuda_h.cuMemcpyHtoDAsync_v2(to, from, bytes, stream));
    }

    private void download(long from, MemorySegment to, long bytes, MemorySegment stream) {
        allocation.context().call("cuMemcpyDtoHAsync", () -> cuda_h.cuMemcpyDtoHAsync_v2(to, from, bytes, stream));
    }

    private void synchronize() {
        allocation.context().call("cuStreamSynchronize", () -> cuda_h.cuStreamSynchronize(MemorySegment.NULL));
    }

    private MemorySegment slice(long offset, long bytes) {
        return memory.asSlice(offset, bytes);
    }

    private static void requireNative(String name, MemorySegment segment) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException(name
                    + ": got memory on the Java heap, where the garbage collector moves it;"
                    + " expected native memory for a copy that continues after the call");
        }
    }

    private static void requireWritable(MemorySegment target) {
        if (target.isReadOnly()) {
            throw new IllegalArgumentException("target: got read-only memory, expected writable");
        }
    }

    /**
     * Waits for calls that use the memory, then frees it. Work that {@link CudaStream streams} have queued on it is done first; the GPU
     * waits for that, this call does not. Work that other libraries have queued on its {@link #address()} must be done. From then on,
     * tensors of the buffer are refused, and a graph that uses it can't be launched. Closing twice is harmless.
     *
     * @throws IllegalStateException in the work that a graph captures; nothing is changed
     */
    @Override
    public void close() {
        Capture.requireNone("this buffer can't be closed");
        allocation.close(arena);
    }
}
