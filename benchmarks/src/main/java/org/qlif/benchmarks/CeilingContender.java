// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Multiply-adds on all threads at once, as a contender that takes turns with kernels: the machine's ceiling while they run. */
final class CeilingContender implements AutoCloseable {
    /** Some milliseconds, beside which it doesn't matter that threads start one after the other. */
    private static final int CALLS = 1000;

    private final List<CeilingBenchmark> members = new ArrayList<>();
    private final ExecutorService pool;

    CeilingContender(int threads) {
        for (int i = 0; i < threads; i++) {
            CeilingBenchmark member = new CeilingBenchmark();
            member.prepareOperations();
            members.add(member);
        }
        pool = Executors.newFixedThreadPool(threads);
    }

    void run() {
        List<Future<Float>> results = new ArrayList<>();
        for (CeilingBenchmark member : members) {
            results.add(pool.submit(() -> {
                float sum = 0;
                for (int i = 0; i < CALLS; i++) {
                    sum += member.fma();
                }
                return sum;
            }));
        }
        try {
            for (Future<Float> result : results) {
                if (Float.isNaN(result.get())) {
                    throw new AssertionError("the sums of multiply-adds that converge are no number");
                }
            }
        } catch (ExecutionException | InterruptedException failed) {
            throw new IllegalStateException(failed);
        }
    }

    /** Millions of neuron-steps a second on all threads, if {@link #run} takes this long. */
    double millionsPerSecond(Pass pass, double milliseconds) {
        Ceiling ofOneThread = new Ceiling(CALLS * (double) CeilingBenchmark.MULTIPLY_ADDS / (milliseconds * 1e6));
        return members.size() * ofOneThread.millionsPerSecond(pass);
    }

    @Override
    public void close() {
        pool.close();
    }
}
