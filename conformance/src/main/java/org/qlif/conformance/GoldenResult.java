// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.nio.file.Path;
import java.util.Locale;
import org.qlif.spi.Printable;

/**
 * The result of a golden case on a device.
 *
 * @param file the file of the case, or the path that could not be searched
 * @param outcome whether it passed
 * @param mismatches the number of mismatches among values that must match exactly: spikes, or the uniforms of an RNG case
 * @param forward the worst deviation among the results of the forward run; null if none was compared
 * @param gradient the worst deviation among the gradients; null if none was compared
 * @param message what went wrong; empty if it passed
 */
public record GoldenResult(
        Path file, Outcome outcome, long mismatches, Deviation forward, Deviation gradient, String message) {
    /** Far above the length of usual messages; a limit for other exceptions. */
    private static final int MESSAGE_LIMIT = 2000;

    /** The outcome of a case. */
    public enum Outcome {
        /** Everything agreed. */
        PASSED,
        /** Something did not agree, could not run, or the file is broken. */
        FAILED
    }

    /**
     * A deviation from what was expected.
     *
     * @param tensor the tensor it is in
     * @param error the largest absolute difference; infinite if the result is not a number
     * @param allowed the largest that passes
     */
    public record Deviation(String tensor, double error, double allowed) {
        /** Whether this passes; a number that is not finite never does. */
        public boolean within() {
            return Double.isFinite(error) && error <= allowed;
        }

        /** Whether this is further from passing than {@code other}, which may be null. */
        boolean worseThan(Deviation other) {
            return other == null || error / allowed > other.error / other.allowed;
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%.2g of %.2g in %s", error, allowed, tensor);
        }
    }

    /** A case that was not compared, and why. */
    static GoldenResult failed(Path file, String message) {
        return new GoldenResult(file, Outcome.FAILED, 0, null, null, message);
    }

    /** The file's name without its ending. */
    public String name() {
        return GoldenCase.name(file);
    }

    /** One line of text: the outcome, the file, and the worst deviations or the message. */
    public String toLine() {
        StringBuilder line = new StringBuilder(outcome.name()).append(' ').append(Printable.path(file));
        if (forward != null || gradient != null) {
            line.append(": ").append(mismatches).append(" exact mismatches");
            if (forward != null) {
                line.append(", forward ").append(forward);
            }
            if (gradient != null) {
                line.append(", gradient ").append(gradient);
            }
        }
        if (!message.isEmpty()) {
            line.append(": ").append(Printable.text(message, MESSAGE_LIMIT));
        }
        return line.toString();
    }
}
