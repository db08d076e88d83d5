// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.function.DoublePredicate;

/**
 * The legal values of a number. "Finite" and "positive" refer to float32, in which the kernels compute.
 *
 * @param contains whether a value is in the range
 * @param expected the range in words, for messages
 */
record Range(DoublePredicate contains, String expected) {
    static final Range FINITE = new Range(value -> Float.isFinite((float) value), "a finite number");

    static final Range POSITIVE =
            new Range(value -> (float) value > 0 && Float.isFinite((float) value), "a finite number > 0");

    static final Range NON_NEGATIVE =
            new Range(value -> value >= 0 && Float.isFinite((float) value), "a finite number >= 0");

    static Range within(double low, boolean lowIncluded, double high, boolean highIncluded) {
        return new Range(
                value -> (lowIncluded ? value >= low : value > low) && (highIncluded ? value <= high : value < high),
                "a number in " + (lowIncluded ? "[" : "(") + low + ", " + high + (highIncluded ? "]" : ")"));
    }

    static Range wholeWithin(int low, int high) {
        return new Range(value -> value >= low && value <= high, "a whole number in [" + low + ", " + high + "]");
    }

    /** Throws unless {@code value} is in the range. */
    void require(String name, double value) {
        if (!contains.test(value)) {
            float single = (float) value;
            boolean changes = single == 0 ? value != 0 : Float.isInfinite(single) && Double.isFinite(value);
            boolean tells = this == FINITE || this == POSITIVE || this == NON_NEGATIVE;
            throw refusal(name, value, expected + (changes && tells ? "; in float32 it is " + single : ""));
        }
    }

    /** Throws unless {@code value} is in the range; the message gives it as a whole number. */
    void require(String name, int value) {
        if (!contains.test(value)) {
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
