// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * From which share of inputs that spike on is a dense product faster than to add up the weights of those that do? Our layer beside
 * PyTorch's products and C, the output and the gradient of the weights. Each fork first checks that its contender is right.
 */
public class SpikeLinearBenchmark extends NeuronBenchmark {
    /** The names of parameters. */
    static final String LAYER = "layer";

    static final String SHARE = "share";

    /** The contender. */
    @Param
    public LinearContenderKind contender;

    /** What is computed. */
    @Param
    public LinearWork work;

    /** How many of a hundred inputs are set. */
    @Param({"1", "3", "13", "30", "50", "100"})
    public int share;

    /** T, B, K and M. */
    @Param("20x128x784x512")
    public String layer;

    /** The contender's threads. */
    @Param({"1", "2"})
    public int threads;

    private LinearContender opened;

    /** Opens and checks the contender. */
    @Setup
    public void open() {
        contender.obstacle().ifPresent(obstacle -> {
            throw new IllegalStateException(contender + ": " + obstacle);
        });
        LinearWorkload workload = new LinearWorkload(LinearShape.parse(layer), share);
        opened = contender.open(workload, work, threads);
        opened.run();
        workload.require(contender.title(), work, opened.result());
        announce(opened.description());
    }

    /** A call. */
    @Benchmark
    public Object call() {
        return opened.run();
    }

    /** Closes it. */
    @TearDown
    public void close() {
        opened.close();
    }
}
