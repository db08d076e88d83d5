package org.qlif.conformance;

import java.util.List;

/**
 * The count of a verification.
 *
 * @param passed the cases that passed
 * @param failed the cases that failed
 * @param skipped the cases of models that have no kernel
 */
public record GoldenSummary(int passed, int failed, int skipped) {
    /** 0 if cases passed and none failed, else 1: a verification that ran nothing has shown nothing. */
    public int exitCode() {
        return failed == 0 && passed > 0 ? 0 : 1;
    }

    /** {@code N passed, N failed}. */
    public String toLine() {
        return passed + " passed, " + failed + " failed";
    }

    /** What to print at the end: how many cases were skipped, if any were, and {@link #toLine} as the last line. */
    public List<String> toLines() {
        return skipped == 0 ? List.of(toLine()) : List.of(skipped + " skipped: no kernel for their model", toLine());
    }

    GoldenSummary plus(GoldenResult result) {
        return switch (result.outcome()) {
            case PASSED -> new GoldenSummary(passed + 1, failed, skipped);
            case FAILED -> new GoldenSummary(passed, failed + 1, skipped);
            case SKIPPED -> new GoldenSummary(passed, failed, skipped + 1);
        };
    }
}
