// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.PrintStream;
import java.math.BigDecimal;
import java.util.Locale;
import java.util.stream.Collectors;
import org.qlif.LifConfig;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;

/** Prints a run: settings, a line for training and a line for testing each epoch, and the times. */
public final class ConsoleListener implements TrainingListener {
    private final PrintStream lines;
    private final StepBar bar;

    /**
     * A listener that only prints lines.
     *
     * @param lines receives the lines; flushed after each training step, so that a stream whose reader has gone can end the run by throwing
     */
    public ConsoleListener(PrintStream lines) {
        this(lines, null, 0);
    }

    /**
     * A listener that also draws a progress bar.
     *
     * @param lines receives the lines, as above
     * @param bar a terminal for a progress bar; null for none
     * @param columns the terminal's width
     */
    public ConsoleListener(PrintStream lines, PrintStream bar, int columns) {
        this.lines = lines;
        this.bar = new StepBar(bar, columns);
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
        print("learn   %s", learning(options));
        print("device  %s (%s); %s", setup.device(), setup.kernel(), setup.engine());
        if (options.resume() != null) {
            print("resume  %s", options.resume());
        }
    }

    @Override
    public void stepped(int epoch, int step, int stepsInEpoch, double loss) {
        lines.flush();
        bar.stepped("epoch " + epoch, step, stepsInEpoch, loss);
    }

    @Override
    public void failed() {
        bar.end();
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
        if (!result.isTimed()) {
            print("[TIME] no training step of a whole batch was left");
            return;
        }
        print(
                "[TIME] training step: %.1f ms (median) | neurons: %.1f ms (%.1f%%) | encoding: %.1f ms (%.1f%%)",
                result.stepMillis(),
                result.neuronMillis(),
                100 * result.neuronShare(),
                result.encodeMillis(),
                100 * result.encodeMillis() / result.stepMillis());
    }

    /** The settings of learning, in words. */
    static String learning(TrainingOptions options) {
        return String.format(
                Locale.ROOT,
                "Adam, learning rate %s%s, batch %d, gradient norm %s, %d %s%s",
                number(options.learningRate()),
                options.learningRateDecay() == 1 ? "" : " times " + number(options.learningRateDecay()) + " an epoch",
                options.batch(),
                options.clipGrad() == 0 ? "not clipped" : "clipped at " + number(options.clipGrad()),
                options.epochs(),
                options.epochs() == 1 ? "epoch" : "epochs",
                options.shift() == 0
                        ? ""
                        : ", images moved by up to " + options.shift() + (options.shift() == 1 ? " pixel" : " pixels"));
    }

    private static String describe(TrainingSetup setup) {
        String learned = setup.learned().stream().map(NeuronParameter::symbol).collect(Collectors.joining(", "));
        String about = switch (setup.neuron()) {
            case QlifConfig qlif ->
                String.format(
                        "%s, angle %s, spike value %s, tau %s, noise %s",
                        qlif.decision(),
                        qlif.qubit().angleMap(),
                        qlif.spikeValue(),
                        number(qlif.start().tau()),
                        number(qlif.drawsNormals() ? qlif.noise().std() : 0));
            case LifConfig lif ->
                String.format(
                        "current-based, tau %s, surrogate %s",
                        number(Math.round(1000 / (lif.tauMemInv() * lif.dt())) / 1000.0), lif.surrogate());
        };
        return setup.options().neuron() + ": " + about + ", learns " + learned;
    }

    private static String number(double value) {
        return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
    }

    private void print(String format, Object... values) {
        lines.printf(Locale.ROOT, format + "%n", values);
    }
}
