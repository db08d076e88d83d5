package org.qlif.conformance;

/**
 * The count of a verification.
 *
 * @param passed the cases that passed
 * @param failed the cases that failed
 * @param skipped the cases of models that have no kernel
 */
public record GoldenSummary(int passed, int failed, int skipped) {
    /** 0 if no case failed, else 1. */
    public int exitCode() {
        return failed == 0 ? 0 : 1;
    }

    /** {@code N passed, N failed}, and {@code , N skipped} if there are any. */
    public String toLine() {
        return passed + " passed, " + failed + " failed" + (skipped == 0 ? "" : ", " + skipped + " skipped");
    }

    GoldenSummary plus(GoldenResult result) {
        return switch (result.outcome()) {
            case PASSED -> new GoldenSummary(passed + 1, failed, skipped);
            case FAILED -> new GoldenSummary(passed, failed + 1, skipped);
            case SKIPPED -> new GoldenSummary(passed, failed, skipped + 1);
        };
    }
}
