package org.qlif.training;

import java.io.PrintStream;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar for each epoch of a training run. Not thread-safe. */
final class StepBar {
    private static final int UPDATE_MILLIS = 200;

    private final PrintStream terminal;
    private final int columns;
    private ProgressBar bar;

    /**
     * @param terminal where it is drawn; null for nowhere
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
            bar = new ProgressBarBuilder()
                    .setTaskName(name)
                    .setInitialMax(stepsInEpoch)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setUpdateIntervalMillis(UPDATE_MILLIS)
                    // The last column stays free: a character there would wrap the line.
                    .setConsumer(new ConsoleProgressBarConsumer(terminal, Math.max(1, columns - 1)))
                    .build();
        }
        bar.setExtraMessage(String.format(Locale.ROOT, "loss %.4f", loss));
        bar.stepTo(step);
        if (step == stepsInEpoch) {
            end();
        }
    }

    /** The bar's line ends, so that a message can follow. */
    void end() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
