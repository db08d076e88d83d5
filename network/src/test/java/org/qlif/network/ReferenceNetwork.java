// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;

/**
 * A network of {@link #NEURON} and its mean cross-entropy in float64, written down from docs/model.md: what the trainer's gradients are held
 * against.
 */
final class ReferenceNetwork {
    /**
     * A qubit whose spike value is p and whose state sees nothing but that, so that the loss is a smooth function of everything; most options
     * are off, whose gradients the kernels' own tests look at.
     */
    static final QlifConfig NEURON = QlifConfig.plainLif().toBuilder()
            .decision(QlifConfig.Decision.QUBIT)
            .spikeValue(QlifConfig.SpikeValue.EXPECTED)
            .reset(reset -> reset.withFraction(0.3).withDetached(false))
            .tau(2)
            .calibrate(0.2, 0.4)
            .build();

    private final List<String> names;
    private final Map<String, double[]> values = new HashMap<>();
    private final int[] widths;

    /** Of the values that {@code network} has now, whose layers have these widths, the inputs' first. */
    ReferenceNetwork(Network network, int... widths) {
        this.names = network.names();
        this.widths = widths;
        for (String name : names) {
            float[] floats = network.get(name).toFloatArray();
            double[] doubles = new double[floats.length];
            for (int i = 0; i < floats.length; i++) {
                doubles[i] = floats[i];
            }
            values.put(name, doubles);
        }
    }

    List<String> names() {
        return names;
    }

    /**
     * The slope of the mean loss with respect to a value, by central differences.
     *
     * @param spikes the input, {@code [b][t][k]}
     */
    double slope(String name, int index, boolean[][][] spikes, int[] labels) {
        double[] of = values.get(name);
        double value = of[index];
        double h = 1e-5;
        of[index] = value + h;
        double up = meanLoss(spikes, labels);
        of[index] = value - h;
        double down = meanLoss(spikes, labels);
        of[index] = value;
        return (up - down) / (2 * h);
    }

    double meanLoss(boolean[][][] spikes, int[] labels) {
        double sum = 0;
        for (int b = 0; b < labels.length; b++) {
            sum += loss(spikes[b], labels[b]);
        }
        return sum / labels.length;
    }

    private double loss(boolean[][] spikes, int label) {
        double[][] signal = new double[spikes.length][widths[0]];
        for (int t = 0; t < spikes.length; t++) {
            for (int k = 0; k < widths[0]; k++) {
                signal[t][k] = spikes[t][k] ? 1 : 0;
            }
        }
        int last = widths.length - 2;
        for (int layer = 0; layer < last; layer++) {
            signal = fire(2 * layer + 1, linear(2 * layer, signal, widths[layer + 1]));
        }
        double[] mean = new double[widths[last]];
        for (double[] step : signal) {
            for (int n = 0; n < mean.length; n++) {
                mean[n] += step[n] / signal.length;
            }
        }
        double[] logits = linear(2 * last, new double[][] {mean}, widths[last + 1])[0];
        double sum = 0;
        for (double logit : logits) {
            sum += Math.exp(logit);
        }
        return Math.log(sum) - logits[label];
    }

    private double[][] linear(int position, double[][] input, int outputs) {
        double[] weights = values.get(position + ".weight");
        double[] biases = values.get(position + ".bias");
        List<double[]> output = new ArrayList<>();
        for (double[] step : input) {
            double[] sums = biases.clone();
            for (int k = 0; k < step.length; k++) {
                for (int m = 0; m < outputs; m++) {
                    sums[m] += step[k] * weights[k * outputs + m];
                }
            }
            output.add(sums);
        }
        return output.toArray(double[][]::new);
    }

    private double[][] fire(int position, double[][] current) {
        int neurons = current[0].length;
        double[] v = new double[neurons];
        double[][] output = new double[current.length][neurons];
        for (int t = 0; t < current.length; t++) {
            for (int n = 0; n < neurons; n++) {
                double before = v[n] + NEURON.dt() / parameter(position, QlifParameter.TAU, n) * (current[t][n] - v[n]);
                double gap = before - parameter(position, QlifParameter.V_TH, n);
                double angle = parameter(position, QlifParameter.Q_BIAS, n)
                        - NEURON.qubit().leak()
                        + parameter(position, QlifParameter.Q_SCALE, n) * gap;
                double p = (1 - Math.cos(angle)) / 2;
                v[n] = before + p * NEURON.reset().fraction() * (NEURON.reset().potential() - before);
                output[t][n] = p;
            }
        }
        return output;
    }

    private double parameter(int position, QlifParameter parameter, int n) {
        double[] learned = values.get(position + "." + parameter.symbol());
        return learned == null ? NEURON.defaultValue(parameter) : learned[n];
    }
}
