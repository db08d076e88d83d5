// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * A range of values of a model's parameter: the legal ones ({@link NeuronConfig#parameterRange}) or the useful ones ({@link
 * NeuronConfig#usefulRange}).
 *
 * <pre>{@code
 * ParameterRange range = QlifConfig.defaults().usefulRange(QlifParameter.TAU);
 * float tau = range.nearest(0.001f); // dt, the least that is useful
 * }</pre>
 *
 * @param least the least value
 * @param most the most value
 * @param expected the range in words, for messages
 */
public record ParameterRange(float least, float most, String expected) {
    /** The largest useful time constant, in steps. */
    static final float SLOWEST = 1e6f;

    /** Every finite number. */
    public static final ParameterRange FINITE =
            new ParameterRange(-Float.MAX_VALUE, Float.MAX_VALUE, "a finite number");

    /**
     * Checks the bounds.
     *
     * @throws IllegalArgumentException unless they are finite and least &lt;= most
     */
    public ParameterRange {
        if (!(Float.isFinite(least) && Float.isFinite(most) && least <= most)) {
            throw new IllegalArgumentException(
                    "least, most: got " + least + ", " + most + ", expected finite numbers, least <= most");
        }
    }

    /** The numbers from {@code least} to {@code most}. */
    static ParameterRange between(float least, float most) {
        return new ParameterRange(least, most, "a number in [" + least + ", " + most + "]");
    }

    /** Whether {@code value} is in the range. */
    public boolean contains(float value) {
        return value >= least && value <= most;
    }

    /**
     * The value of the range that is nearest to {@code value}.
     *
     * @throws IllegalArgumentException if it is NaN
     */
    public float nearest(float value) {
        if (Float.isNaN(value)) {
            throw Range.refusal("value", value, "a number");
        }
        return Math.clamp(value, least, most);
    }

    /** Whether the range contains all finite numbers. */
    boolean isFinite() {
        return least == -Float.MAX_VALUE && most == Float.MAX_VALUE;
    }

    /** Positive numbers for which dt over them is finite. */
    static ParameterRange timeConstant(String name, float dt) {
        float least = Math.max(Float.MIN_VALUE, dt / Float.MAX_VALUE);
        while (!Float.isFinite(dt / least)) {
            least = Math.nextUp(least);
        }
        while (least > Float.MIN_VALUE && Float.isFinite(dt / Math.nextDown(least))) {
            least = Math.nextDown(least);
        }
        return new ParameterRange(
                least,
                Float.MAX_VALUE,
                "a finite number > 0 for which dt / " + name + " is finite in float32 (dt is " + dt + ")");
    }

    /** Positive numbers whose product with dt is at most 1: with larger ones a step overshoots. */
    static ParameterRange rate(String name, float dt) {
        float most = Math.min(Float.MAX_VALUE, 1 / dt);
        while (dt * most > 1) {
            most = Math.nextDown(most);
        }
        while (most < Float.MAX_VALUE && dt * Math.nextUp(most) <= 1) {
            most = Math.nextUp(most);
        }
        return new ParameterRange(
                Float.MIN_VALUE,
                most,
                "a number > 0 for which dt * " + name + " is at most 1 in float32 (dt is " + dt + ")");
    }
}
