package org.qlif.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.qlif.QlifConfig;

/**
 * How do our kernels stand beside what else a JVM user could run? The same default configuration, the same input; forward with
 * spikes out as bytes, and training where a contender can. Each fork first checks that its contender computes what the others do.
 */
public class ContenderBenchmark extends NeuronBenchmark {
    /** A contender at work. */
    private static Contender checked(ContenderKind kind, String shape, int threads, Pass pass) {
        kind.obstacle().ifPresent(obstacle -> {
            throw new IllegalStateException(kind + ": " + obstacle);
        });
        Agreement.require(kind, threads, pass);
        Contender contender = kind.open(Workload.busy(QlifConfig.defaults(), Shape.parse(shape)), threads, pass);
        announce(contender.description());
        return contender;
    }

    /** What the forward runs vary. */
    @State(Scope.Benchmark)
    public static class ForwardRun {
        /** Who runs. */
        @Param
        public ContenderKind contender;

        /** T, B and N. */
        @Param({"20x128x512", "40x128x256", "100x32x4096", "100x1x128"})
        public String shape;

        /** The contender's threads. */
        @Param({"1", "2"})
        public int threads;

        private Contender opened;

        /** Checks and opens the contender. */
        @Setup
        public void open() {
            opened = checked(contender, shape, threads, Pass.FORWARD);
        }

        /** Closes it. */
        @TearDown
        public void close() {
            opened.close();
        }
    }

    /** What the training runs vary. */
    @State(Scope.Benchmark)
    public static class TrainingRun {
        /** Who runs: those that can train. */
        @Param({"SIMD", "SCALAR", "TORCH"})
        public ContenderKind contender;

        /** T, B and N. */
        @Param({"20x128x512", "40x128x256", "100x32x4096", "100x1x128"})
        public String shape;

        /** The contender's threads. */
        @Param({"1", "2"})
        public int threads;

        private Contender opened;

        /** Checks and opens the contender. */
        @Setup
        public void open() {
            opened = checked(contender, shape, threads, Pass.TRAIN);
        }

        /** Closes it. */
        @TearDown
        public void close() {
            opened.close();
        }
    }

    /** A forward run. */
    @Benchmark
    public Object forward(ForwardRun run) {
        return run.opened.run();
    }

    /** A forward and backward run. */
    @Benchmark
    public Object train(TrainingRun run) {
        return run.opened.run();
    }
}
