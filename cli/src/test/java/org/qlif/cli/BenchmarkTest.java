// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

class BenchmarkTest {
    private static final Duration MILLISECOND = Duration.ofMillis(1);

    @Test
    void countsUnitsASecond() {
        long nanos = 2_000_000;
        Benchmark.Result result = Benchmark.measure(
                () -> spin(nanos), 10, new Benchmark.Timing(MILLISECOND, MILLISECOND.multipliedBy(50), 5, MILLISECOND));
        // A call never takes less than it was told to; on a busy machine it may take more.
        assertThat(result.max()).isPositive().isLessThanOrEqualTo(10 / (nanos * 1e-9));
        assertThat(result.median()).isBetween(result.min(), result.max());
        assertThat(result.samples()).isEqualTo(5);
    }

    @Test
    void warmsUpAtLeastAsLongAsToldAndStopsWhereNothingSettles() {
        long[] calls = {0};
        Benchmark.Timing timing =
                new Benchmark.Timing(MILLISECOND.multipliedBy(20), MILLISECOND.multipliedBy(60), 1, MILLISECOND);
        Benchmark.Result result =
                Benchmark.measure(() -> LockSupport.parkNanos(100_000 * (1 + calls[0]++ % 20 * 10)), 1, timing);
        assertThat(result.warmupSeconds()).isGreaterThanOrEqualTo(0.06);
        assertThat(result.settled()).isFalse();
    }

    @Test
    void timedLoopAllocatesNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Benchmark.Timing few = new Benchmark.Timing(MILLISECOND, MILLISECOND, 3, MILLISECOND);
        Benchmark.Timing many = new Benchmark.Timing(MILLISECOND, MILLISECOND, 103, MILLISECOND);
        // Now and then the JVM loads a class meanwhile, so the least of several counts.
        long least = Long.MAX_VALUE;
        for (int attempt = 0; attempt < 5; attempt++) {
            long before = allocated(threads, few);
            least = Math.min(least, allocated(threads, many) - before);
        }
        long results = (many.samples() - few.samples()) * (long) Double.BYTES;
        assertThat(least).as("bytes for more samples").isLessThan(2 * results);
    }

    private static long allocated(ThreadMXBean threads, Benchmark.Timing timing) {
        long before = threads.getCurrentThreadAllocatedBytes();
        Benchmark.measure(() -> spin(10_000), 1, timing);
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    private static void spin(long nanos) {
        long start = System.nanoTime();
        while (System.nanoTime() - start < nanos) {
            Thread.onSpinWait();
        }
    }
}
