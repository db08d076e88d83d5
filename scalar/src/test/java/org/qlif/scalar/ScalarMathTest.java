// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;

/**
 * The error bounds that {@link ScalarMath} and {@code docs/numerics.md} state, against StrictMath in float64. The draws' functions
 * are checked for every argument they can get; the others for every 97th float of the domain (set {@code -Dqlif.test.stride=1} for
 * all of them).
 */
final class ScalarMathTest {
    private static final int STRIDE = Integer.getInteger("qlif.test.stride", 97);

    private interface Function {
        float apply(float x);
    }

    private static final class Errors {
        private double worstAbsolute;
        private double worstUlps;
        private float least = Float.POSITIVE_INFINITY;
        private float greatest = Float.NEGATIVE_INFINITY;

        void add(float actual, double expected) {
            double error = Math.abs(actual - expected);
            assertThat(error).isNotNaN();
            worstAbsolute = Math.max(worstAbsolute, error);
            worstUlps = Math.max(worstUlps, error / Math.ulp((float) expected));
            least = Math.min(least, actual);
            greatest = Math.max(greatest, actual);
        }
    }

    /** Over the floats from {@code low} to {@code high} of one sign, {@code 0 <= low}, and their negatives if asked. */
    private static Errors over(
            float low, float high, boolean negatives, Function actual, DoubleUnaryOperator expected) {
        Errors errors = new Errors();
        int end = Float.floatToRawIntBits(high);
        for (int bits = Float.floatToRawIntBits(low); bits <= end; bits += STRIDE) {
            float x = Float.intBitsToFloat(bits);
            errors.add(actual.apply(x), expected.applyAsDouble(x));
            if (negatives) {
                errors.add(actual.apply(-x), expected.applyAsDouble(-x));
            }
        }
        return errors;
    }

    /** Over every k / 2^24 with k from {@code first} to {@code last}. */
    private static Errors overGrid(int first, int last, Function actual, DoubleUnaryOperator expected) {
        Errors errors = new Errors();
        for (int k = first; k <= last; k++) {
            float u = k * 0x1p-24f;
            errors.add(actual.apply(u), expected.applyAsDouble(u));
        }
        return errors;
    }

    @Test
    void exp() {
        assertThat(over(0f, 87f, true, ScalarMath::exp, StrictMath::exp).worstUlps)
                .isLessThan(0.92);
        assertThat(ScalarMath.exp(0f)).isEqualTo(1f);
        assertThat(ScalarMath.exp(Float.NEGATIVE_INFINITY)).isGreaterThanOrEqualTo(Float.MIN_NORMAL);
        assertThat(ScalarMath.exp(Float.POSITIVE_INFINITY)).isFinite();
        assertThat(ScalarMath.exp(Float.NaN)).isNaN();
    }

    @Test
    void decay() {
        DoubleUnaryOperator exact = x -> StrictMath.exp(-x);
        Errors small = over(0f, 8f, false, ScalarMath::decay, exact);
        Errors all = over(0f, 87f, true, ScalarMath::decay, exact);
        assertThat(small.worstUlps).isLessThan(3.2);
        assertThat(all.worstUlps).isLessThan(20);
        assertThat(all.least).isGreaterThanOrEqualTo(Float.MIN_NORMAL);
        assertThat(ScalarMath.decay(0f)).isEqualTo(1f);
        assertThat(ScalarMath.decay(Float.MAX_VALUE)).isGreaterThanOrEqualTo(Float.MIN_NORMAL);
        assertThat(ScalarMath.decay(Float.NaN)).isNaN();
    }

    @Test
    void minusTwoLog() {
        Errors errors = overGrid(1, 1 << 24, ScalarMath::minusTwoLog, u -> -2 * StrictMath.log(u));
        assertThat(errors.worstUlps).isLessThan(1.05);
        assertThat(errors.least).isZero();
    }

    @Test
    void sineAndCosineOfATurn() {
        Errors cos = overGrid(0, (1 << 24) - 1, ScalarMath::cos2pi, u -> StrictMath.cos(2 * Math.PI * u));
        Errors sin = overGrid(0, (1 << 24) - 1, ScalarMath::sin2pi, u -> StrictMath.sin(2 * Math.PI * u));
        assertThat(cos.worstAbsolute).isLessThan(1.34e-7);
        assertThat(sin.worstAbsolute).isLessThan(1.39e-7);
        assertThat(cos.least).isGreaterThanOrEqualTo(-1f);
        assertThat(cos.greatest).isLessThanOrEqualTo(1f);
        assertThat(sin.least).isGreaterThanOrEqualTo(-1f);
        assertThat(sin.greatest).isLessThanOrEqualTo(1f);
    }

    @Test
    void versin() {
        DoubleUnaryOperator exact = x -> (1 - StrictMath.cos(x)) / 2;
        assertThat(over(0f, (float) Math.PI, true, ScalarMath::versin, exact).worstAbsolute)
                .isLessThan(1.33e-7);
        assertThat(over(0f, 1000f, true, ScalarMath::versin, exact).worstAbsolute)
                .isLessThan(1.5e-7);
        assertThat(over(0f, 1e6f, true, ScalarMath::versin, exact).worstAbsolute)
                .isLessThan(1.61e-7);
        Errors range = over(0f, Float.MAX_VALUE, true, ScalarMath::versin, x -> 0);
        assertThat(range.least).isGreaterThanOrEqualTo(0f);
        assertThat(range.greatest).isLessThanOrEqualTo(1f);
        assertThat(ScalarMath.versin(Float.NaN)).isNaN();
    }

    @Test
    void halfSin() {
        DoubleUnaryOperator exact = x -> StrictMath.sin(x) / 2;
        assertThat(over(0f, 1000f, true, ScalarMath::halfSin, exact).worstAbsolute)
                .isLessThan(1.58e-7);
        assertThat(over(0f, 1e6f, true, ScalarMath::halfSin, exact).worstAbsolute)
                .isLessThan(2.81e-7);
        Errors range = over(0f, Float.MAX_VALUE, true, ScalarMath::halfSin, x -> 0);
        assertThat(range.worstAbsolute).isLessThanOrEqualTo(0.50000006);
        assertThat(ScalarMath.halfSin(Float.NaN)).isNaN();
    }

    @Test
    void tanh() {
        Errors errors = over(0f, Float.MAX_VALUE, true, ScalarMath::tanh, StrictMath::tanh);
        assertThat(errors.worstAbsolute).isLessThan(1.08e-7);
        assertThat(errors.least).isEqualTo(-1f);
        assertThat(errors.greatest).isEqualTo(1f);
        assertThat(over(Float.MIN_NORMAL, 0.625f, true, ScalarMath::tanh, StrictMath::tanh).worstUlps)
                .isLessThan(8.8);
        assertThat(ScalarMath.tanh(Float.NaN)).isNaN();
    }

    @Test
    void sigmoid() {
        DoubleUnaryOperator exact = x -> 1 / (1 + StrictMath.exp(-x));
        Errors errors = over(0f, 80f, true, ScalarMath::sigmoid, exact);
        assertThat(errors.worstUlps).isLessThan(2.49);
        assertThat(errors.least).isPositive();
        assertThat(errors.greatest).isEqualTo(1f);
        assertThat(ScalarMath.sigmoid(0f)).isEqualTo(0.5f);
        assertThat(ScalarMath.sigmoid(Float.NaN)).isNaN();
    }
}
