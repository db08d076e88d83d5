// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.QlifConfig;
import org.qlif.Tensor;

/**
 * What do the draws cost? Numbers are written, nothing else is done. The uniforms alone cost half a Philox call each; what the
 * normals add is Box-Muller.
 */
public class DrawBenchmark extends NeuronBenchmark {
    /** The numbers to draw. */
    public enum Numbers {
        /** The decision uniforms. */
        UNIFORMS,
        /** The decision uniforms and the membrane noise. */
        UNIFORMS_AND_NORMALS
    }

    /** The numbers to draw. */
    @Param
    public Numbers numbers;

    /** The device. */
    @Param({"cpu:simd", "cpu:scalar"})
    public String device;

    /** T, B and N: small enough that what is written stays in a core's cache. */
    @Param("100x1x1024")
    public String shape;

    private final DrawStream stream = new DrawStream(Workload.SEED, Workload.STREAM);
    private Kernel kernel;
    private Tensor uniforms;
    private Tensor normals;

    /** Opens the kernel. */
    @Setup
    public void open() {
        Shape extents = Shape.parse(shape);
        kernel = Kernel.open(
                QlifConfig.defaults(),
                Device.of(device),
                KernelOptions.defaults().withThreads(1));
        uniforms = Tensor.zeros(DType.F32, extents.steps(), extents.batch(), extents.neurons());
        if (numbers == Numbers.UNIFORMS_AND_NORMALS) {
            normals = Tensor.zeros(DType.F32, uniforms.shape());
        }
        announce(kernel.device() + ": " + kernel.description());
    }

    /** A call. */
    @Benchmark
    public Tensor call() {
        kernel.draw(stream, 0, uniforms, normals);
        return uniforms;
    }

    /** Closes the kernel. */
    @TearDown
    public void close() {
        kernel.close();
    }
}
