package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.Tensor;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * Memory of a GPU, made by {@link CudaDevice#allocate}; its content is undefined at first. Tensors are views of it, for a kernel on
 * the same device to read and write without a copy.
 */
public final class DeviceBuffer implements AutoCloseable {
    private static final long CHUNK = 4L << 20;

    private final Device device;
    private final Context context;
    private final long address;
    private final long size;
    /** Ends with the buffer, so that tensors of a closed one are refused. */
    private final Arena arena = Arena.ofShared();

    private final MemorySegment memory;
    private final Lifetime lifetime = new Lifetime("this buffer");

    private DeviceBuffer(Device device, Context context, long address, long size) {
        this.device = device;
        this.context = context;
        this.address = address;
        this.size = size;
        this.memory = MemorySegment.ofAddress(address).reinterpret(size, arena, null);
    }

    static DeviceBuffer allocate(Device device, Context context, long size) {
        if (size < 0) {
            throw new IllegalArgumentException("size: got " + size + ", expected at least 0");
        }
        // CUDA has no empty allocations.
        return context.own(
                "cuMemAlloc of " + size + " bytes",
                out -> cuda_h.cuMemAlloc_v2(out, Math.max(size, 1)),
                (hold, made) -> new DeviceBuffer(device, hold, made, size));
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
     * The address in the GPU's memory, a {@code CUdeviceptr}, for other libraries.
     *
     * @throws IllegalStateException if the buffer is closed
     */
    public long address() {
        lifetime.requireOpen();
        return address;
    }

    /** A tensor over the first bytes of the buffer. */
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
        lifetime.requireOpen();
        return Tensor.on(device, type, slice(offset, Tensor.byteSize(type, shape)), shape);
    }

    /**
     * Copies {@code source}, of the host, to the buffer's beginning, and waits for it; see {@link #copyFrom(MemorySegment, long)}.
     */
    public void copyFrom(MemorySegment source) {
        copyFrom(source, 0);
    }

    /**
     * Copies {@code source} to the bytes from {@code offset} on, and waits for it. On the default stream: work on a caller's
     * non-blocking stream that uses the buffer must be waited for first, or the stream be given to the other {@code copyFrom}.
     *
     * @param source memory of the host, native or an array
     * @throws IndexOutOfBoundsException if it passes the buffer's end
     */
    public void copyFrom(MemorySegment source, long offset) {
        MemorySegment place = slice(offset, source.byteSize());
        inChunks(source, (chunk, at, bytes) -> {
            if (chunk != source) {
                MemorySegment.copy(source, at, chunk, 0, bytes);
            }
            upload(chunk, bytes, place.address() + at, MemorySegment.NULL);
            synchronize();
        });
    }

    /**
     * Copies {@code source} to the bytes from {@code offset} on, on {@code stream}, and returns at once.
     *
     * @param source native memory, which must live and stay as it is until the stream has done the copy; only of page-locked
     *     memory ({@link PinnedBuffer}) does the copy run beside other work
     */
    public void copyFrom(MemorySegment source, long offset, CudaStream stream) {
        requireNative("source", source);
        upload(source, source.byteSize(), slice(offset, source.byteSize()).address(), stream.handle());
    }

    /**
     * Fills {@code target}, memory of the host, from the buffer's beginning on, and waits for it; see {@link #copyTo(MemorySegment,
     * long)}.
     */
    public void copyTo(MemorySegment target) {
        copyTo(target, 0);
    }

    /**
     * Fills {@code target} with the bytes from {@code offset} on, and waits for it. On the default stream: work on a caller's
     * non-blocking stream that writes the buffer must be waited for first, or the stream be given to the other {@code copyTo}.
     *
     * @param target memory of the host, native or an array
     * @throws IndexOutOfBoundsException if it passes the buffer's end
     */
    public void copyTo(MemorySegment target, long offset) {
        requireWritable(target);
        MemorySegment place = slice(offset, target.byteSize());
        inChunks(target, (chunk, at, bytes) -> {
            download(place.address() + at, chunk, bytes, MemorySegment.NULL);
            synchronize();
            if (chunk != target) {
                MemorySegment.copy(chunk, 0, target, at, bytes);
            }
        });
    }

    /**
     * Fills {@code target} with the bytes from {@code offset} on, on {@code stream}, and returns at once.
     *
     * @param target native memory, which must live until the stream has done the copy
     */
    public void copyTo(MemorySegment target, long offset, CudaStream stream) {
        requireNative("target", target);
        requireWritable(target);
        download(slice(offset, target.byteSize()).address(), target, target.byteSize(), stream.handle());
    }

    /** Copies {@code source}, a buffer of the same device and size, on {@code stream}, and returns at once. */
    public void copyFrom(DeviceBuffer source, CudaStream stream) {
        if (!source.device.equals(device) || source.size != size) {
            throw new IllegalArgumentException("source: got " + source.size + " bytes on " + source.device
                    + ", expected " + size + " on " + device);
        }
        long from = source.address();
        long to = address();
        MemorySegment handle = stream.handle();
        context.call("cuMemcpyDtoDAsync", () -> cuda_h.cuMemcpyDtoDAsync_v2(to, from, size, handle));
    }

    /** Sets every byte to {@code value}, on {@code stream}, and returns at once; 0 makes floats +0. */
    public void fill(byte value, CudaStream stream) {
        lifetime.requireOpen();
        MemorySegment handle = stream.handle();
        if (size > 0) {
            context.call("cuMemsetD8Async", () -> cuda_h.cuMemsetD8Async(address, value, size, handle));
        }
    }

    /** Moves {@code bytes} bytes, those from {@code at} on, between the device and {@code chunk}. */
    private interface Move {
        void run(MemorySegment chunk, long at, long bytes);
    }

    /** Native memory is moved as it lies, all at once; an array, which only Java can reach, by way of a piece of native memory. */
    private static void inChunks(MemorySegment memory, Move move) {
        long size = memory.byteSize();
        if (memory.isNative()) {
            move.run(memory, 0, size);
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment chunk = arena.allocate(Math.min(size, CHUNK));
            for (long at = 0; at < size; at += CHUNK) {
                move.run(chunk, at, Math.min(CHUNK, size - at));
            }
        }
    }

    private void upload(MemorySegment from, long bytes, long to, MemorySegment stream) {
        context.call("cuMemcpyHtoDAsync", () -> cuda_h.cuMemcpyHtoDAsync_v2(to, from, bytes, stream));
    }

    private void download(long from, MemorySegment to, long bytes, MemorySegment stream) {
        context.call("cuMemcpyDtoHAsync", () -> cuda_h.cuMemcpyDtoHAsync_v2(to, from, bytes, stream));
    }

    private void synchronize() {
        context.call("cuStreamSynchronize", () -> cuda_h.cuStreamSynchronize(MemorySegment.NULL));
    }

    private MemorySegment slice(long offset, long bytes) {
        lifetime.requireOpen();
        return memory.asSlice(offset, bytes);
    }

    private static void requireNative(String name, MemorySegment segment) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException(name
                    + ": is on the Java heap, where the garbage collector moves it; expected native memory for a copy that goes on"
                    + " after the call");
        }
    }

    private static void requireWritable(MemorySegment target) {
        if (target.isReadOnly()) {
            throw new IllegalArgumentException("target: got read-only memory, expected writable");
        }
    }

    /**
     * Frees the memory, after waiting for all work of the device: what is still queued on it is done first. Its tensors are refused
     * from then on. Closing twice is harmless. Not while any thread captures a stream of the GPU ({@link CudaGraph#capture}): the wait ends
     * the capture.
     */
    @Override
    public void close() {
        if (lifetime.end()) {
            try (context) {
                try {
                    // First: a tensor is refused before its memory is gone.
                    arena.close();
                } finally {
                    free();
                }
            }
        }
    }

    private void free() {
        try {
            context.call("cuCtxSynchronize", cuda_h::cuCtxSynchronize);
        } finally {
            context.call("cuMemFree", () -> cuda_h.cuMemFree_v2(address));
        }
    }
}
