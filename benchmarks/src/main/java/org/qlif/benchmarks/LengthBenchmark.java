// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.openjdk.jmh.annotations.Param;
import org.qlif.QlifConfig;

/** Is the cost linear in time? From 100 to 100,000 steps of a few neurons; neuron-steps a second should not fall. */
public class LengthBenchmark extends KernelBenchmark {
    /** The device. */
    @Param("cpu:simd")
    public String device;

    /** T, B and N. */
    @Param({"100x1x64", "1000x1x64", "10000x1x64", "100000x1x64"})
    public String shape;

    /** The pass of a call. */
    @Param
    public Pass pass;

    /** The kernel's threads. */
    @Param("1")
    public int threads;

    @Override
    KernelRun prepare() {
        return new KernelRun(device, threads, Workload.busy(QlifConfig.defaults(), Shape.parse(shape)), pass);
    }
}
