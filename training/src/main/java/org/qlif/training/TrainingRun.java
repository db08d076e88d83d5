// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import org.qlif.Device;
import org.qlif.network.Checkpoint;

/** A network that an engine trains. Not thread-safe. */
public interface TrainingRun extends AutoCloseable {
    /**
     * What became of a training step or a test.
     *
     * @param loss the mean cross-entropy
     * @param correct how many images were classified right
     * @param neuronNanos the time that the neurons took, forward and backward
     * @param encodeNanos the time that encoding took
     * @param divergence what is not finite any more, for people; null if all is
     */
    record Outcome(double loss, int correct, long neuronNanos, long encodeNanos, String divergence) {}

    /** Where it runs. */
    Device device();

    /** What runs the neurons, for people. */
    String kernel();

    /** What runs the rest, for people. */
    String engine();

    /**
     * A training step; after a divergence the network is of no use.
     *
     * @param epoch the epoch, from 1
     * @param step the step within the epoch, from 1
     * @param rows the numbers of its images
     */
    Outcome train(int epoch, int step, int[] rows);

    /** A test on all test images, which changes nothing. */
    Outcome test();

    /**
     * The training as it is between two steps, to be written to a file at once.
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
