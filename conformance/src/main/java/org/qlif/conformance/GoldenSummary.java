// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

/**
 * The count of a verification.
 *
 * @param passed the cases that passed
 * @param failed the cases that failed
 */
public record GoldenSummary(int passed, int failed) {
    /** 0 if cases passed and none failed, else 1: a verification without cases has tested nothing. */
    public int exitCode() {
        return failed == 0 && passed > 0 ? 0 : 1;
    }

    /** {@code N passed, N failed}. */
    public String toLine() {
        return passed + " passed, " + failed + " failed";
    }

    GoldenSummary plus(GoldenResult result) {
        return switch (result.outcome()) {
            case PASSED -> new GoldenSummary(passed + 1, failed);
            case FAILED -> new GoldenSummary(passed, failed + 1);
        };
    }
}
