// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/**
 * The share of neurons of a population that spike, over time.
 *
 * @param counts the spikes of each step
 * @param neurons the number of neurons
 * @param window the number of steps that a value is the mean of, centred at its own step; odd
 */
record SpikeRate(int[] counts, int neurons, int window) {
    /** The number of windows in a picture, so that the line follows what is visible in the raster below it. */
    private static final int WINDOWS = 50;

    /** The window for a run of {@code steps} steps. */
    static int windowFor(int steps) {
        return steps / WINDOWS / 2 * 2 + 1;
    }

    /** The percentage of all neurons that spike in a step. Near the ends, the window is cut off. */
    float[] percent() {
        long[] before = new long[counts.length + 1];
        for (int t = 0; t < counts.length; t++) {
            before[t + 1] = before[t] + counts[t];
        }
        float[] percent = new float[counts.length];
        for (int t = 0; t < percent.length; t++) {
            int from = Math.max(0, t - window / 2);
            int to = Math.min(counts.length, t + window / 2 + 1);
            percent[t] = 100f * (before[to] - before[from]) / ((long) (to - from) * neurons);
        }
        return percent;
    }

    /** The name in a legend. */
    String name() {
        String spiking = "neurons that spike in a step";
        return window == 1 ? spiking : spiking + ", mean of " + window + " steps";
    }
}
