// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import org.jspecify.annotations.Nullable;

/**
 * A loss: for each row of the data, a number to minimize as a function of the network's outputs, the logits, and whether they are right.
 * The loss of a batch is the mean over its rows. Implementations are called from several threads at the same time.
 *
 * <p>The losses made here compute in float64 with {@link StrictMath}, whose bits are the same everywhere, and round each element of a
 * gradient once.
 *
 * <pre>{@code
 * Loss digits = Loss.crossEntropy(new int[] {7, 2, 1}); // of rows 0, 1 and 2
 * float[] gradient = new float[10];
 * double loss = digits.of(1, new float[10], 0, 10, gradient, 1); // ln 10
 * }</pre>
 */
public interface Loss {
    /** The number of rows. */
    int rows();

    /**
     * Throws unless this is a loss of {@code outputs} outputs.
     *
     * @throws IllegalArgumentException if it is not
     */
    void requireOutputs(int outputs);

    /**
     * The loss of a row, and its gradient.
     *
     * @param row the row's number in the data
     * @param logits the outputs of some rows
     * @param at the index in {@code logits} of the row's first output
     * @param outputs how many outputs it has
     * @param gradient receives the gradient with respect to the outputs, times {@code weight}, at the same indices as the logits; null for
     *     none
     * @param weight what the gradient is multiplied by: 1 / B for a mean over B rows
     * @return the loss
     */
    double of(int row, float[] logits, int at, int outputs, float @Nullable [] gradient, double weight);

    /** Whether the outputs of a row, at {@code at} in {@code logits}, are right. */
    boolean isRight(int row, float[] logits, int at, int outputs);

    /**
     * Cross-entropy of classes: log(sum of exp z) - z of the row's class. The gradient is softmax - 1 at the class. A row is right if its
     * class has the greatest output; among equal ones the first counts.
     *
     * @param labels the class of each row of the data, from 0; copied
     * @throws IllegalArgumentException if one is negative
     */
    static Loss crossEntropy(int[] labels) {
        return new CrossEntropy(labels);
    }

    /**
     * Binary cross-entropy of each output, with logits: the mean over outputs of max(z, 0) - z y + log(1 + exp(-|z|)). The gradient is
     * (sigmoid(z) - y) / outputs. A row is right if its outputs are above 0 wherever the target is at least 1/2, and at most 0 elsewhere.
     *
     * @param targets y, from 0 to 1, {@code outputs} for each row of the data, row by row; copied
     * @param outputs how many outputs a row has, at least 1
     * @throws IllegalArgumentException if a target is not from 0 to 1, or their number is not a multiple of {@code outputs}
     */
    static Loss binaryCrossEntropy(float[] targets, int outputs) {
        return new BinaryCrossEntropy(targets, outputs);
    }

    /**
     * The same for intensities: y is an unsigned byte / 255, rounded to float32.
     *
     * @param intensities {@code outputs} for each row of the data, row by row; copied
     * @param outputs how many outputs a row has, at least 1
     * @throws IllegalArgumentException if their number is not a multiple of {@code outputs}
     */
    static Loss binaryCrossEntropy(byte[] intensities, int outputs) {
        return new BinaryCrossEntropy(intensities, outputs);
    }
}
