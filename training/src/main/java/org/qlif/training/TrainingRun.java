// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import org.qlif.Device;
import org.qlif.network.Checkpoint;

/** A network that an engine trains. Not thread-safe. */
public interface TrainingRun extends AutoCloseable {
    /**
     * The outcome of a training step or a test.
     *
     * @param loss the mean cross-entropy
     * @param correct the number of images that were classified correctly
     * @param neuronNanos the time of the neurons, forward and backward
     * @param encodeNanos the time of encoding
     * @param divergence what is no longer finite, for messages; null if everything is
     */
    record Outcome(double loss, int correct, long neuronNanos, long encodeNanos, String divergence) {}

    /** The device it runs on. */
    Device device();

    /** A description of what runs the neurons. */
    String kernel();

    /** A description of what runs the rest. */
    String engine();

    /**
     * Does a training step; after a divergence the network is useless.
     *
     * @param epoch the epoch, from 1
     * @param step the step within the epoch, from 1
     * @param rows the numbers of its images
     */
    Outcome train(int epoch, int step, int[] rows);

    /** Tests on all test images, without changing anything. */
    Outcome test();

    /**
     * The current state of the training between two steps; write it to a file before the next step.
     *
     * @throws UnsupportedOperationException if the engine can't save it
     */
    default Checkpoint checkpoint() {
        throw new UnsupportedOperationException("this engine saves no training");
    }

    /** The hidden layer's spikes for the first test image. */
    SpikeRaster raster();

    @Override
    void close();
}
