// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.PrintStream;
import java.util.Locale;
import org.qlif.Device;

/** Prints a {@link Reconstruction}: settings, and a line for training and one for testing each epoch. */
public final class ReconstructionPrinter implements ReconstructionListener {
    private final PrintStream lines;
    private final StepBar bar;

    /**
     * A listener that prints.
     *
     * @param lines receives the lines; flushed after each training step, so that a stream whose reader has gone can end the run by throwing
     * @param bar a terminal for a progress bar; null for none
     * @param columns the terminal's width
     */
    public ReconstructionPrinter(PrintStream lines, PrintStream bar, int columns) {
        this.lines = lines;
        this.bar = new StepBar(bar, columns);
    }

    @Override
    public void started(TrainingOptions training, int trainImages, int testImages) {
        print("data    %s: %d training and %d test images", training.data(), trainImages, testImages);
        print(
                "network pixels-%d-pixels, %d time steps, seed %d; binary cross-entropy a pixel",
                training.hidden(), training.steps(), training.seed());
        print("learn   %s", ConsoleListener.learning(training));
    }

    @Override
    public void networkStarted(String name, String config, Device device, String description) {
        print("neuron  %s: %s", name, config);
        print("device  %s (%s)", device, description);
    }

    @Override
    public void stepped(String name, int epoch, int step, int stepsInEpoch, double bce) {
        lines.flush();
        bar.stepped(name + ", epoch " + epoch, step, stepsInEpoch, bce);
    }

    @Override
    public void epochEnded(String name, ReconstructionResult.Epoch epoch) {
        print(
                "[TRAIN] %s | epoch %d | bce: %.4f | %.1f s",
                name, epoch.epoch(), epoch.trainBce(), epoch.trainSeconds());
        print("[TEST] %s | epoch %d | bce: %.4f", name, epoch.epoch(), epoch.testBce());
    }

    @Override
    public void failed() {
        bar.end();
    }

    private void print(String format, Object... values) {
        lines.printf(Locale.ROOT, format + "%n", values);
    }
}
