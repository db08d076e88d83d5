// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

/**
 * Adam (Kingma, Ba 2015), with bias correction. A step t = 1, 2, … does, for each value w with gradient g, in float32:
 *
 * <ul>
 *   <li>m = β₁ m + (1 - β₁) g
 *   <li>v = β₂ v + (1 - β₂) g²
 *   <li>w = w - rate / (1 - β₁ᵗ) · m / (√v · (1 / √(1 - β₂ᵗ)) + ε)
 * </ul>
 *
 * <p>The factors that do not depend on w are computed in float64 and rounded once; nothing is fused. Each {@link Trainer} needs its own
 * object, which holds the moments of its network. Not thread-safe.
 *
 * <pre>{@code
 * Trainer trainer = Trainer.builder(network).adam(new Adam(1e-3)).build();
 * }</pre>
 */
public final class Adam {
    /** The usual β₁. */
    public static final double BETA1 = 0.9;

    /** The usual β₂. */
    public static final double BETA2 = 0.999;

    /** The usual ε. */
    public static final double EPSILON = 1e-8;

    private double rate;
    private final double beta1;
    private final double beta2;
    private final double epsilon;
    private float[] first = {};
    private float[] second = {};
    private long steps;

    private float decay1;
    private float gain1;
    private float decay2;
    private float gain2;
    private float stepSize;
    private float rootScale;

    /**
     * Adam with the usual β₁, β₂ and ε.
     *
     * @param rate the learning rate, finite and > 0 in float32
     * @throws IllegalArgumentException if it is not
     */
    public Adam(double rate) {
        this(rate, BETA1, BETA2, EPSILON);
    }

    /**
     * Adam.
     *
     * @param rate the learning rate, finite and > 0 in float32
     * @param beta1 the decay of the mean of gradients per step, 0 to below 1
     * @param beta2 the decay of the mean of their squares, 0 to below 1
     * @param epsilon what keeps the division from 0; finite and > 0 in float32
     * @throws IllegalArgumentException if one of them is out of its range
     */
    public Adam(double rate, double beta1, double beta2, double epsilon) {
        this.rate = positive("rate", rate);
        this.beta1 = share("beta1", beta1);
        this.beta2 = share("beta2", beta2);
        this.epsilon = positive("epsilon", epsilon);
    }

    private static double positive(String name, double value) {
        if (!((float) value > 0 && Float.isFinite((float) value))) {
            throw new IllegalArgumentException(name + ": got " + value + ", expected a finite number > 0 in float32");
        }
        return value;
    }

    private static double share(String name, double value) {
        if (!((float) value >= 0 && (float) value < 1)) {
            throw new IllegalArgumentException(name + ": got " + value + ", expected 0 to below 1");
        }
        return value;
    }

    /** The learning rate. */
    public double rate() {
        return rate;
    }

    /**
     * Sets the learning rate of the following steps.
     *
     * @param rate finite and > 0 in float32
     * @throws IllegalArgumentException if it is not
     */
    public void setRate(double rate) {
        this.rate = positive("rate", rate);
    }

    double beta1() {
        return beta1;
    }

    double beta2() {
        return beta2;
    }

    double epsilon() {
        return epsilon;
    }

    /** The number of steps so far. */
    public long steps() {
        return steps;
    }

    /** A copy of the moments m, one for each learned value of the network in order; empty before the first step. */
    public float[] firstMoments() {
        return first.clone();
    }

    /** A copy of the moments v, one for each learned value of the network in order; empty before the first step. */
    public float[] secondMoments() {
        return second.clone();
    }

    /**
     * Continues where another one stopped.
     *
     * @param steps the number of its steps, at least 0
     * @param first its {@link #firstMoments}
     * @param second its {@link #secondMoments}
     * @throws IllegalArgumentException if {@code steps} is negative or the moments differ in number
     */
    public void resume(long steps, float[] first, float[] second) {
        Checks.atLeast("steps", steps, 0);
        if (first.length != second.length) {
            throw new IllegalArgumentException("second: got " + second.length + " moments, expected " + first.length
                    + ", as many as there are first ones");
        }
        this.steps = steps;
        this.first = first.clone();
        this.second = second.clone();
    }

    /** Throws unless there are moments of {@code size} values, or none yet. */
    void requireSize(int size) {
        if (first.length != 0 && first.length != size) {
            throw new IllegalArgumentException("adam: got moments of " + first.length + " values, expected " + size
                    + ", those that the network learns");
        }
    }

    /** Begins a step over {@code size} values, in parts that {@link #update} does. */
    void begin(int size) {
        requireSize(size);
        if (first.length != size) {
            first = new float[size];
            second = new float[size];
        }
        steps++;
        decay1 = (float) beta1;
        gain1 = (float) (1 - beta1);
        decay2 = (float) beta2;
        gain2 = (float) (1 - beta2);
        stepSize = (float) (rate / (1 - StrictMath.pow(beta1, steps)));
        rootScale = (float) (1 / Math.sqrt(1 - StrictMath.pow(beta2, steps)));
    }

    /**
     * Does values {@code from} to {@code to}, exclusive, whose gradients are first multiplied by {@code scale}. Several threads may do
     * parts at the same time.
     */
    void update(float[] values, float[] gradients, float scale, int from, int to) {
        float[] m = first;
        float[] v = second;
        float keep1 = decay1;
        float take1 = gain1;
        float keep2 = decay2;
        float take2 = gain2;
        float size = stepSize;
        float root = rootScale;
        float least = (float) epsilon;
        for (int i = from; i < to; i++) {
            float gradient = gradients[i] * scale;
            float mean = keep1 * m[i] + take1 * gradient;
            float square = keep2 * v[i] + take2 * (gradient * gradient);
            m[i] = mean;
            v[i] = square;
            values[i] -= size * mean / ((float) Math.sqrt(square) * root + least);
        }
    }

    /** The settings and the number of steps. */
    @Override
    public String toString() {
        return "Adam[rate=" + rate + ", beta1=" + beta1 + ", beta2=" + beta2 + ", epsilon=" + epsilon + ", steps="
                + steps + "]";
    }
}
