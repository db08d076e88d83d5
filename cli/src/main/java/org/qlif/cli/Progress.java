// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.PrintStream;
import org.qlif.training.ConsoleListener;
import org.qlif.training.ReconstructionListener;
import org.qlif.training.ReconstructionPrinter;
import org.qlif.training.TerminalBar;
import org.qlif.training.TrainingListener;

/**
 * Reports the progress of long work.
 *
 * @param lines receives lines
 * @param bar a terminal for a progress bar; null for none
 * @param columns the terminal's width
 */
record Progress(PrintStream lines, PrintStream bar, int columns) {
    /** A bar that is not drawn. */
    static final Bar NO_BAR = new Bar() {
        @Override
        public void reached(long done) {}

        @Override
        public void close() {}
    };

    /** Lines alone. */
    Progress(PrintStream lines) {
        this(lines, null, 0);
    }

    /** The progress of one piece of work. */
    interface Bar extends AutoCloseable {
        /** Sets how much is done. */
        void reached(long done);

        @Override
        void close();
    }

    /** A bar for a task of {@code parts} parts; it is not drawn if there are none or there is no terminal. */
    Bar bar(String task, long parts) {
        if (bar == null || parts == 0) {
            return NO_BAR;
        }
        TerminalBar drawn = new TerminalBar(bar, columns, task, parts);
        return new Bar() {
            @Override
            public void reached(long done) {
                drawn.reached(done);
            }

            @Override
            public void close() {
                drawn.close();
            }
        };
    }

    TrainingListener training() {
        return new ConsoleListener(lines, bar, columns);
    }

    ReconstructionListener reconstruction() {
        return new ReconstructionPrinter(lines, bar, columns);
    }
}
