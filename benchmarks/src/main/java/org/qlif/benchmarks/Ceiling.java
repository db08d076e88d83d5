// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import jdk.incubator.vector.FloatVector;

/**
 * The speed of a thread if every vector operation of the model took the time of a multiply-add.
 *
 * @param operations whole-vector multiply-adds a nanosecond, as {@link CeilingBenchmark#fma} measures them
 */
record Ceiling(double operations) {
    /** Vector operations in a step of the default configuration, counted in docs/performance.md: forward, and with the backward pass. */
    private static final int FORWARD_OPERATIONS = 170;

    private static final int TRAIN_OPERATIONS = 331;

    /** Millions of neuron-steps per second and thread. */
    double millionsPerSecond(Pass pass) {
        int counted = pass == Pass.FORWARD ? FORWARD_OPERATIONS : TRAIN_OPERATIONS;
        return operations * 1e3 * FloatVector.SPECIES_PREFERRED.length() / counted;
    }

    /** The share of the ceiling that our SIMD kernels reach, in words. */
    String describe(Comparison comparison) {
        String shares = comparison.passes().stream()
                .map(pass -> pass.name().toLowerCase(Locale.ROOT) + " "
                        + comparison.threads().stream()
                                .map(threads -> shares(comparison, pass, threads))
                                .collect(Collectors.joining("; ")))
                .collect(Collectors.joining("; "));
        return String.format(
                Locale.ROOT,
                "Ceiling, from the same run: %.2f whole-vector multiply-adds a nanosecond and thread, which is %.0f M neuron-steps/s"
                        + " forward and %.0f with the backward pass at the counted operations. SIMD's share of it, by shape: %s.",
                operations,
                millionsPerSecond(Pass.FORWARD),
                millionsPerSecond(Pass.TRAIN),
                shares);
    }

    private String shares(Comparison comparison, Pass pass, int threads) {
        List<String> shares = comparison.shapes().stream()
                .map(shape -> comparison.millionsPerSecond(ContenderKind.SIMD, shape, pass, threads)
                        / (threads * millionsPerSecond(pass)))
                .map(share -> String.format(Locale.ROOT, "%.0f", 100 * share))
                .toList();
        return "on " + threads + (threads == 1 ? " thread " : " threads ") + String.join(", ", shares) + " %";
    }
}
