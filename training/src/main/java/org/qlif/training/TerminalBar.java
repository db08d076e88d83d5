// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.PrintStream;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * The progress of one task on a terminal, drawn five times a second by a thread of its own until it is closed. Called from one thread.
 *
 * <pre>{@code
 * try (TerminalBar bar = new TerminalBar(System.err, 80, "lines", 1000)) {
 *     bar.reached(500, "half of them");
 * }
 * }</pre>
 */
public final class TerminalBar implements AutoCloseable {
    private static final int UPDATE_MILLIS = 200;

    private final ProgressBar bar;

    /**
     * Draws an empty bar.
     *
     * @param terminal where
     * @param columns the terminal's width
     * @param task its name
     * @param parts the number of parts, at least 1
     */
    public TerminalBar(PrintStream terminal, int columns, String task, long parts) {
        bar = new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(parts)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(UPDATE_MILLIS)
                // The last column stays free: a character there would wrap the line.
                .setConsumer(new ConsoleProgressBarConsumer(terminal, Math.max(1, columns - 1)))
                .build();
    }

    /** Sets how much is done. */
    public void reached(long done) {
        bar.stepTo(done);
    }

    /** Sets how much is done, with a note behind the bar. */
    public void reached(long done, String note) {
        bar.setExtraMessage(note);
        bar.stepTo(done);
    }

    /** Draws its current state, and ends its line. */
    @Override
    public void close() {
        bar.close();
    }
}
