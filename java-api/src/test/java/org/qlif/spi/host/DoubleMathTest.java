// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class DoubleMathTest {
    private static final MathContext DIGITS = new MathContext(60);

    /** e^x by halving x until its series is short, and squaring. */
    private static BigDecimal exp(double x) {
        BigDecimal small = new BigDecimal(x).divide(BigDecimal.valueOf(1L << 14), DIGITS);
        BigDecimal term = BigDecimal.ONE;
        BigDecimal sum = BigDecimal.ONE;
        for (int n = 1; n < 30; n++) {
            term = term.multiply(small, DIGITS).divide(BigDecimal.valueOf(n), DIGITS);
            sum = sum.add(term, DIGITS);
        }
        for (int i = 0; i < 14; i++) {
            sum = sum.multiply(sum, DIGITS);
        }
        return sum;
    }

    /** How far {@code value} is from e^x, in units of its last place. */
    private static double error(double x, double value) {
        return new BigDecimal(value)
                .subtract(exp(x))
                .abs()
                .divide(new BigDecimal(Math.ulp(value)), DIGITS)
                .doubleValue();
    }

    @Test
    void isWithinOneUlp() {
        SplittableRandom random = new SplittableRandom(1);
        double greatest = 0;
        for (int i = 0; i < 20_000; i++) {
            double x = switch (i % 4) {
                case 0 -> -random.nextDouble();
                case 1 -> -random.nextDouble(0, 110);
                case 2 -> -random.nextDouble(0, 745);
                default -> -Math.scalb(1 + random.nextDouble(), random.nextInt(-60, 3));
            };
            greatest = Math.max(greatest, error(x, DoubleMath.expOfNegative(x)));
        }
        // Where k changes, the remainder is largest.
        for (int k = 0; k < 1000; k++) {
            double x = -(k + 0.5) * Math.log(2);
            for (double near : new double[] {Math.nextDown(x), x, Math.nextUp(x)}) {
                greatest = Math.max(greatest, error(near, DoubleMath.expOfNegative(near)));
            }
        }
        System.out.printf("greatest error of expOfNegative: %.3f ulp%n", greatest);
        assertThat(greatest).isLessThan(1);
    }

    @Test
    void roundsToTheFloatsOfMathExp() {
        SplittableRandom random = new SplittableRandom(2);
        for (int i = 0; i < 3_000_000; i++) {
            double x = i % 2 == 0 ? -random.nextDouble(0, 2) : -random.nextDouble(0, 110);
            float value = (float) DoubleMath.expOfNegative(x);
            if (value != (float) Math.exp(x)) {
                throw new AssertionError("e^" + x + ": got " + value + ", expected " + (float) Math.exp(x));
            }
        }
    }

    @Test
    void endsAreExact() {
        assertThat(DoubleMath.expOfNegative(0)).isEqualTo(1);
        assertThat(DoubleMath.expOfNegative(-0.0)).isEqualTo(1);
        assertThat(DoubleMath.expOfNegative(-Double.MIN_VALUE)).isEqualTo(1);
        assertThat(DoubleMath.expOfNegative(-745.2)).isZero();
        assertThat(DoubleMath.expOfNegative(-746)).isZero();
        assertThat(DoubleMath.expOfNegative(-Double.MAX_VALUE)).isZero();
        assertThat(DoubleMath.expOfNegative(-745)).isEqualTo(Double.MIN_VALUE);
    }
}
