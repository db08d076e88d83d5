// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;
import org.qlif.Tensor;

/** A benchmark whose calls are whole runs of one of our kernels; the subclass says which. */
public abstract class KernelBenchmark extends NeuronBenchmark {
    private KernelRun run;

    /** For the subclasses. */
    protected KernelBenchmark() {}

    /** Opens the run that the parameters describe. */
    abstract KernelRun prepare();

    /** Opens the kernel. */
    @Setup
    public void open() {
        run = prepare();
        announce(run.description());
    }

    /** A call. */
    @Benchmark
    public Tensor call() {
        return run.run();
    }

    /** Closes the kernel. */
    @TearDown
    public void close() {
        run.close();
    }
}
