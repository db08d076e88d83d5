// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.qlif.DType;
import org.qlif.Kernel;
import org.qlif.SpikeLinear;
import org.qlif.Tensor;

/** The calls of a whole network on blocks of a given number of rows and steps, and the memory between its layers. */
final class Workspace {
    /** The number of values that are averaged at a time: few enough for the first-level cache. */
    private static final int LINE = 2048;

    final int steps;
    final int rows;
    /** The encoded input, {@code BIT (T, B, K)}. */
    final Tensor input;

    final List<LinearStage> linears = new ArrayList<>();
    final List<NeuronStage> neurons = new ArrayList<>();
    /** {@code (B, N)}. */
    final float[] logits;
    /** The gradient with respect to the logits. */
    final float[] gradLogits;

    private final long[] rowNumbers;
    private final float[] values;
    private final float[] mean;
    private final float[] gradMean;
    private final float[] sum = new float[LINE];
    private final float[] line = new float[LINE];

    Workspace(Network network, SpikeLinear linear, List<Kernel> kernels, int steps, int rows) {
        this.steps = steps;
        this.rows = rows;
        input = Tensor.zeros(DType.BIT, steps, rows, network.inputs());
        rowNumbers = new long[rows];
        Tensor rowIndex = Tensor.of(DType.I64, MemorySegment.ofArray(rowNumbers), rows);
        List<Layer> layers = network.layers();
        int width = network.neurons(layers.size() - 2).neurons();
        mean = new float[rows * width];
        gradMean = new float[rows * width];
        Tensor below = input;
        Tensor gradBelow = null;
        for (int i = 0; i + 1 < layers.size(); i += 2) {
            Layer.Linear weights = (Layer.Linear) layers.get(i);
            Layer.Neurons cells = (Layer.Neurons) layers.get(i + 1);
            boolean last = i + 3 == layers.size();
            Tensor gradCurrent = Tensor.zeros(DType.F32, steps, rows, weights.outputs());
            LinearStage stage = new LinearStage(weights, linear, below, gradCurrent, gradBelow);
            gradBelow = last
                    ? Tensor.of(gradMean, 1, rows, width)
                    : Tensor.zeros(DType.F32, steps, rows, weights.outputs());
            NeuronStage fire =
                    new NeuronStage(cells, kernels.get(i / 2), stage, rowIndex, last, gradBelow, gradCurrent);
            linears.add(stage);
            neurons.add(fire);
            below = fire.output();
        }
        values = array(below);
        Layer.Linear readout = (Layer.Linear) layers.getLast();
        gradLogits = new float[rows * readout.outputs()];
        LinearStage out = new LinearStage(
                readout,
                linear,
                Tensor.of(mean, 1, rows, width),
                Tensor.of(gradLogits, 1, rows, readout.outputs()),
                Tensor.of(gradMean, 1, rows, width));
        linears.add(out);
        logits = array(out.output());
    }

    private static float[] array(Tensor tensor) {
        return (float[]) tensor.segment().heapBase().orElseThrow();
    }

    /** Sets which rows of an input these are. */
    void number(SpikeInput input, int[] which, int from) {
        for (int b = 0; b < rows; b++) {
            rowNumbers[b] = input.number(which[from + b]);
        }
    }

    /** The mean of the last spike values over time: their sum in float32, from the first step to the last, divided by T. */
    void average() {
        int size = mean.length;
        for (int at = 0; at < size; at += LINE) {
            int count = Math.min(LINE, size - at);
            System.arraycopy(values, at, sum, 0, count);
            for (int t = 1; t < steps; t++) {
                System.arraycopy(values, t * size + at, line, 0, count);
                add(sum, line, count);
            }
            divide(sum, count, steps);
            System.arraycopy(sum, 0, mean, at, count);
        }
    }

    /** Turns the gradient of the mean into that of the spike values, which all steps share. */
    void shareGradient() {
        divide(gradMean, gradMean.length, steps);
    }

    /** Both start at their first element; otherwise the compiler could not vectorize the loop. */
    private static void add(float[] sum, float[] values, int count) {
        for (int i = 0; i < count; i++) {
            sum[i] += values[i];
        }
    }

    private static void divide(float[] values, int count, float divisor) {
        for (int i = 0; i < count; i++) {
            values[i] /= divisor;
        }
    }

    void close() {
        neurons.forEach(NeuronStage::close);
    }
}
