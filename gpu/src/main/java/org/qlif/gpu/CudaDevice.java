// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DeviceUnavailableException;
import org.qlif.Devices;
import org.qlif.Tensor;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * A GPU: its properties, and the factory of its memory, streams and events. Each of these has its own hold on the device, so they can be
 * closed in any order. Thread-safe.
 *
 * <pre>{@code
 * try (CudaDevice gpu = CudaDevice.open(0);
 *         DeviceBuffer buffer = gpu.allocate(Tensor.byteSize(DType.F32, 100, 32, 128))) {
 *     System.out.println(gpu.name() + " has " + gpu.freeBytes() + " bytes free");
 *     Tensor input = buffer.tensor(DType.F32, 100, 32, 128);
 * }
 * }</pre>
 */
public final class CudaDevice implements AutoCloseable {
    private final Device device;
    private final NativeDevice info;
    private final Hold hold;

    private CudaDevice(Device device, NativeDevice info, Hold hold) {
        this.device = device;
        this.info = info;
        this.hold = hold;
        hold.releaseAfter(this);
    }

    /** What a device owns. */
    private static final class Hold extends Resource {
        /** Held here so that the pool isn't created again for each buffer. */
        private final DevicePool pool;

        Hold(Context context) {
            super("device", context);
            this.pool = DevicePool.retain(context.ordinal());
        }

        @Override
        void release(@Nullable Arena closed) {
            pool.close();
        }
    }

    /** Calls a function on the context, and keeps that open until the function returns. */
    private <T> T use(Function<Context, T> function) {
        hold.enter();
        try {
            return function.apply(hold.context());
        } finally {
            hold.exit(this);
        }
    }

    /**
     * The GPU that is {@code cuda:ordinal} among this library's devices, and CUDA's device of that number.
     *
     * @throws IllegalArgumentException if {@code ordinal} is negative
     * @throws DeviceUnavailableException if it can't run here
     */
    public static CudaDevice open(int ordinal) {
        if (ordinal < 0) {
            throw new IllegalArgumentException("ordinal: got " + ordinal + ", expected at least 0");
        }
        Device device = CudaBackend.cuda(ordinal);
        // Throws with the reason if the device can't run.
        Devices.resolve(device);
        NativeDevice info = NativeDevice.describe(ordinal);
        Context context = Context.retain(ordinal);
        try {
            return new CudaDevice(device, info, new Hold(context));
        } catch (Throwable failure) {
            context.close();
            throw failure;
        }
    }

    /** The device's name among this library's. */
    public Device device() {
        return device;
    }

    /** The GPU's own name. */
    public String name() {
        return info.name();
    }

    /** The compute capability, such as 9.0. */
    public String computeCapability() {
        return info.computeCapability();
    }

    /** The number of multiprocessors. */
    public int multiprocessors() {
        return info.multiprocessors();
    }

    /** The newest CUDA version that the driver knows, such as 13.0. */
    public String driverVersion() {
        return info.driverVersion();
    }

    /** The size of the memory in bytes. */
    public long memoryBytes() {
        return info.memoryBytes();
    }

    /** The number of bytes of memory that are free now. */
    public long freeBytes() {
        return use(context -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment free = arena.allocate(cuda_h.C_LONG);
                MemorySegment total = arena.allocate(cuda_h.C_LONG);
                context.call("cuMemGetInfo", () -> cuda_h.cuMemGetInfo_v2(free, total));
                return free.get(cuda_h.C_LONG, 0);
            }
        });
    }

    /**
     * Memory of {@code size} bytes, aligned for every type.
     *
     * @throws IllegalArgumentException if {@code size} is negative
     * @throws org.qlif.NativeException if there is not enough memory
     */
    public DeviceBuffer allocate(long size) {
        return use(context -> DeviceBuffer.allocate(device, context, size));
    }

    /**
     * Page-locked memory of the host of {@code size} bytes.
     *
     * @throws IllegalArgumentException if {@code size} is negative
     * @throws org.qlif.NativeException if there is not enough memory
     */
    public PinnedBuffer allocatePinned(long size) {
        return use(context -> PinnedBuffer.allocate(context, size));
    }

    /** A new stream. */
    public CudaStream newStream() {
        return use(context -> CudaStream.create(device, context));
    }

    /**
     * A caller's stream: a {@code CUstream} or {@code cudaStream_t} of this device's primary context, or 0 for the default stream. It must
     * live as long as the wrapper is used, and the caller destroys it. A non-blocking stream, such as PyTorch's side streams, is not
     * ordered with the default stream, and so not with copies and calls without a stream: pass it to them, or {@link
     * CudaStream#synchronize} first.
     *
     * @throws IllegalArgumentException if it belongs to another device
     */
    public CudaStream stream(long handle) {
        return use(context -> CudaStream.wrap(device, context, handle));
    }

    /** A new event. */
    public CudaEvent newEvent() {
        return use(CudaEvent::create);
    }

    /**
     * A tensor over a caller's memory on this device, such as a tensor of another library. The memory must live as long as calls use it;
     * this library can't detect that it was freed.
     *
     * @param pointer a {@code CUdeviceptr} to this device's own or to managed memory, aligned for the type
     * @throws IllegalArgumentException if the first or last byte is not in this device's memory
     */
    public Tensor tensor(long pointer, DType type, long... shape) {
        long bytes = Tensor.byteSize(type, shape);
        hold.enter();
        try {
            if (bytes > 0) {
                requireOwn(pointer, bytes);
            }
        } finally {
            hold.exit(this);
        }
        return Tensor.on(device, type, MemorySegment.ofAddress(pointer).reinterpret(bytes), shape);
    }

    private void requireOwn(long pointer, long bytes) {
        if (pointer < 0 || pointer > Long.MAX_VALUE - bytes) {
            throw new IllegalArgumentException("pointer: got 0x" + Long.toHexString(pointer) + " with " + bytes
                    + " bytes behind it, expected memory of " + device);
        }
        hold.context().enter();
        try {
            requireOwn(pointer);
            requireOwn(pointer + bytes - 1);
        } finally {
            hold.context().leave();
        }
    }

    private void requireOwn(long pointer) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(cuda_h.C_LONG_LONG);
            boolean managed = attribute(out, cuda_h.CU_POINTER_ATTRIBUTE_IS_MANAGED(), pointer) == 1;
            boolean own =
                    attribute(out, cuda_h.CU_POINTER_ATTRIBUTE_MEMORY_TYPE(), pointer) == cuda_h.CU_MEMORYTYPE_DEVICE()
                            && attribute(out, cuda_h.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL(), pointer)
                                    == hold.context().ordinal();
            if (!managed && !own) {
                throw new IllegalArgumentException(
                        "pointer: got 0x" + Long.toHexString(pointer) + ", expected memory of " + device);
            }
        }
    }

    /** An attribute of the pointer, or -1 if CUDA does not know it. */
    private static int attribute(MemorySegment out, int attribute, long pointer) {
        // Some are booleans of one byte.
        out.fill((byte) 0);
        return cuda_h.cuPointerGetAttribute(out, attribute, pointer) == cuda_h.CUDA_SUCCESS()
                ? out.get(cuda_h.C_INT, 0)
                : -1;
    }

    /**
     * Waits for calls of this class, then releases the device; what was made from it stays open. Closing twice is harmless.
     */
    @Override
    public void close() {
        hold.close();
    }
}
