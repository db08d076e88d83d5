// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.List;

/**
 * What a training run came to.
 *
 * @param epochs one entry an epoch
 * @param stepLosses the loss of each training step, in order
 * @param stepMillis the median time of a training step, from encoding to the update; 0, as are the others, if none of a
 *     whole batch was left of the training that was gone on with
 * @param neuronMillis the median time that the neurons' kernel took of it, forward and backward
 * @param encodeMillis the median time that encoding the images took of it
 * @param raster what the trained network's hidden layer does for the first test image
 */
public record TrainingResult(
        List<EpochResult> epochs,
        List<Double> stepLosses,
        double stepMillis,
        double neuronMillis,
        double encodeMillis,
        SpikeRaster raster) {
    /** Copies the lists. */
    public TrainingResult {
        epochs = List.copyOf(epochs);
        stepLosses = List.copyOf(stepLosses);
    }

    /** Whether a training step of a whole batch ran, and was timed. */
    public boolean isTimed() {
        return stepMillis > 0;
    }

    /** The share of a training step that the neurons took, 0 to 1. */
    public double neuronShare() {
        return stepMillis > 0 ? neuronMillis / stepMillis : 0;
    }
}
