// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import org.qlif.simulation.Traces;

/**
 * A trace in a few numbers, over its finite values; NaN if there are none.
 *
 * @param least the least
 * @param mean the mean
 * @param greatest the greatest
 * @param last the mean over the neurons at the last step
 * @param notFinite the number of values that are NaN or infinite
 */
record TraceSummary(double least, double mean, double greatest, double last, int notFinite) {
    static TraceSummary of(Traces traces, String name) {
        float[] values = traces.get(name);
        int neurons = traces.neurons();
        double least = Double.NaN;
        double greatest = Double.NaN;
        double sum = 0;
        int counted = 0;
        double lastSum = 0;
        int lastCounted = 0;
        for (int i = 0; i < values.length; i++) {
            float value = values[i];
            if (Float.isFinite(value)) {
                least = counted == 0 ? value : Math.min(least, value);
                greatest = counted == 0 ? value : Math.max(greatest, value);
                sum += value;
                counted++;
                if (i >= values.length - neurons) {
                    lastSum += value;
                    lastCounted++;
                }
            }
        }
        return new TraceSummary(least, sum / counted, greatest, lastSum / lastCounted, values.length - counted);
    }

    /** The numbers by name, null for NaN. */
    Map<String, Object> report() {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("least", orNull(least));
        report.put("mean", orNull(mean));
        report.put("greatest", orNull(greatest));
        report.put("last", orNull(last));
        report.put("not_finite", notFinite);
        return report;
    }

    private static Double orNull(double value) {
        return Double.isFinite(value) ? value : null;
    }

    /** The spikes of each neuron. */
    static int[] spikeCounts(Traces traces) {
        int[] counts = new int[traces.neurons()];
        float[] spikes = traces.get(Traces.SPIKES);
        for (int i = 0; i < spikes.length; i++) {
            counts[i % counts.length] += spikes[i] == 0 ? 0 : 1;
        }
        return counts;
    }
}
