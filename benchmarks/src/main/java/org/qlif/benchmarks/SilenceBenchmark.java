// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.List;
import org.openjdk.jmh.annotations.Param;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Readout;
import org.qlif.QlifVariable;
import org.qlif.State;

/**
 * Do silent neurons slow down? Without input and noise every trace decays for 10,000 steps, into what would be denormal numbers;
 * a busy run does the same work. The readout is the one that draws nothing, since a drawn one fires now and then even at rest.
 */
public class SilenceBenchmark extends KernelBenchmark {
    /** Whether there is input. */
    public enum Activity {
        /** No input. */
        SILENT,
        /** The usual input. */
        BUSY
    }

    /** The variables that start above zero and decay. */
    private static final List<QlifVariable> DECAYING = List.of(
            QlifVariable.MEMBRANE,
            QlifVariable.ADAPTATION,
            QlifVariable.REFRACTORY,
            QlifVariable.AHP,
            QlifVariable.DYNAMIC_PROBABILITY,
            QlifVariable.THRESHOLD_OFFSET,
            QlifVariable.RATE);

    /** Whether there is input. */
    @Param
    public Activity activity;

    /** The device. */
    @Param({"cpu:simd", "cpu:scalar"})
    public String device;

    /** T, B and N. */
    @Param("10000x1x128")
    public String shape;

    /** The pass of a call. */
    @Param({"FORWARD", "TRAIN"})
    public Pass pass;

    /** The kernel's threads. */
    @Param("1")
    public int threads;

    @Override
    KernelRun prepare() {
        QlifConfig config = QlifConfig.builder()
                .noise(noise -> noise.withStd(0))
                .qubit(qubit -> qubit.withReadout(Readout.EXPECTATION))
                .build();
        Shape extents = Shape.parse(shape);
        Workload workload =
                activity == Activity.SILENT ? Workload.silent(config, extents) : Workload.busy(config, extents);
        KernelRun run = new KernelRun(device, threads, workload, pass);
        State charged = State.initial(config, extents.batch(), extents.neurons());
        for (QlifVariable variable : DECAYING) {
            charged.get(variable).fill(1e-3f);
        }
        run.forward().initialState(charged);
        return run;
    }
}
