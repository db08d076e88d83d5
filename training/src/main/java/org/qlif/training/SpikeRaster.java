package org.qlif.training;

/**
 * The spikes of the hidden layer while one image is shown.
 *
 * @param steps T
 * @param neurons N
 * @param spikes (T, N), 1 for a spike
 * @param label the image's class
 * @param right whether the network says so too
 */
public record SpikeRaster(int steps, int neurons, byte[] spikes, int label, boolean right) {
    boolean spike(int step, int neuron) {
        return spikes[step * neurons + neuron] != 0;
    }
}
