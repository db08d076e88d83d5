// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import org.qlif.Device;

/** Hears of the progress of a {@link Reconstruction}, on the thread that trains. {@link ReconstructionPrinter} prints it. */
public interface ReconstructionListener {
    /**
     * The data is read; work starts now.
     *
     * @param options what was asked for
     * @param trainImages how many training images are used
     * @param testImages how many test images are used
     */
    default void started(TrainingOptions options, int trainImages, int testImages) {}

    /**
     * A network of its own starts.
     *
     * @param name its name, {@code qlif} or {@code lif}
     * @param config its neurons' configuration, as text
     * @param device what it runs on
     * @param description what runs it, for people
     */
    default void networkStarted(String name, String config, Device device, String description) {}

    /**
     * A training step is done.
     *
     * @param name the network's
     * @param epoch the epoch, from 1
     * @param step the step within the epoch, from 1
     * @param stepsInEpoch how many there are
     * @param bce the binary cross-entropy a pixel of the step's batch
     */
    default void stepped(String name, int epoch, int step, int stepsInEpoch, double bce) {}

    /** An epoch has been trained and tested. */
    default void epochEnded(String name, ReconstructionResult.Epoch epoch) {}

    /** All is done, and the picture written if one was asked for. */
    default void finished(ReconstructionResult result) {}

    /** The run ends with an exception, which comes next. */
    default void failed() {}
}
