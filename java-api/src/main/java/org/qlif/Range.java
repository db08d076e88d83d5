package org.qlif;

/**
 * Checks of scalar options: each returns its value or throws an exception with name, value and range. Finite and positive are meant
 * in float32, in which the kernels compute.
 */
final class Range {
    private Range() {}

    static double finite(String name, double value) {
        return check(name, value, Float.isFinite((float) value), "a finite number");
    }

    static double positive(String name, double value) {
        return check(name, value, (float) value > 0 && Float.isFinite((float) value), "a finite number > 0");
    }

    /** @param share dt over the time constant, as the kernels compute it */
    static double timeConstant(String name, double value, float share) {
        return check(
                name,
                value,
                (float) value > 0 && Float.isFinite((float) value) && Float.isFinite(share),
                "a finite number > 0 for which dt / " + name + " is finite in float32");
    }

    static double nonNegative(String name, double value) {
        return check(name, value, value >= 0 && Float.isFinite((float) value), "a finite number >= 0");
    }

    static int within(String name, int value, int low, int high) {
        if (value < low || value > high) {
            throw new IllegalArgumentException(
                    name + ": got " + value + ", expected a whole number in [" + low + ", " + high + "]");
        }
        return value;
    }

    static double within(
            String name, double value, double low, boolean lowIncluded, double high, boolean highIncluded) {
        boolean ok = (lowIncluded ? value >= low : value > low) && (highIncluded ? value <= high : value < high);
        return check(
                name,
                value,
                ok,
                "a number in " + (lowIncluded ? "[" : "(") + low + ", " + high + (highIncluded ? "]" : ")"));
    }

    static void ordered(String lowName, double low, String highName, double high, boolean equalAllowed) {
        if (equalAllowed ? low > high : low >= high) {
            throw new IllegalArgumentException(lowName + ", " + highName + ": got " + low + ", " + high + ", expected "
                    + lowName + (equalAllowed ? " <= " : " < ") + highName);
        }
    }

    private static double check(String name, double value, boolean ok, String expected) {
        if (!ok) {
            throw new IllegalArgumentException(name + ": got " + value + ", expected " + expected);
        }
        return value;
    }
}
