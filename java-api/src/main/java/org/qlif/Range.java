// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/** The legal values of a number. "Finite" and "positive" refer to float32, in which the kernels compute. */
final class Range {
    static final Range FINITE = new Range(Kind.FINITE, 0, false, 0, false, "a finite number");

    static final Range POSITIVE = new Range(Kind.POSITIVE, 0, false, 0, false, "a finite number > 0");

    static final Range NON_NEGATIVE = new Range(Kind.NON_NEGATIVE, 0, false, 0, false, "a finite number >= 0");

    private enum Kind {
        FINITE,
        POSITIVE,
        NON_NEGATIVE,
        BOUNDED
    }

    private final Kind kind;
    private final double low;
    private final boolean lowIncluded;
    private final double high;
    private final boolean highIncluded;
    private final String expected;

    private Range(Kind kind, double low, boolean lowIncluded, double high, boolean highIncluded, String expected) {
        this.kind = kind;
        this.low = low;
        this.lowIncluded = lowIncluded;
        this.high = high;
        this.highIncluded = highIncluded;
        this.expected = expected;
    }

    static Range within(double low, boolean lowIncluded, double high, boolean highIncluded) {
        String expected = "a number in " + (lowIncluded ? "[" : "(") + low + ", " + high + (highIncluded ? "]" : ")");
        return new Range(Kind.BOUNDED, low, lowIncluded, high, highIncluded, expected);
    }

    static Range wholeWithin(int low, int high) {
        return new Range(Kind.BOUNDED, low, true, high, true, "a whole number in [" + low + ", " + high + "]");
    }

    /** The range in words, for messages. */
    String expected() {
        return expected;
    }

    private boolean contains(double value) {
        return switch (kind) {
            case FINITE -> Float.isFinite((float) value);
            case POSITIVE -> (float) value > 0 && Float.isFinite((float) value);
            case NON_NEGATIVE -> value >= 0 && Float.isFinite((float) value);
            case BOUNDED -> (lowIncluded ? value >= low : value > low) && (highIncluded ? value <= high : value < high);
        };
    }

    /** Throws unless {@code value} is in the range. */
    void require(String name, double value) {
        if (!contains(value)) {
            float single = (float) value;
            boolean changes = single == 0 ? value != 0 : Float.isInfinite(single) && Double.isFinite(value);
            boolean tells = kind != Kind.BOUNDED;
            throw refusal(name, value, expected + (changes && tells ? "; in float32 it is " + single : ""));
        }
    }

    /** Throws unless {@code value} is in the range; the message gives it as a whole number. */
    void require(String name, int value) {
        if (!contains(value)) {
            throw refusal(name, value, expected);
        }
    }

    /** @param share dt over the time constant, as the kernels compute it */
    static void timeConstant(String name, double value, float share) {
        if (!Float.isFinite(share)) {
            throw refusal(name, value, "a finite number > 0 for which dt / " + name + " is finite in float32");
        }
    }

    static void ordered(String lowName, double low, String highName, double high, boolean equalAllowed) {
        if (equalAllowed ? low > high : low >= high) {
            throw refusal(
                    lowName + ", " + highName, low + ", " + high, lowName + (equalAllowed ? " <= " : " < ") + highName);
        }
    }

    static IllegalArgumentException refusal(String name, Object got, String expected) {
        return new IllegalArgumentException(name + ": got " + got + ", expected " + expected);
    }
}
