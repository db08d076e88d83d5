// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.time.Duration;
import java.util.Arrays;

/** Times a call: warm-up until its speed has settled, then samples. The timed loops allocate nothing. */
final class Benchmark {
    /** The warm-up's windows whose rates are compared, and how near they must be to count as settled. */
    private static final int WINDOWS = 5;

    private static final double SETTLED = 0.03;

    private static final long NANOS_PER_MILLI = 1_000_000;

    /** The clock is read about this many times per window, so that reading it doesn't slow down calls of a microsecond. */
    private static final int CLOCK_READINGS = 50;

    private final Runnable call;
    private final long unitsPerCall;
    private final long windowNanos;
    private long callsPerReading = 1;

    /**
     * How long to measure.
     *
     * @param warmup the least warm-up
     * @param warmupLimit the warm-up ends here even if the speed has not settled
     * @param samples how many samples are taken
     * @param sample the least duration of one
     */
    record Timing(Duration warmup, Duration warmupLimit, int samples, Duration sample) {}

    /**
     * The result, in units of work per second.
     *
     * @param median the middle sample
     * @param min the slowest sample
     * @param max the fastest sample
     * @param samples how many there were
     * @param warmupSeconds how long the warm-up took
     * @param settled whether the speed had settled when it ended
     */
    record Result(double median, double min, double max, int samples, double warmupSeconds, boolean settled) {}

    private Benchmark(Runnable call, long unitsPerCall, long windowNanos) {
        this.call = call;
        this.unitsPerCall = unitsPerCall;
        this.windowNanos = windowNanos;
    }

    /** Times {@code call}, which does {@code unitsPerCall} units of work. */
    static Result measure(Runnable call, long unitsPerCall, Timing timing) {
        return measure(call, unitsPerCall, timing, Progress.NO_BAR);
    }

    /**
     * Times {@code call}, which does {@code unitsPerCall} units of work.
     *
     * @param warmedUp is told the progress of the warm-up, in milliseconds, and closed at its end, before the samples are timed
     */
    static Result measure(Runnable call, long unitsPerCall, Timing timing, Progress.Bar warmedUp) {
        Benchmark benchmark = new Benchmark(call, unitsPerCall, timing.sample().toNanos());
        double[] recent = new double[WINDOWS];
        long start = System.nanoTime();
        long elapsed = 0;
        boolean settled = false;
        try (warmedUp) {
            for (int window = 0; elapsed < timing.warmup().toNanos() || !settled; window++) {
                if (window > 0 && elapsed >= timing.warmupLimit().toNanos()) {
                    break;
                }
                recent[window % WINDOWS] = benchmark.window();
                elapsed = System.nanoTime() - start;
                settled = window >= WINDOWS && spread(recent) < SETTLED;
                warmedUp.reached(Math.min(elapsed, timing.warmupLimit().toNanos()) / NANOS_PER_MILLI);
            }
            warmedUp.reached(timing.warmupLimit().toMillis());
        }
        double[] samples = new double[timing.samples()];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = benchmark.window();
        }
        Arrays.sort(samples);
        int middle = samples.length / 2;
        double median = samples.length % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
        return new Result(median, samples[0], samples[samples.length - 1], samples.length, elapsed * 1e-9, settled);
    }

    /** The rate over one window, in units a second. */
    private double window() {
        long start = System.nanoTime();
        long calls = 0;
        long elapsed;
        do {
            for (long i = 0; i < callsPerReading; i++) {
                call.run();
            }
            calls += callsPerReading;
            elapsed = System.nanoTime() - start;
        } while (elapsed < windowNanos);
        callsPerReading = Math.max(1, calls / CLOCK_READINGS);
        return calls * (double) unitsPerCall / (elapsed * 1e-9);
    }

    private static double spread(double[] rates) {
        double min = Double.POSITIVE_INFINITY;
        double max = 0;
        for (double rate : rates) {
            min = Math.min(min, rate);
            max = Math.max(max, rate);
        }
        return (max - min) / max;
    }
}
