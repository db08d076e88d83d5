package org.qlif.training;

import java.io.PrintStream;
import java.math.BigDecimal;
import java.util.Locale;
import java.util.stream.Collectors;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;

/** Prints a run: settings, a line of training and a line of testing an epoch, and the times. */
public final class ConsoleListener implements TrainingListener {
    private static final int BAR_UPDATE_MILLIS = 200;

    private final PrintStream lines;
    private final PrintStream bar;
    private final int columns;
    private ProgressBar progress;

    /**
     * A listener that prints lines alone.
     *
     * @param lines where they go; it is flushed after each training step, so that one that notices that nobody reads can end the run
     *     by what it throws
     */
    public ConsoleListener(PrintStream lines) {
        this(lines, null, 0);
    }

    /**
     * A listener that draws a progress bar, too.
     *
     * @param lines where lines go, as above
     * @param bar where a progress bar is drawn, a terminal; null for none
     * @param columns the terminal's width
     */
    public ConsoleListener(PrintStream lines, PrintStream bar, int columns) {
        this.lines = lines;
        this.bar = bar;
        this.columns = columns;
    }

    @Override
    public void started(TrainingSetup setup) {
        TrainingOptions options = setup.options();
        int inputs = setup.rows() * setup.columns();
        print(
                "data    %s: %d training and %d test images of %dx%d, %d classes",
                options.data(),
                setup.trainImages(),
                setup.testImages(),
                setup.rows(),
                setup.columns(),
                setup.classes());
        print(
                "network %d-%d-%d, %d time steps, seed %d",
                inputs, options.hidden(), setup.classes(), options.steps(), options.seed());
        print("neuron  %s", describe(setup));
        print("config  %s", setup.neuron());
        print(
                "learn   Adam, learning rate %s, batch %d, gradient norm %s, %d %s",
                number(options.learningRate()),
                options.batch(),
                options.clipGrad() == 0 ? "not clipped" : "clipped at " + number(options.clipGrad()),
                options.epochs(),
                options.epochs() == 1 ? "epoch" : "epochs");
        print("device  %s (%s); %s", setup.device(), setup.kernel(), setup.engine());
        if (options.resume() != null) {
            print("resume  %s", options.resume());
        }
    }

    @Override
    public void stepped(int epoch, int step, int stepsInEpoch, double loss) {
        lines.flush();
        if (bar == null) {
            return;
        }
        if (progress == null) {
            progress = new ProgressBarBuilder()
                    .setTaskName("epoch " + epoch)
                    .setInitialMax(stepsInEpoch)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setUpdateIntervalMillis(BAR_UPDATE_MILLIS)
                    // The last column stays free: a character there would wrap the line.
                    .setConsumer(new ConsoleProgressBarConsumer(bar, Math.max(1, columns - 1)))
                    .build();
        }
        progress.setExtraMessage(String.format(Locale.ROOT, "loss %.4f", loss));
        progress.stepTo(step);
        if (step == stepsInEpoch) {
            endBar();
        }
    }

    /** The bar's line ends, so that a message can follow. */
    @Override
    public void failed() {
        endBar();
    }

    private void endBar() {
        if (progress != null) {
            progress.close();
            progress = null;
        }
    }

    @Override
    public void epochEnded(EpochResult result) {
        print(
                "[TRAIN] epoch %d | loss: %.4f | accuracy: %.2f%% | %.1f s",
                result.epoch(), result.loss(), 100 * result.accuracy(), result.trainSeconds());
        print("[TEST] epoch %d | accuracy: %.2f%%", result.epoch(), 100 * result.testAccuracy());
    }

    @Override
    public void finished(TrainingResult result) {
        print(
                "[TIME] training step: %.1f ms (median) | neurons: %.1f ms (%.1f%%) | encoding: %.1f ms (%.1f%%)",
                result.stepMillis(),
                result.neuronMillis(),
                100 * result.neuronShare(),
                result.encodeMillis(),
                result.stepMillis() > 0 ? 100 * result.encodeMillis() / result.stepMillis() : 0);
    }

    private static String describe(TrainingSetup setup) {
        QlifConfig neuron = setup.neuron();
        String learned = setup.learned().stream().map(QlifParameter::symbol).collect(Collectors.joining(", "));
        return String.format(
                Locale.ROOT,
                "%s: %s, angle %s, spike value %s, tau %s, noise %s, learns %s",
                setup.options().neuron(),
                neuron.decision(),
                neuron.qubit().angleMap(),
                neuron.spikeValue(),
                number(neuron.start().tau()),
                number(neuron.drawsNormals() ? neuron.noise().std() : 0),
                learned);
    }

    private static String number(double value) {
        return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
    }

    private void print(String format, Object... values) {
        lines.printf(Locale.ROOT, format + "%n", values);
    }
}
