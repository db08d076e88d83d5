// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.SpikeLinear;
import org.qlif.Tensor;

/** Our own layer, on one device; the input is bits. */
final class SpikeLinearContender implements LinearContender {
    private final Arena arena = Arena.ofShared();
    private final SpikeLinear layer;
    private final LinearForward forward;
    /** Null if only the output is requested. */
    private final LinearBackward backward;

    SpikeLinearContender(String device, LinearWorkload workload, LinearWork work, int threads, Storage storage) {
        LinearShape shape = workload.shape();
        layer = SpikeLinear.open(Device.of(device), KernelOptions.defaults().withThreads(threads));
        Tensor input = storage.allocate(arena, DType.BIT, shape.steps(), shape.batch(), shape.inputs());
        long[] bits = workload.bits();
        MemorySegment.copy(bits, 0, input.segment(), ValueLayout.JAVA_LONG, 0, bits.length);
        forward = new LinearForward()
                .input(input)
                .weights(storage.allocate(arena, workload.weights(), shape.inputs(), shape.outputs()))
                .bias(storage.allocate(arena, workload.bias(), shape.outputs()));
        if (work == LinearWork.FORWARD) {
            forward.output(storage.allocate(arena, DType.F32, shape.steps(), shape.batch(), shape.outputs()));
            backward = null;
        } else {
            backward = new LinearBackward(forward)
                    .gradOutput(storage.allocate(
                            arena, workload.gradOutput(), shape.steps(), shape.batch(), shape.outputs()))
                    .gradWeights(storage.allocate(arena, DType.F32, shape.inputs(), shape.outputs()));
        }
    }

    @Override
    public String description() {
        return layer.device() + ", " + layer.description();
    }

    @Override
    public Object run() {
        if (backward == null) {
            layer.forward(forward);
            return forward.output();
        }
        layer.backward(backward);
        return backward.gradWeights();
    }

    @Override
    public float[] result() {
        return (backward == null ? forward.output() : backward.gradWeights()).toFloatArray();
    }

    @Override
    public void close() {
        layer.close();
        arena.close();
    }
}
