// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.openjdk.jmh.annotations.Param;

/** How fast are the backends? The default configuration of a model, forward and training, over shapes and threads. */
public class BackendBenchmark extends KernelBenchmark {
    /** The model. */
    @Param("QLIF")
    public Model model;

    /** The device. */
    @Param({"cpu:simd", "cpu:scalar"})
    public String device;

    /** T, B and N. */
    @Param({"20x128x512", "40x128x256", "100x32x4096", "100x1x128"})
    public String shape;

    /** The pass of a call. */
    @Param
    public Pass pass;

    /** The kernel's threads. */
    @Param({"1", "2"})
    public int threads;

    @Override
    KernelRun prepare() {
        return new KernelRun(device, threads, Workload.of(model, Shape.parse(shape)), pass);
    }
}
