// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** The input of a linear layer's contenders: the same numbers for the same arguments. */
final class LinearWorkload {
    private static final long SEED = 20261127;

    /** The number of elements of a result that are checked. */
    private static final int LOOKS = 500;

    private final LinearShape shape;
    /** 0 or 1, {@code (T, B, K)}. */
    private final float[] input;

    private final float[] weights;
    private final float[] bias;
    private final float[] gradOutput;

    /**
     * @param share the percentage of set inputs
     */
    LinearWorkload(LinearShape shape, int share) {
        this.shape = shape;
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
        input = new float[shape.rows() * shape.inputs()];
        for (int i = 0; i < input.length; i++) {
            input[i] = random.nextInt(100) < share ? 1f : 0f;
        }
        weights = normals(random, shape.inputs() * shape.outputs(), 0.05);
        bias = normals(random, shape.outputs(), 0.05);
        gradOutput = normals(random, shape.rows() * shape.outputs(), 0.01);
    }

    private static float[] normals(RandomGenerator random, int count, double deviation) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (deviation * random.nextGaussian());
        }
        return values;
    }

    LinearShape shape() {
        return shape;
    }

    float[] input() {
        return input;
    }

    /** The input as a BIT tensor's words. */
    long[] bits() {
        int stepBits = shape.batch() * shape.inputs();
        int stepWords = (stepBits + 63) / 64;
        long[] words = new long[shape.steps() * stepWords];
        for (int t = 0; t < shape.steps(); t++) {
            for (int i = 0; i < stepBits; i++) {
                if (input[t * stepBits + i] != 0) {
                    words[t * stepWords + i / 64] |= 1L << i % 64;
                }
            }
        }
        return words;
    }

    float[] weights() {
        return weights;
    }

    float[] bias() {
        return bias;
    }

    float[] gradOutput() {
        return gradOutput;
    }

    /**
     * Throws unless the checked elements of {@code result} are right: within the error that a float32 sum of these terms can have in any
     * order, which is their number times 2^-24 times the sum of their magnitudes.
     */
    void require(String who, LinearWork work, float[] result) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(SEED + 1);
        int columns = shape.outputs();
        for (int look = 0; look < LOOKS; look++) {
            int index = random.nextInt(result.length);
            double sum = work == LinearWork.FORWARD ? bias[index % columns] : 0;
            double magnitude = Math.abs(sum);
            int terms = work == LinearWork.FORWARD ? shape.inputs() : shape.rows();
            for (int i = 0; i < terms; i++) {
                double term = work == LinearWork.FORWARD
                        ? input[index / columns * terms + i] * weights[i * columns + index % columns]
                        : input[i * shape.inputs() + index / columns] * gradOutput[i * columns + index % columns];
                sum += term;
                magnitude += Math.abs(term);
            }
            double bound = (terms + 1) * 0x1p-24 * magnitude;
            if (!(Math.abs(result[index] - sum) <= bound)) {
                throw new IllegalStateException(who + " does not compute the layer: " + work + "[" + index + "]: got "
                        + result[index] + ", expected " + sum + " within " + bound);
            }
        }
    }
}
