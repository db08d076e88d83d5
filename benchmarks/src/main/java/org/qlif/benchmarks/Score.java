// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.util.Statistics;

/**
 * A JMH result as neuron-steps per second.
 *
 * @param benchmark class and method, such as {@code BackendBenchmark.call}
 * @param parameters the benchmark's parameters, by name
 * @param microseconds the time of a call: the median of the iterations of all forks, which a disturbed one hardly affects
 * @param error half the width of the mean's 99.9 % confidence interval, as a share of the mean; NaN from a single iteration
 * @param spread half the range of the iterations, relative to the median
 * @param allocated the bytes that a call allocates, or NaN without the gc profiler
 */
record Score(
        String benchmark,
        Map<String, String> parameters,
        double microseconds,
        double error,
        double spread,
        double allocated) {
    private static final String ALLOCATION = "gc.alloc.rate.norm";

    /** The scores of those results that are times of calls with a known number of neuron-steps. */
    static List<Score> of(Collection<RunResult> results) {
        List<Score> scores = new ArrayList<>();
        for (RunResult result : results) {
            of(result).ifPresent(scores::add);
        }
        return scores;
    }

    private static Optional<Score> of(RunResult result) {
        BenchmarkParams params = result.getParams();
        Map<String, String> parameters = new TreeMap<>();
        params.getParamsKeys().forEach(key -> parameters.put(key, params.getParam(key)));
        if (params.getMode() != Mode.AverageTime || !parameters.containsKey(NeuronBenchmark.SHAPE)) {
            return Optional.empty();
        }
        String[] name = params.getBenchmark().split("\\.");
        Result<?> primary = result.getPrimaryResult();
        Statistics times = primary.getStatistics();
        Result<?> allocation = result.getSecondaryResults().get(ALLOCATION);
        double perMicrosecond =
                TimeUnit.SECONDS.toMicros(1) / (double) params.getTimeUnit().convert(1, TimeUnit.SECONDS);
        return Optional.of(new Score(
                name[name.length - 2] + "." + name[name.length - 1],
                parameters,
                times.getPercentile(50) * perMicrosecond,
                primary.getScoreError() / primary.getScore(),
                (times.getMax() - times.getMin()) / 2 / times.getPercentile(50),
                allocation == null ? Double.NaN : allocation.getScore()));
    }

    /** A parameter's value. */
    String parameter(String name) {
        return parameters.get(name);
    }

    /** Millions of neuron-steps per second. */
    double millionsPerSecond() {
        return Shape.parse(parameter(NeuronBenchmark.SHAPE)).neuronSteps() / microseconds;
    }

    /** Nanoseconds per neuron-step. */
    double nanosecondsPerNeuronStep() {
        return 1e3 / millionsPerSecond();
    }
}
