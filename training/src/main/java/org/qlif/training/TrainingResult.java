// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.List;

/**
 * The result of a training run.
 *
 * @param epochs one entry per epoch
 * @param stepLosses the loss of each training step, in order
 * @param stepMillis the median time of a training step, from encoding to the update; 0, like the others, if a resumed training had no step
 *     with a whole batch left
 * @param neuronMillis the median time of the neurons' kernel in it, forward and backward
 * @param encodeMillis the median time of encoding the images in it
 * @param raster the spikes of the trained network's hidden layer for the first test image
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
