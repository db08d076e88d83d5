// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * The surrogate gradient of a spike: replaces its derivative with respect to the gap x between potential and threshold, which the decision
 * does not have; {@code a} is the configuration's {@code surrogateAlpha}.
 *
 * <pre>{@code
 * LifConfig sharp = LifConfig.builder().surrogate(Surrogate.ARCTAN).surrogateAlpha(5).build();
 * }</pre>
 */
public enum Surrogate {
    /** max(0, 1 - a|x|). */
    HEAVISIDE,
    /** 1 / (1 + a|x|)^2, also known as SuperSpike. */
    FAST_SIGMOID,
    /** exp(-x^2 / (2 a^2)). */
    GAUSSIAN,
    /** 1 / (1 + (a x)^2). */
    ARCTAN;

    /** The constant in the equation: a, or -1 / (2 a^2) for GAUSSIAN. */
    public double scale(double a) {
        return switch (this) {
            case HEAVISIDE, FAST_SIGMOID, ARCTAN -> a;
            case GAUSSIAN -> -1 / (2 * a * a);
        };
    }

    /** Throws unless {@code a} is positive and its scale finite in float32. */
    void requireScale(double a) {
        Range.POSITIVE.require("surrogate_alpha", a);
        if (this == GAUSSIAN) {
            Range.FINITE.require("surrogate_alpha, as -1 / (2 a^2)", scale(a));
        }
    }
}
