// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

/** Functions in float64 of the derived constants, with the same bits on every machine and in every language. */
public final class DoubleMath {
    private DoubleMath() {}

    /**
     * e^x for x at most 0, within 1 ulp: the operations of {@code expOfNegative} in the native library. The bits of {@link Math#exp} differ
     * between machines.
     */
    public static double expOfNegative(double x) {
        // Below this, the result is less than half the smallest denormal.
        if (x < -746.0) {
            return 0.0;
        }
        // Rounds to the nearest integer by adding a number whose last bit is worth 1.
        double k = x * 0x1.71547652b82fep+0 + 0x1.8p+52 - 0x1.8p+52;
        // The first part of ln 2 has 32 bits, so that k times it is exact, and so is the difference.
        double r = Math.fma(-k, 0x1.62e42feep-1, x);
        r = Math.fma(-k, 0x1.a39ef35793c76p-33, r);
        // 1/13! to 1/2!
        double q = 0x1.6124613a86d09p-33;
        q = Math.fma(q, r, 0x1.1eed8eff8d898p-29);
        q = Math.fma(q, r, 0x1.ae64567f544e4p-26);
        q = Math.fma(q, r, 0x1.27e4fb7789f5cp-22);
        q = Math.fma(q, r, 0x1.71de3a556c734p-19);
        q = Math.fma(q, r, 0x1.a01a01a01a01ap-16);
        q = Math.fma(q, r, 0x1.a01a01a01a01ap-13);
        q = Math.fma(q, r, 0x1.6c16c16c16c17p-10);
        q = Math.fma(q, r, 0x1.1111111111111p-7);
        q = Math.fma(q, r, 0x1.5555555555555p-5);
        q = Math.fma(q, r, 0x1.5555555555555p-3);
        q = Math.fma(q, r, 0.5);
        double y = Math.fma(r * r, q, r) + 1.0;
        // In two steps, since 2^k itself may be too small for a double.
        int whole = (int) k;
        return y * powerOfTwo(whole / 2) * powerOfTwo(whole - whole / 2);
    }

    /** 2^k for k in [-1022, 1023]. */
    private static double powerOfTwo(int k) {
        return Double.longBitsToDouble((k + 1023L) << 52);
    }
}
