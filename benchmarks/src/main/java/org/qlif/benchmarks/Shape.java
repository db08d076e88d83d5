// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.Arrays;

/**
 * The shape of a run, written {@code TxBxN}, such as {@code 20x128x512}.
 *
 * @param steps T
 * @param batch B
 * @param neurons N
 */
record Shape(int steps, int batch, int neurons) {
    Shape {
        if (steps < 1 || batch < 1 || neurons < 1) {
            throw new IllegalArgumentException("shape: got " + steps + "x" + batch + "x" + neurons
                    + ", expected TxBxN of positive whole numbers, such as 20x128x512");
        }
        try {
            Math.multiplyExact(Math.multiplyExact(steps, batch), neurons);
        } catch (ArithmeticException tooMany) {
            throw new IllegalArgumentException("shape: got " + steps + "x" + batch + "x" + neurons
                    + ", expected at most " + Integer.MAX_VALUE + " neuron-steps");
        }
    }

    static Shape parse(String text) {
        try {
            int[] extents = Arrays.stream(text.split("x", -1))
                    .mapToInt(Integer::parseInt)
                    .toArray();
            if (extents.length == 3) {
                return new Shape(extents[0], extents[1], extents[2]);
            }
        } catch (NumberFormatException notNumbers) {
            // Reported below, with what was expected.
        }
        throw new IllegalArgumentException(
                "shape: got '" + text + "', expected TxBxN of positive whole numbers, such as 20x128x512");
    }

    /** Elements of a step: B * N. */
    int elements() {
        return batch * neurons;
    }

    /** Neuron-steps of a run: T * B * N. */
    int neuronSteps() {
        return steps * elements();
    }

    /** As in a text: {@code (T, B, N)}. */
    String inBrackets() {
        return "(" + steps + ", " + batch + ", " + neurons + ")";
    }

    @Override
    public String toString() {
        return steps + "x" + batch + "x" + neurons;
    }
}
