package org.qlif.cli;

import java.io.PrintStream;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
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
    private static final int UPDATE_MILLIS = 200;

    /** Lines alone. */
    Progress(PrintStream lines) {
        this(lines, null, 0);
    }

    /** The progress of one piece of work. */
    interface Bar extends AutoCloseable {
        /** So much of it is done. */
        void reached(long done);

        @Override
        void close();
    }

    /** A bar for a task of so many parts; it is drawn nowhere if these are none, or there is no terminal. */
    Bar bar(String task, long parts) {
        if (bar == null || parts == 0) {
            return new Bar() {
                @Override
                public void reached(long done) {}

                @Override
                public void close() {}
            };
        }
        ProgressBar drawn = new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(parts)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(UPDATE_MILLIS)
                // The last column stays free: a character there would wrap the line.
                .setConsumer(new ConsoleProgressBarConsumer(bar, Math.max(1, columns - 1)))
                .build();
        return new Bar() {
            @Override
            public void reached(long done) {
                drawn.stepTo(done);
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
