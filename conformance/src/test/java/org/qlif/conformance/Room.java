// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.Kernel;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.gpu.CudaDevice;
import org.qlif.gpu.DeviceBuffer;

/**
 * Memory to lend for tapes and to work in, where the kernels of a device want it: poisoned, not a byte more than they ask for, aligned no
 * better than that, and, on the host, between guards.
 */
final class Room implements AutoCloseable {
    private final Memory memory = new Memory(Memory.Kind.ALIGNED);
    private final CudaDevice gpu;
    private final List<DeviceBuffer> buffers = new ArrayList<>();

    Room(Device device) {
        gpu = device.kind().equals("cuda") ? CudaDevice.open(0) : null;
    }

    Tensor of(long bytes) {
        if (gpu == null) {
            // The guards are whole cache lines.
            return memory.poisoned(DType.U8, Kernel.ALIGNMENT + bytes)
                    .slice(Kernel.ALIGNMENT, Kernel.ALIGNMENT + bytes);
        }
        byte[] poison = new byte[Math.toIntExact(Kernel.ALIGNMENT + bytes)];
        Arrays.fill(poison, Memory.POISON);
        DeviceBuffer buffer = gpu.allocate(poison.length);
        buffers.add(buffer);
        buffer.copyFrom(MemorySegment.ofArray(poison));
        return buffer.tensorAt(Kernel.ALIGNMENT, DType.U8, bytes);
    }

    Tape tape(Kernel kernel, Tape.Mode mode, Shape shape) {
        long bytes = kernel.tapeBytes(mode, shape.steps(), shape.batch(), shape.neurons());
        return kernel.newTape(mode, shape.steps(), shape.batch(), shape.neurons(), of(bytes));
    }

    /** Lends {@code backward} what it needs. */
    Backward scratch(Kernel kernel, Backward backward) {
        return backward.scratch(of(kernel.scratchBytes(backward)));
    }

    void assertGuardsIntact() {
        memory.assertGuardsIntact();
    }

    @Override
    public void close() {
        buffers.forEach(DeviceBuffer::close);
        if (gpu != null) {
            gpu.close();
        }
        memory.close();
    }
}
