// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import org.qlif.Device;

/** Is notified of the progress of a {@link Reconstruction}, on the training thread. {@link ReconstructionPrinter} prints it. */
public interface ReconstructionListener {
    /**
     * The data has been read; work starts now.
     *
     * @param options the options
     * @param trainImages the number of training images
     * @param testImages the number of test images
     */
    default void started(TrainingOptions options, int trainImages, int testImages) {}

    /**
     * The next network starts.
     *
     * @param name its name, {@code qlif} or {@code lif}
     * @param config its neurons' configuration, as text
     * @param device what it runs on
     * @param description a description of what runs it
     */
    default void networkStarted(String name, String config, Device device, String description) {}

    /**
     * A training step is done.
     *
     * @param name the network's
     * @param epoch the epoch, from 1
     * @param step the step within the epoch, from 1
     * @param stepsInEpoch the number of steps in the epoch
     * @param bce the binary cross-entropy a pixel of the step's batch
     */
    default void stepped(String name, int epoch, int step, int stepsInEpoch, double bce) {}

    /** An epoch has been trained and tested. */
    default void epochEnded(String name, ReconstructionResult.Epoch epoch) {}

    /** Everything is done, and the picture has been written if one was requested. */
    default void finished(ReconstructionResult result) {}

    /** The run ends with an exception, which is about to be thrown. */
    default void failed() {}
}
