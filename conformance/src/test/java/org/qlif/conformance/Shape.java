// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.Arrays;
import java.util.stream.IntStream;

/** A {@code (T, B, N)} shape, and the slicing of arrays laid out by it. */
record Shape(int steps, int batch, int neurons) {
    int elements() {
        return batch * neurons;
    }

    int size() {
        return steps * elements();
    }

    long[] extents() {
        return new long[] {steps, batch, neurons};
    }

    /** Every row, in order. */
    int[] allRows() {
        return IntStream.range(0, batch).toArray();
    }

    /** The shape of a step's values, those of the state among them. */
    Shape oneStep() {
        return new Shape(1, batch, neurons);
    }

    /** Steps [t0, t1) and the given rows of a {@code (T, B, N)} array. */
    float[] slice(float[] values, int t0, int t1, int[] rows) {
        float[] part = new float[(t1 - t0) * rows.length * neurons];
        for (int t = t0; t < t1; t++) {
            for (int i = 0; i < rows.length; i++) {
                int from = t * elements() + rows[i] * neurons;
                System.arraycopy(values, from, part, ((t - t0) * rows.length + i) * neurons, neurons);
            }
        }
        return part;
    }

    /** Steps [t0, t1) and the given rows of an array of shape {@code modulation} that broadcasts to this one. */
    Modulation slice(Modulation modulation, int t0, int t1, int[] rows) {
        long[] full = {1, 1, 1};
        int missing = 3 - modulation.shape().length;
        System.arraycopy(modulation.shape(), 0, full, missing, modulation.shape().length);
        Shape own = new Shape((int) full[0], (int) full[1], (int) full[2]);
        // An extent of 1 broadcasts to any part; a full one is cut like the rest.
        boolean time = steps > 1 && own.steps == steps;
        int fromStep = time ? t0 : 0;
        int toStep = time ? t1 : own.steps;
        int[] ownRows = batch > 1 && own.batch == batch ? rows : own.allRows();
        float[] values = own.slice(modulation.values(), fromStep, toStep, ownRows);
        long[] cut = {toStep - fromStep, ownRows.length, own.neurons};
        return new Modulation(values, Arrays.copyOfRange(cut, missing, 3));
    }

    /** An external modulation and its own shape. */
    record Modulation(float[] values, long[] shape) {}
}
