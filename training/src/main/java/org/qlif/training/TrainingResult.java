package org.qlif.training;

import java.util.List;

/**
 * What a training run came to.
 *
 * @param epochs one entry an epoch
 * @param stepLosses the loss of each training step, in order
 * @param stepMillis the median time of a training step, from encoding to the update
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

    /** The share of a training step that the neurons took, 0 to 1. */
    public double neuronShare() {
        return stepMillis > 0 ? neuronMillis / stepMillis : 0;
    }
}
