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
     * Draws a bar of which nothing is done.
     *
     * @param terminal where
     * @param columns the terminal's width
     * @param task its name
     * @param parts what is to be done, at least 1
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

    /** So much of it is done. */
    public void reached(long done) {
        bar.stepTo(done);
    }

    /** So much of it is done, with a word on it behind the bar. */
    public void reached(long done, String note) {
        bar.setExtraMessage(note);
        bar.stepTo(done);
    }

    /** Draws it as it is now, and ends its line. */
    @Override
    public void close() {
        bar.close();
    }
}
