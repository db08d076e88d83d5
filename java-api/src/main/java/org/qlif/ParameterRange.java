package org.qlif;

/**
 * The values that a parameter of a model can have: all finite numbers, or those from a least to a most that are above 0.
 *
 * @param least the least value
 * @param most the most value
 * @param expected the range in words, for messages
 */
public record ParameterRange(float least, float most, String expected) {
    /** Every finite number. */
    public static final ParameterRange FINITE =
            new ParameterRange(-Float.MAX_VALUE, Float.MAX_VALUE, "a finite number");

    /**
     * Checks that this is one of the two kinds of range.
     *
     * @throws IllegalArgumentException if it is neither
     */
    public ParameterRange {
        boolean finite = least == -Float.MAX_VALUE && most == Float.MAX_VALUE;
        if (!finite && !(least > 0 && least <= most && most < Float.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "least, most: got " + least + ", " + most + ", expected all finite numbers or 0 < least <= most");
        }
    }

    /** Whether {@code value} is in the range. */
    public boolean contains(float value) {
        return value >= least && value <= most;
    }

    /** Whether all finite numbers are. */
    boolean isFinite() {
        return least < 0;
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

    /** Positive numbers that are at most 1 when multiplied by dt: with more a step overshoots. */
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
