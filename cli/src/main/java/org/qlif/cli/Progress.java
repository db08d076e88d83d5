package org.qlif.cli;

import java.io.PrintStream;
import org.qlif.training.ConsoleListener;
import org.qlif.training.ReconstructionListener;
import org.qlif.training.ReconstructionPrinter;
import org.qlif.training.TrainingListener;

/**
 * Where the progress of long work is told.
 *
 * @param lines where lines go
 * @param bar where a progress bar is drawn, a terminal; null for none
 * @param columns the terminal's width
 */
record Progress(PrintStream lines, PrintStream bar, int columns) {
    /** Lines alone. */
    Progress(PrintStream lines) {
        this(lines, null, 0);
    }

    TrainingListener training() {
        return new ConsoleListener(lines, bar, columns);
    }

    ReconstructionListener reconstruction() {
        return new ReconstructionPrinter(lines, bar, columns);
    }
}
