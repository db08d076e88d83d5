// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.Arrays;

/**
 * The extents of a linear layer and its batch, written {@code TxBxKxM}, such as {@code 20x128x784x512}.
 *
 * @param steps T
 * @param batch B
 * @param inputs K
 * @param outputs M
 */
record LinearShape(int steps, int batch, int inputs, int outputs) {
    LinearShape {
        if (steps < 1 || batch < 1 || inputs < 1 || outputs < 1) {
            throw refused(steps + "x" + batch + "x" + inputs + "x" + outputs);
        }
        try {
            Math.multiplyExact(Math.multiplyExact(steps, batch), Math.max(inputs, outputs));
            Math.multiplyExact(inputs, outputs);
        } catch (ArithmeticException tooMany) {
            throw new IllegalArgumentException("layer: got " + steps + "x" + batch + "x" + inputs + "x" + outputs
                    + ", expected at most " + Integer.MAX_VALUE + " inputs, outputs and weights");
        }
    }

    static LinearShape parse(String text) {
        try {
            int[] extents = Arrays.stream(text.split("x", -1))
                    .mapToInt(Integer::parseInt)
                    .toArray();
            if (extents.length == 4) {
                return new LinearShape(extents[0], extents[1], extents[2], extents[3]);
            }
        } catch (NumberFormatException notNumbers) {
            // Reported below, with what was expected.
        }
        throw refused(text);
    }

    private static IllegalArgumentException refused(String text) {
        return new IllegalArgumentException(
                "layer: got '" + text + "', expected TxBxKxM of positive whole numbers, such as 20x128x784x512");
    }

    /** Rows of the input and the output: T * B. */
    int rows() {
        return steps * batch;
    }

    @Override
    public String toString() {
        return steps + "x" + batch + "x" + inputs + "x" + outputs;
    }
}
