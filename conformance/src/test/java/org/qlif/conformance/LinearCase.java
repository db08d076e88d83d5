// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import org.qlif.DType;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.SpikeLinear;
import org.qlif.Tensor;

/**
 * All that a linear layer's two calls read, with what they must write: docs/numerics.md, told once more, in the plainest loops and with
 * the tree of blocks as it is defined.
 */
final class LinearCase {
    /** Every result of a linear layer. */
    static final Predicate<String> EVERYTHING = _ -> true;

    private static final int BLOCK = 32;

    final int steps;
    final int batch;
    final int inputs;
    final int outputs;
    final DType type;
    /** The input as numbers. */
    final float[] x;

    final float[] weights;
    /** Null for none. */
    final float[] bias;
    /** Of one step, if all share it. */
    final float[] gradOutput;

    final boolean sharedGradient;

    /** How the input's numbers are chosen. */
    enum Values {
        SPIKES,
        NUMBERS,
        ODD
    }

    /**
     * @param share how many of the inputs are not 0, from 0 to 1
     * @param values only {@code SPIKES} if the type is not F32
     */
    LinearCase(
            RandomGenerator random,
            int steps,
            int batch,
            int inputs,
            int outputs,
            DType type,
            double share,
            Values values,
            boolean withBias,
            boolean sharedGradient) {
        this.steps = steps;
        this.batch = batch;
        this.inputs = inputs;
        this.outputs = outputs;
        this.type = type;
        this.sharedGradient = sharedGradient;
        x = new float[steps * batch * inputs];
        for (int i = 0; i < x.length; i++) {
            x[i] = random.nextDouble() >= share ? 0f : values == Values.SPIKES ? 1f : number(random, values);
        }
        weights = numbers(random, inputs * outputs, values);
        bias = withBias ? numbers(random, outputs, values) : null;
        gradOutput = numbers(random, (sharedGradient ? 1 : steps) * batch * outputs, values);
    }

