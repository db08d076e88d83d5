package org.qlif.conformance;

import java.util.ArrayList;
import java.util.List;
import org.qlif.conformance.GoldenResult.Deviation;

/** Collects how far results are from what a golden case expects. */
final class Comparison {
    private static final double ABSOLUTE = 1e-5;
    private static final double FORWARD_RELATIVE = 1e-4;
    private static final double GRADIENT_RELATIVE = 5e-4;
    private static final double NORMALS = 1e-6;

    private final List<String> problems = new ArrayList<>();
    private long mismatches;
    private Deviation forward;
    private Deviation gradient;

    /** Spikes, which must match exactly. */
    void spikes(String tensor, byte[] expected, byte[] actual) {
        long count = 0;
        int first = -1;
        for (int i = expected.length - 1; i >= 0; i--) {
            if (expected[i] != actual[i]) {
                count++;
                first = i;
            }
        }
        exact(tensor, count, first, expected.length);
    }

    /** Uniforms, which must match bit for bit. */
    void uniforms(float[] expected, float[] actual) {
        long count = 0;
        int first = -1;
        for (int i = expected.length - 1; i >= 0; i--) {
            if (Float.floatToRawIntBits(expected[i]) != Float.floatToRawIntBits(actual[i])) {
                count++;
                first = i;
            }
        }
        exact("uniforms", count, first, expected.length);
    }

    /** Normals, which a float32 sine and logarithm reach to {@value #NORMALS}. */
    void normals(float[] expected, float[] actual) {
        forward = worse(forward, new Deviation("normals", error(expected, actual), NORMALS));
    }

    /** A result of the forward run. */
    void forward(String tensor, float[] expected, float[] actual) {
        forward = worse(forward, deviation(tensor, FORWARD_RELATIVE, expected, actual));
    }

    /** A gradient. */
    void gradient(String tensor, float[] expected, float[] actual) {
        gradient = worse(gradient, deviation(tensor, GRADIENT_RELATIVE, expected, actual));
    }

    GoldenResult result(String name) {
        return new GoldenResult(
                name,
                problems.isEmpty() ? GoldenResult.Outcome.PASSED : GoldenResult.Outcome.FAILED,
                mismatches,
                forward,
                gradient,
                String.join("; ", problems));
    }

    private void exact(String tensor, long count, int first, int length) {
        mismatches += count;
        if (count > 0) {
            problems.add(tensor + ": " + count + " of " + length + " differ, the first at index " + first);
        }
    }

    private Deviation worse(Deviation known, Deviation found) {
        if (!found.within()) {
            problems.add(found.tensor() + ": off by " + found.error() + ", allowed " + found.allowed());
        }
        return found.worseThan(known) ? found : known;
    }

    private static Deviation deviation(String tensor, double relative, float[] expected, float[] actual) {
        double largest = 0;
        for (float value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        return new Deviation(tensor, error(expected, actual), ABSOLUTE + relative * largest);
    }

    private static double error(float[] expected, float[] actual) {
        double error = 0;
        for (int i = 0; i < expected.length; i++) {
            double difference = Math.abs((double) actual[i] - expected[i]);
            // Written so that a NaN on either side counts as the worst there is.
            if (!(difference <= error)) {
                error = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference;
            }
        }
        return error;
    }
}
