// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * How do our kernels compare with what else a JVM user could run? The same configuration, the same input; forward with
 * spikes out as bytes, and training where a contender can. Each fork first checks that its contender computes what the others do.
 */
public class ContenderBenchmark extends NeuronBenchmark {
    /** What all runs vary. */
    @State(Scope.Benchmark)
    public abstract static class Run {
        /** The model. */
        @Param("QLIF")
        public Model model;

        /** T, B and N. */
        @Param({"20x128x512", "40x128x256", "100x32x4096", "100x1x128"})
        public String shape;

        /** The contender's threads. */
        @Param({"1", "2"})
        public int threads;

        private Contender opened;

        abstract ContenderKind kind();

        abstract Pass pass();

        /** Checks and opens the contender. */
        @Setup
        public void open() {
            ContenderKind kind = kind();
            kind.obstacle().ifPresent(obstacle -> {
                throw new IllegalStateException(kind + ": " + obstacle);
            });
            Agreement.require(kind, model, threads, pass());
            opened = kind.open(Workload.of(model, Shape.parse(shape)), threads, pass());
            announce(opened.description());
        }

        Object call() {
            return opened.run();
        }

        /** Closes it. */
        @TearDown
        public void close() {
            opened.close();
        }
    }

    /** What the forward runs vary. */
    public static class ForwardRun extends Run {
        /** The contender. */
        @Param
        public ContenderKind contender;

        @Override
        ContenderKind kind() {
            return contender;
        }

        @Override
        Pass pass() {
            return Pass.FORWARD;
        }
    }

    /** What the training runs vary. */
    public static class TrainingRun extends Run {
        /** The contender, one that can train. */
        @Param({"SIMD", "SCALAR", "TORCH"})
        public ContenderKind contender;

        @Override
        ContenderKind kind() {
            return contender;
        }

        @Override
        Pass pass() {
            return Pass.TRAIN;
        }
    }

    /** A forward run. */
    @Benchmark
    public Object forward(ForwardRun run) {
        return run.call();
    }

    /** A forward and backward run. */
    @Benchmark
    public Object train(TrainingRun run) {
        return run.call();
    }
}
