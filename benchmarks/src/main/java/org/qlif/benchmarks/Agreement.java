// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.Map;
import org.qlif.NeuronParameter;

/**
 * Checks that a contender computes the same as the others, before it is timed. The reference is our scalar kernel, on a small shape with
 * awkward extents; contenders that agree with it agree with each other.
 */
final class Agreement {
    /** Few steps, so that rounding errors don't have time to change a spike. */
    private static final Shape SMALL = new Shape(11, 3, 67);

    /** Enough neuron-steps to compare firing rates if the draws differ: some 800 spikes of the default QLIF. */
    private static final Shape RATES = new Shape(20, 8, 128);

    /** Potentials are about 1, and go through 11 steps with some ten float32 roundings of 6e-8 each. */
    private static final float VOLTAGE_TOLERANCE = 2e-5f;

    /** Relative to the largest gradient: the backward pass doubles the number of roundings, and sums over the batch and the steps. */
    private static final float GRADIENT_TOLERANCE = 2e-4f;

    /** If draws are equal up to rounding: a spike in a thousand may differ, and change its neuron's later steps. */
    private static final double MISMATCHES = 0.01;

    /** If draws differ: six standard deviations of a count of 800 spikes. */
    private static final double RATE_TOLERANCE = 0.2;

    private Agreement() {}

    /**
     * Throws unless {@code kind} agrees on {@code model}: from given draws, the same spikes and, within rounding, the same potentials and
     * gradients; from its own draws, the same spikes up to rounding, or the same firing rate if it has a different generator.
     */
    static void require(ContenderKind kind, Model model, int threads, Pass pass) {
        requireSameAnswer(kind, model, threads, pass);
        requireSameFiring(kind, model, threads, pass);
    }

    private static void requireSameAnswer(ContenderKind kind, Model model, int threads, Pass pass) {
        Workload workload = Workload.of(model, SMALL);
        try (KernelContender yardstick = new KernelContender("cpu:scalar", workload, 1, pass, Storage.HEAP);
                Contender contender = kind.open(workload, threads, pass)) {
            KernelContender.Draws draws = yardstick.draws();
            Contender.Answer expected = yardstick.answer(draws.uniforms(), draws.normals());
            Contender.Answer got = contender.answer(draws.uniforms(), draws.normals());
            double mismatches = mismatches(got.spikes(), expected.spikes());
            if (mismatches != 0) {
                throw disagrees(kind, "spikes from lent draws: a share of " + mismatches + " differs, expected none");
            }
            requireClose(kind, "voltages", got.voltages(), expected.voltages(), VOLTAGE_TOLERANCE);
            if (pass != Pass.FORWARD) {
                requireGradient(kind, "input", got.gradInput(), expected.gradInput());
                for (Map.Entry<NeuronParameter, float[]> gradient :
                        expected.gradParameters().entrySet()) {
                    requireGradient(
                            kind,
                            gradient.getKey().symbol(),
                            got.gradParameters().get(gradient.getKey()),
                            gradient.getValue());
                }
            }
        }
    }

    private static void requireSameFiring(ContenderKind kind, Model model, int threads, Pass pass) {
        Workload workload = Workload.of(model, RATES);
        try (KernelContender yardstick = new KernelContender("cpu:scalar", workload, 1, pass, Storage.HEAP);
                Contender contender = kind.open(workload, threads, pass)) {
            yardstick.run();
            contender.run();
            byte[] expected = yardstick.spikes();
            byte[] got = contender.spikes();
            if (kind.drawsAsSpecified()) {
                double mismatches = mismatches(got, expected);
                if (mismatches > MISMATCHES) {
                    throw disagrees(
                            kind,
                            "spikes from own draws: a share of " + mismatches + " differs, expected at most "
                                    + MISMATCHES);
                }
            } else {
                double ratio = (double) count(got) / count(expected);
                if (!(Math.abs(ratio - 1) <= RATE_TOLERANCE)) {
                    throw disagrees(
                            kind, "firing: " + ratio + " times the yardstick's, expected 1 within " + RATE_TOLERANCE);
                }
            }
        }
    }

    private static void requireGradient(ContenderKind kind, String name, float[] got, float[] expected) {
        float largest = 0;
        for (float value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        requireClose(kind, "gradient of " + name, got, expected, GRADIENT_TOLERANCE * largest);
    }

    static void requireClose(ContenderKind kind, String name, float[] got, float[] expected, float tolerance) {
        if (got.length != expected.length) {
            throw disagrees(kind, name + ": got " + got.length + " values, expected " + expected.length);
        }
        for (int i = 0; i < expected.length; i++) {
            if (!(Math.abs(got[i] - expected[i]) <= tolerance)) {
                throw disagrees(
                        kind,
                        name + "[" + i + "]: got " + got[i] + ", expected " + expected[i] + " within " + tolerance);
            }
        }
    }

    private static double mismatches(byte[] got, byte[] expected) {
        if (got.length != expected.length) {
            return 1;
        }
        int different = 0;
        for (int i = 0; i < got.length; i++) {
            different += got[i] == expected[i] ? 0 : 1;
        }
        return (double) different / got.length;
    }

    private static int count(byte[] spikes) {
        int count = 0;
        for (byte spike : spikes) {
            count += spike;
        }
        return count;
    }

    private static IllegalStateException disagrees(ContenderKind kind, String what) {
        return new IllegalStateException(kind + " does not compute what our scalar kernel does; " + what);
    }
}
