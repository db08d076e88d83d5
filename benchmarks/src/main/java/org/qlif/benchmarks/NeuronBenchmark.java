// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * How benchmarks are run unless the command line says otherwise. The score is the time of a call; {@link Score} computes its neuron-steps
 * from the parameter {@value #SHAPE}. The heap's size is fixed, so that resizing doesn't affect scores. The warm-up is long because Vector
 * API code is a hundred times slower until it is compiled.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
        value = 2,
        jvmArgsAppend = {
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-Xms3g",
            "-Xmx3g"
        })
@Warmup(iterations = 8, time = 1)
@Measurement(iterations = 5, time = 1)
public abstract class NeuronBenchmark {
    /** The name of the parameter that holds the shape. */
    static final String SHAPE = "shape";

    /** For the subclasses. */
    protected NeuronBenchmark() {}

    /** Prints what really runs, once per fork. */
    static void announce(String description) {
        System.out.println("# Runs: " + description);
    }
}
