// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LinearForward;
import org.qlif.Parameters;
import org.qlif.SpikeLinear;
import org.qlif.Tensor;

/**
 * Does it pay that a kernel computes the current of a linear layer just before its neurons need it, so that it never goes through memory?
 * The same bits, from two calls and from one. One thread; tensors off the Java heap, so that no way copies arrays.
 */
public class FusionBenchmark extends NeuronBenchmark {
    /** The percentage of set inputs. */
    private static final int SHARE = 13;

    /** How the current is computed. */
    public enum Way {
        /** The linear layer's call writes it, and the kernel's call reads it. */
        APART,
        /** The kernel computes it and does not store it. */
        FUSED,
        /** The kernel computes it and stores it for a backward run. */
        KEPT
    }

    /** The neurons. */
    @Param({"qlif", "lif"})
    public String model;

    /** T, B, K and M. */
    @Param({"20x128x784x512", "100x32x512x1024", "100x8x784x128"})
    public String layer;

    /** The way. */
    @Param
    public Way way;

    /** The device. */
    @Param({"cpu:simd", "cpu:native"})
    public String device;

    private final Arena arena = Arena.ofShared();
    private SpikeLinear linear;
    private Kernel kernel;
    private LinearForward layerRun;
    private Forward run;

    /** Opens both. */
    @Setup
    public void open() {
        LinearShape shape = LinearShape.parse(layer);
        LinearWorkload workload = new LinearWorkload(shape, SHARE);
        Model neurons = Model.of(model);
        KernelOptions alone = KernelOptions.defaults().withThreads(1);
        linear = SpikeLinear.open(Device.of(device), alone);
        kernel = Kernel.open(neurons.config(), Device.of(device), alone);
        int t = shape.steps();
        int b = shape.batch();
        int n = shape.outputs();
        Tensor bias = Storage.ALIGNED.allocate(arena, DType.F32, n);
        bias.fill((float) neurons.inputMean());
        Tensor input = Storage.ALIGNED.allocate(arena, DType.BIT, t, b, shape.inputs());
        MemorySegment.copy(
                MemorySegment.ofArray(workload.bits()),
                0,
                input.segment(),
                0,
                input.segment().byteSize());
        Tensor current = way == Way.FUSED ? null : Storage.ALIGNED.allocate(arena, DType.F32, t, b, n);
        layerRun = new LinearForward()
                .input(input)
                .weights(Storage.ALIGNED.allocate(arena, workload.weights(), shape.inputs(), n))
                .bias(bias)
                .output(current);
        run = (way == Way.APART ? new Forward().input(current) : new Forward().linear(layerRun))
                .parameters(Parameters.perNeuron(neurons.config(), n))
                .draws(new DrawStream(42, 0))
                .spikes(Storage.ALIGNED.allocate(arena, DType.U8, t, b, n));
        announce(kernel.device() + ", " + kernel.description() + ", " + way);
    }

    /** The whole batch, forward. */
    @Benchmark
    public Object call() {
        if (way == Way.APART) {
            linear.forward(layerRun);
        }
        kernel.forward(run);
        return run;
    }

    /** The spikes, {@code (T, B, M)}. */
    byte[] spikes() {
        return run.spikes(DType.U8).toByteArray();
    }

    /** Closes both. */
    @TearDown
    public void close() {
        kernel.close();
        linear.close();
        arena.close();
    }
}
