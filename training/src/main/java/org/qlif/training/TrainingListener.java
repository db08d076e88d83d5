// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/** Hears of a training run's progress, on the thread that trains. {@link ConsoleListener} prints it. */
public interface TrainingListener {
    /** The data is read and the kernel open; training starts now. */
    default void started(TrainingSetup setup) {}

    /**
     * A training step is done.
     *
     * @param epoch the epoch, from 1
     * @param step the step within the epoch, from 1
     * @param stepsInEpoch how many there are
     * @param loss the mean cross-entropy of the step's batch
     */
    default void stepped(int epoch, int step, int stepsInEpoch, double loss) {}

    /** An epoch has been trained and tested. */
    default void epochEnded(EpochResult result) {}

    /** All is done, and the plot written if one was asked for. */
    default void finished(TrainingResult result) {}

    /** The run ends with an exception, which comes next. */
    default void failed() {}
}
