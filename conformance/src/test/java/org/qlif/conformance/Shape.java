package org.qlif.conformance;

import java.util.Arrays;

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

    /** Steps [t0, t1) and rows [b0, b1) of a {@code (T, B, N)} array. */
    float[] slice(float[] values, int t0, int t1, int b0, int b1) {
        float[] part = new float[(t1 - t0) * (b1 - b0) * neurons];
        int row = (b1 - b0) * neurons;
        for (int t = t0; t < t1; t++) {
            System.arraycopy(values, t * elements() + b0 * neurons, part, (t - t0) * row, row);
        }
        return part;
    }

    /** Steps [t0, t1) and rows [b0, b1) of an array of shape {@code modulation} that broadcasts to this one. */
    Modulation slice(Modulation modulation, int t0, int t1, int b0, int b1) {
        long[] full = {1, 1, 1};
        int missing = 3 - modulation.shape().length;
        System.arraycopy(modulation.shape(), 0, full, missing, modulation.shape().length);
        Shape own = new Shape((int) full[0], (int) full[1], (int) full[2]);
        // An extent of 1 broadcasts to any part; a full one is cut like the rest.
        boolean time = steps > 1 && own.steps == steps;
        boolean rows = batch > 1 && own.batch == batch;
        int fromStep = time ? t0 : 0;
        int toStep = time ? t1 : own.steps;
        int fromRow = rows ? b0 : 0;
        int toRow = rows ? b1 : own.batch;
        float[] values = own.slice(modulation.values(), fromStep, toStep, fromRow, toRow);
        long[] cut = {toStep - fromStep, toRow - fromRow, own.neurons};
        return new Modulation(values, Arrays.copyOfRange(cut, missing, 3));
    }

    /** An external modulation and its own shape. */
    record Modulation(float[] values, long[] shape) {}
}
