// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/**
 * The spikes of the hidden layer while one image is shown.
 *
 * @param steps T
 * @param neurons N
 * @param spikes (T, N), 1 for a spike
 * @param label the image's class
 * @param right whether the network classified it correctly
 * @param inputCounts how often each pixel spiked; null if the engine does not report it
 * @param columns the width of the image in pixels
 */
public record SpikeRaster(
        int steps, int neurons, byte[] spikes, int label, boolean right, int[] inputCounts, int columns) {
    /** For an engine that does not report the input. */
    public SpikeRaster(int steps, int neurons, byte[] spikes, int label, boolean right) {
        this(steps, neurons, spikes, label, right, null, 0);
    }

    boolean spike(int step, int neuron) {
        return spikes[step * neurons + neuron] != 0;
    }

    /** The percentage of all neurons that spike, for each step. */
    float[] rates() {
        int[] counts = new int[steps];
        for (int i = 0; i < spikes.length; i++) {
            counts[i / neurons] += spikes[i];
        }
        return new SpikeRate(counts, neurons, 1).percent();
    }

    /** The greatest of the rates. */
    float greatestRate() {
        float greatest = 0;
        for (float rate : rates()) {
            greatest = Math.max(greatest, rate);
        }
        return greatest;
    }

    /** The share of all neurons and steps that are spikes. */
    double rate() {
        int count = 0;
        for (byte spike : spikes) {
            count += spike;
        }
        return (double) count / spikes.length;
    }
}
