// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import java.util.Objects;
import org.qlif.DrawStream;

/**
 * A signal given value by value. NaN and infinities are allowed, as in any input of a kernel: they stay in their neuron.
 *
 * <pre>{@code
 * Samples pulse = Samples.of(new float[] {0, 0, 3, 0, 0}, 5, 1); // the same for every neuron
 * Traces traces = Simulation.of(QlifConfig.defaults()).neurons(4).current(pulse).run();
 * }</pre>
 */
public final class Samples implements Signal {
    private final float[] values;
    private final int steps;
    private final int neurons;

    private Samples(float[] values, int steps, int neurons) {
        this.values = values;
        this.steps = steps;
        this.neurons = neurons;
    }

    /**
     * A signal of these values, which are copied.
     *
     * @param values {@code (T, N)}, row by row
     * @param steps T, at least 1
     * @param neurons N, at least 1; with 1, all neurons of a simulation see the same values
     * @throws IllegalArgumentException if an extent is less than 1, the array has another length, or there are more than
     *     {@value Simulation#MOST_NEURON_STEPS} values
     */
    public static Samples of(float[] values, int steps, int neurons) {
        Objects.requireNonNull(values, "values");
        Limits.requireExtents(steps, neurons);
        if (values.length != steps * neurons) {
            throw new IllegalArgumentException("values: got " + values.length + " numbers, expected " + steps * neurons
                    + " of shape (T, N) = (" + steps + ", " + neurons + ")");
        }
        return new Samples(values.clone(), steps, neurons);
    }

    /** T. */
    public int steps() {
        return steps;
    }

    /** N, or 1 if all neurons see the same values. */
    public int neurons() {
        return neurons;
    }

    /** The number of values that are NaN or infinite. */
    public int notFinite() {
        int count = 0;
        for (float value : values) {
            count += Float.isFinite(value) ? 0 : 1;
        }
        return count;
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if {@code steps} is not T, or {@code neurons} is not N where N is not 1
     */
    @Override
    public float[] values(int steps, int neurons, DrawStream draws) {
        Limits.requireExtents(steps, neurons);
        if (steps != this.steps) {
            throw new IllegalArgumentException(
                    "steps: got " + steps + ", expected " + this.steps + ", as many as the signal has");
        }
        if (this.neurons != 1 && neurons != this.neurons) {
            throw new IllegalArgumentException(
                    "neurons: got " + neurons + ", expected " + this.neurons + ", as many as the signal has");
        }
        if (neurons == this.neurons) {
            return values.clone();
        }
        float[] repeated = new float[steps * neurons];
        for (int i = 0; i < repeated.length; i++) {
            repeated[i] = values[i / neurons];
        }
        return repeated;
    }

    /** The shape. */
    @Override
    public String toString() {
        return "Samples[" + steps + " x " + neurons + "]";
    }
}