    private static float[] numbers(RandomGenerator random, int count, Values values) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = number(random, values);
        }
        return numbers;
    }

    private static float number(RandomGenerator random, Values values) {
        if (values == Values.ODD && random.nextInt(8) == 0) {
            return switch (random.nextInt(8)) {
                case 0 -> Float.NaN;
                case 1 -> Float.POSITIVE_INFINITY;
                case 2 -> Float.NEGATIVE_INFINITY;
                case 3 -> -0f;
                case 4 -> Float.MIN_VALUE;
                case 5 -> -1e-30f;
                case 6 -> Float.MAX_VALUE;
                default -> 1f;
            };
        }
        // Of very different sizes, so that the order of additions shows.
        return (float) (random.nextGaussian() * Math.exp(random.nextGaussian()));
    }

    static LinearCase random(RandomGenerator random) {
        int[] extents = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 113, 129, 200};
        int[] batches = {0, 1, 2, 5, 31, 32, 33, 63, 64, 65, 96, 131};
        int steps = random.nextInt(6);
        int batch = batches[random.nextInt(batches.length)];
        int inputs = random.nextInt(12) == 0 ? 784 : extents[random.nextInt(extents.length)];
        int outputs = random.nextInt(12) == 0 ? 517 : extents[random.nextInt(extents.length)];
        while ((long) steps * batch * inputs * outputs > 3_000_000) {
            batch = Math.max(1, batch / 2);
            steps = Math.max(1, steps / 2);
        }
        DType type = DType.SPIKES.get(random.nextInt(3));
        Values values = type != DType.F32 ? Values.SPIKES : Values.values()[random.nextInt(3)];
        double[] shares = {0, 0.02, 0.13, 0.13, 0.5, 0.9, 1};
        double share = shares[random.nextInt(shares.length)];
        return new LinearCase(
                random,
                steps,
                batch,
                inputs,
                outputs,
                type,
                share,
                values,
                random.nextBoolean(),
                random.nextInt(4) == 0);
    }

    /** The tensor of the input. A byte that is not 0 is any. */
    Tensor input(Memory memory) {
        if (type == DType.F32) {
            return memory.copy(x, steps, batch, inputs);
        }
        Tensor tensor = memory.poisoned(type, steps, batch, inputs);
        if (type == DType.U8) {
            for (int i = 0; i < x.length; i++) {
                tensor.segment().set(ValueLayout.JAVA_BYTE, i, x[i] == 0 ? 0 : (byte) (1 + i % 255));
            }
            return tensor;
        }
        tensor.segment().fill((byte) 0);
        int stepBits = batch * inputs;
        int stepWords = (stepBits + 63) / 64;
        for (int i = 0; i < x.length; i++) {
            if (x[i] != 0) {
                int bit = i % stepBits;
                long word = i / stepBits * stepWords + bit / 64;
                long before = tensor.segment().getAtIndex(ValueLayout.JAVA_LONG, word);
                tensor.segment().setAtIndex(ValueLayout.JAVA_LONG, word, before | 1L << bit % 64);
            }
        }
        return tensor;
    }

    LinearForward forward(Memory memory) {
        return new LinearForward()
                .input(input(memory))
                .weights(memory.copy(weights, inputs, outputs))
                .bias(memory.copy(bias, outputs))
                .output(memory.poisoned(DType.F32, steps, batch, outputs));
    }

    LinearBackward backward(LinearForward forward, Memory memory, Predicate<String> wanted) {
        return new LinearBackward(forward)
                .gradOutput(memory.copy(gradOutput, sharedGradient ? 1 : steps, batch, outputs))
                .gradWeights(wanted.test("gradWeights") ? memory.poisoned(DType.F32, inputs, outputs) : null)
                .gradBias(wanted.test("gradBias") ? memory.poisoned(DType.F32, outputs) : null)
                .gradInput(wanted.test("gradInput") ? memory.poisoned(DType.F32, steps, batch, inputs) : null);
    }

    /** Both calls in memory of this kind. */
    Result run(SpikeLinear layer, Memory.Kind kind, Predicate<String> wanted) {
        try (Memory memory = new Memory(kind)) {
            LinearForward forward = forward(memory);
            LinearBackward backward = backward(forward, memory, wanted);
            layer.forward(forward);
            layer.backward(backward);
            memory.assertGuardsIntact();
            return results(backward);
        }
    }

    static Result results(LinearBackward backward) {
        Result result = new Result();
        result.put("output", backward.forward().output());
        if (backward.gradWeights() != null) {
            result.put("gradWeights", backward.gradWeights());
        }
        if (backward.gradBias() != null) {
            result.put("gradBias", backward.gradBias());
        }
        if (backward.gradInput() != null) {
            result.put("gradInput", backward.gradInput());
        }
        return result;
    }

    /** What the calls must write. */
    Result expected() {
        Result result = new Result();
        result.put("output", output());
        result.put("gradWeights", gradWeights());
        result.put("gradBias", gradBias());
        result.put("gradInput", gradInput());
        return result;
    }

    private float[] output() {
        float[] output = new float[steps * batch * outputs];
        for (int row = 0; row < steps * batch; row++) {
            for (int m = 0; m < outputs; m++) {
                float sum = bias == null ? 0f : bias[m];
                for (int k = 0; k < inputs; k++) {
                    float value = x[row * inputs + k];
                    sum = value == 0 ? sum : Math.fma(value, weights[k * outputs + m], sum);
                }
                output[row * outputs + m] = sum;
            }
        }
        return output;
    }

    private float gradient(int t, int b, int m) {
        return gradOutput[((sharedGradient ? 0 : t) * batch + b) * outputs + m];
    }

    private float[] gradWeights() {
        float[] gradient = new float[inputs * outputs];
        float[] blocks = new float[(batch + BLOCK - 1) / BLOCK];
        for (int k = 0; k < inputs; k++) {
            for (int m = 0; m < outputs; m++) {
                Arrays.fill(blocks, 0f);
                for (int t = 0; t < steps; t++) {
                    for (int b = 0; b < batch; b++) {
                        float value = x[(t * batch + b) * inputs + k];
                        if (value != 0) {
                            blocks[b / BLOCK] = Math.fma(value, gradient(t, b, m), blocks[b / BLOCK]);
                        }
                    }
                }
                gradient[k * outputs + m] = tree(blocks, 0, blocks.length);
            }
        }
        return gradient;
    }

    private float[] gradBias() {
        float[] gradient = new float[outputs];
        float[] blocks = new float[(batch + BLOCK - 1) / BLOCK];
        for (int m = 0; m < outputs; m++) {
            Arrays.fill(blocks, 0f);
            for (int t = 0; t < steps; t++) {
                for (int b = 0; b < batch; b++) {
                    blocks[b / BLOCK] += gradient(t, b, m);
                }
            }
            gradient[m] = tree(blocks, 0, blocks.length);
        }
        return gradient;
    }

    /** The sum of blocks {@code from} to {@code to}: the first part is the largest power of two that leaves a second. */
    static float tree(float[] blocks, int from, int to) {
        int count = to - from;
        if (count <= 1) {
            return count == 0 ? 0f : blocks[from];
        }
        int middle = from + Integer.highestOneBit(count - 1);
        return tree(blocks, from, middle) + tree(blocks, middle, to);
    }

    private float[] gradInput() {
        float[] gradient = new float[steps * batch * inputs];
        for (int t = 0; t < steps; t++) {
            for (int b = 0; b < batch; b++) {
                for (int k = 0; k < inputs; k++) {
                    float sum = 0;
                    for (int m = 0; m < outputs; m++) {
                        sum = Math.fma(gradient(t, b, m), weights[k * outputs + m], sum);
                    }
                    gradient[(t * batch + b) * inputs + k] = sum;
                }
            }
        }
        return gradient;
    }

    @Override
    public String toString() {
        return type + "(" + steps + ", " + batch + ", " + inputs + ") -> " + outputs + (bias == null ? "" : ", bias")
                + (sharedGradient ? ", shared gradient" : "");
    }
}
