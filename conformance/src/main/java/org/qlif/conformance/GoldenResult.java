package org.qlif.conformance;

import java.util.Locale;

/**
 * What came of one golden case on a device.
 *
 * @param name the case
 * @param outcome whether it passed
 * @param mismatches how many values that must match exactly do not: spikes, or the uniforms of an RNG case
 * @param forward the worst deviation among the results of the forward run; null if none was compared
 * @param gradient the worst deviation among the gradients; null if none was compared
 * @param message what went wrong, or why it was skipped; empty if it passed
 */
public record GoldenResult(
        String name, Outcome outcome, long mismatches, Deviation forward, Deviation gradient, String message) {
    /** What can come of a case. */
    public enum Outcome {
        /** Everything agreed. */
        PASSED,
        /** Something did not agree, could not run, or the file is broken. */
        FAILED,
        /** It is a case of a model that has no kernel. */
        SKIPPED
    }

    /**
     * A deviation from what was expected.
     *
     * @param tensor the tensor it is in
     * @param error the largest absolute difference; infinite if the result is not a number
     * @param allowed the largest that passes
     */
    public record Deviation(String tensor, double error, double allowed) {
        /** Whether this passes; a NaN does not. */
        public boolean within() {
            return error <= allowed;
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

    /** One line for people: outcome, name, and the worst deviations or the message. */
    public String toLine() {
        StringBuilder line = new StringBuilder(outcome.name()).append(' ').append(name);
        if (outcome != Outcome.SKIPPED && (forward != null || gradient != null)) {
            line.append(": ").append(mismatches).append(" exact mismatches");
            if (forward != null) {
                line.append(", forward ").append(forward);
            }
            if (gradient != null) {
                line.append(", gradient ").append(gradient);
            }
        }
        if (!message.isEmpty()) {
            line.append(": ").append(message);
        }
        return line.toString();
    }
}
