// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.Tensor;
import org.qlif.gpu.CudaDevice;
import org.qlif.gpu.DeviceBuffer;

/** The memory of a benchmark's tensors, which the device can reach without copies. */
abstract class BenchMemory implements AutoCloseable {
    private static final String GPU = "cuda";

    /** The nearest memory of {@code device}. */
    static BenchMemory of(Device device) {
        return device.kind().equals(GPU)
                ? new OfGpu(Integer.parseInt(device.text().substring(GPU.length() + 1)))
                : new OfHost();
    }

    /** Memory for {@code length} floats, filled by repeating the values. */
    abstract Tensor repeated(float[] values, int length, long... shape);

    /** Memory for a result. */
    abstract Tensor result(DType type, long... shape);

    /** A description of this memory. */
    abstract String description();

    @Override
    public abstract void close();

    /** Normal numbers with this mean, about a million different ones at most. */
    Tensor normal(SplittableRandom random, double mean, Shape shape) {
        int length = Math.toIntExact(shape.neuronSteps());
        float[] values = new float[Math.min(length, 1 << 20)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian(mean, 1);
        }
        return repeated(values, length, shape.steps(), shape.batch(), shape.neurons());
    }

    /** A vector for each parameter, as a layer has. */
    Parameters parameters(NeuronConfig config, long neurons) {
        return copyOf(config, Parameters.perNeuron(config, neurons));
    }

    /** Where the gradients of {@code parameters} go. */
    Parameters gradients(NeuronConfig config, Parameters parameters) {
        return copyOf(config, Parameters.zerosLike(parameters));
    }

    private Parameters copyOf(NeuronConfig config, Parameters values) {
        Parameters copies = Parameters.none(config);
        for (NeuronParameter parameter : values.parameters()) {
            Tensor tensor = values.get(parameter);
            float[] array = tensor.toFloatArray();
            copies.set(parameter, repeated(array, array.length, tensor.shape()));
        }
        return copies;
    }

    /** The Java heap. */
    private static final class OfHost extends BenchMemory {
        @Override
        Tensor repeated(float[] values, int length, long... shape) {
            float[] all = new float[length];
            for (int at = 0; at < length; at += values.length) {
                System.arraycopy(values, 0, all, at, Math.min(values.length, length - at));
            }
            return Tensor.of(all, shape);
        }

        @Override
        Tensor result(DType type, long... shape) {
            return Tensor.zeros(type, shape);
        }

        @Override
        String description() {
            return "Java heap";
        }

        @Override
        public void close() {}
    }

    /** A GPU's memory, so that only the GPU's work is timed, not the copies. */
    private static final class OfGpu extends BenchMemory {
        private final CudaDevice device;
        private final List<DeviceBuffer> buffers = new ArrayList<>();

        OfGpu(int ordinal) {
            device = CudaDevice.open(ordinal);
        }

        @Override
        Tensor repeated(float[] values, int length, long... shape) {
            DeviceBuffer buffer = allocate(4L * length);
            MemorySegment source = MemorySegment.ofArray(values);
            for (long at = 0; at < buffer.byteSize(); at += source.byteSize()) {
                buffer.copyFrom(source.asSlice(0, Math.min(source.byteSize(), buffer.byteSize() - at)), at);
            }
            return buffer.tensor(DType.F32, shape);
        }

        @Override
        Tensor result(DType type, long... shape) {
            // Only outputs, whose contents before the first call don't matter.
            return allocate(Tensor.byteSize(type, shape)).tensor(type, shape);
        }

        private DeviceBuffer allocate(long size) {
            DeviceBuffer buffer = device.allocate(size);
            buffers.add(buffer);
            return buffer;
        }

        @Override
        String description() {
            return "the GPU's";
        }

        @Override
        public void close() {
            buffers.forEach(DeviceBuffer::close);
            device.close();
        }
    }
}
