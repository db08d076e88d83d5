// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.PrintStream;
import java.util.Locale;

/** A progress bar for each epoch of a training run. Not thread-safe. */
final class StepBar {
    private final PrintStream terminal;
    private final int columns;
    private TerminalBar bar;

    /**
     * @param terminal the terminal; null for no bar
     * @param columns the terminal's width
     */
    StepBar(PrintStream terminal, int columns) {
        this.terminal = terminal;
        this.columns = columns;
    }

    /**
     * A step of an epoch is done.
     *
     * @param name the epoch's
     * @param step from 1
     */
    void stepped(String name, int step, int stepsInEpoch, double loss) {
        if (terminal == null) {
            return;
        }
        if (bar == null) {
            bar = new TerminalBar(terminal, columns, name, stepsInEpoch);
        }
        bar.reached(step, String.format(Locale.ROOT, "loss %.4f", loss));
        if (step == stepsInEpoch) {
            end();
        }
    }

    /** Ends the bar's line, so that a message can follow. */
    void end() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
