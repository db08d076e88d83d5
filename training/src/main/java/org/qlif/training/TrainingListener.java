// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/** Is notified of a training run's progress, on the training thread. {@link ConsoleListener} prints it. */
public interface TrainingListener {
    /** The data has been read and the kernel opened; training starts now. */
    default void started(TrainingSetup setup) {}

    /**
     * A training step is done.
     *
     * @param epoch the epoch, from 1
     * @param step the step within the epoch, from 1
     * @param stepsInEpoch the number of steps in the epoch
     * @param loss the mean cross-entropy of the step's batch
     */
    default void stepped(int epoch, int step, int stepsInEpoch, double loss) {}

    /** An epoch has been trained and tested. */
    default void epochEnded(EpochResult result) {}

    /** Everything is done, and the plot has been written if one was requested. */
    default void finished(TrainingResult result) {}

    /** The run ends with an exception, which is about to be thrown. */
    default void failed() {}
}
