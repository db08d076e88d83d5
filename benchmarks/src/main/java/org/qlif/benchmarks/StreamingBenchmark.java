// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.openjdk.jmh.annotations.Param;
import org.qlif.QlifConfig;
import org.qlif.State;

/**
 * What does a call cost when there is little to do in it? A single step with the state carried on in place, as in a control
 * loop, and a short run, on one thread and on two.
 */
public class StreamingBenchmark extends KernelBenchmark {
    /** The device. */
    @Param({"cpu:simd", "cpu:scalar"})
    public String device;

    /** T, B and N. */
    @Param({"1x1x128", "100x1x128"})
    public String shape;

    /** The kernel's threads. */
    @Param({"1", "2"})
    public int threads;

    @Override
    KernelRun prepare() {
        QlifConfig config = QlifConfig.defaults();
        Shape extents = Shape.parse(shape);
        KernelRun run = new KernelRun(device, threads, Workload.busy(config, extents), Pass.FORWARD);
        State carried = State.initial(config, extents.batch(), extents.neurons());
        run.forward().initialState(carried).finalState(carried);
        return run;
    }
}
