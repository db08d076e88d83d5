// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.qlif.Tensor;
import org.qlif.conformance.GoldenResult.Deviation;

/** Collects the deviations of results from a golden case. */
final class Comparison {
    private static final double ABSOLUTE = 1e-5;
    private static final double FORWARD_RELATIVE = 1e-4;
    private static final double GRADIENT_RELATIVE = 5e-4;
    private static final double NORMALS = 1e-6;

    /** The number of mismatches to list; more would not help. */
    private static final int PROBLEMS_SHOWN = 8;

    private final List<String> problems = new ArrayList<>();
    private long compared;
    private long mismatches;
    private Deviation forward;
    private Deviation gradient;

    /** Spikes, which must match exactly. */
    void spikes(String tensor, Tensor expected, Tensor actual) {
        byte[] wanted = expected.toByteArray();
        byte[] got = actual.toByteArray();
        long count = 0;
        int first = -1;
        for (int i = wanted.length - 1; i >= 0; i--) {
            if (wanted[i] != got[i]) {
                count++;
                first = i;
            }
        }
        exact(tensor, count, first, wanted.length);
    }

    /** Uniforms, which must match bit for bit. */
    void uniforms(String tensor, Tensor expected, Tensor actual) {
        long count = 0;
        long first = -1;
        for (long i = expected.elements() - 1; i >= 0; i--) {
            if (Float.floatToRawIntBits(expected.getFloat(i)) != Float.floatToRawIntBits(actual.getFloat(i))) {
                count++;
                first = i;
            }
        }
        exact(tensor, count, first, expected.elements());
    }

    /** Normals, which a float32 sine and logarithm reach to {@value #NORMALS}. */
    void normals(String tensor, Tensor expected, Tensor actual) {
        forward = worse(forward, deviation(tensor, NORMALS, 0, expected, actual));
    }

    /** A result of the forward run. */
    void forward(String tensor, Tensor expected, Tensor actual) {
        forward = worse(forward, deviation(tensor, ABSOLUTE, FORWARD_RELATIVE, expected, actual));
    }

    /** A gradient. */
    void gradient(String tensor, Tensor expected, Tensor actual) {
        gradient = worse(gradient, deviation(tensor, ABSOLUTE, GRADIENT_RELATIVE, expected, actual));
    }

    GoldenResult result(Path file) {
        if (compared == 0) {
            problems.add("nothing was compared");
        }
        String message = String.join("; ", problems.subList(0, Math.min(problems.size(), PROBLEMS_SHOWN)));
        if (problems.size() > PROBLEMS_SHOWN) {
            message += "; and " + (problems.size() - PROBLEMS_SHOWN) + " more";
        }
        return new GoldenResult(
                file,
                problems.isEmpty() ? GoldenResult.Outcome.PASSED : GoldenResult.Outcome.FAILED,
                mismatches,
                forward,
                gradient,
                message);
    }

    private void exact(String tensor, long count, long first, long length) {
        compared += length;
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

    private Deviation deviation(String tensor, double absolute, double relative, Tensor expected, Tensor actual) {
        compared += expected.elements();
        double largest = 0;
        double error = 0;
        for (long i = 0; i < expected.elements(); i++) {
            double wanted = expected.getFloat(i);
            largest = Math.max(largest, Math.abs(wanted));
            double difference = Math.abs(actual.getFloat(i) - wanted);
            // Written so that a NaN on either side counts as the worst deviation.
            if (!(difference <= error)) {
                error = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference;
            }
        }
        return new Deviation(tensor, error, absolute + relative * largest);
    }
}
