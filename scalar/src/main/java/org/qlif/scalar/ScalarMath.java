// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

/**
 * Single-precision elementary functions for the spiking-neuron kernel.
 *
 * <p>Every method is straight-line code made of correctly rounded float operations (fma, add,
 * subtract, multiply, divide), float compare-and-select, and 32-bit integer add, subtract, shift,
 * and, xor. There are no tables, branches, loops or doubles, so a lanewise port (Vector API) and a
 * C or CUDA port give the same bits, provided that the port uses a fused multiply-add exactly where
 * this class uses {@code Math.fma}, does not contract any other expression, rounds to nearest even,
 * and does not flush denormals.
 *
 * <p>Rounding to an integer is done by adding and subtracting 1.5 * 2^23 (12582912f), or
 * 1.5 * 2^23 + 127 where the low bits of the sum are then used as a biased exponent.
 *
 * <p>Selections are written {@code x > hi ? hi : x}, so a NaN passes through. Error bounds are
 * maxima measured over every float of the stated domain against StrictMath in double precision;
 * an ulp is the spacing of floats at the exact result. All coefficients were fitted for this file
 * (Remez, then a search over neighbouring float coefficients with the rounded arithmetic).
 */
final class ScalarMath {
    private ScalarMath() {}

    private static final float ROUND = 12582912f; // 1.5 * 2^23
    private static final float ROUND_BIASED = 12583039f; // 1.5 * 2^23 + 127
    private static final float LOG2E = 1.44269504f;
    private static final float LN2_HI = 0.693147182f; // nearest float to ln 2
    private static final float LN2_LO = -1.90465432e-9f; // ln 2 - LN2_HI
    private static final float TWO_PI_HI = 6.28318548f; // nearest float to 2 pi
    private static final float TWO_PI_LO = -1.74845553e-7f; // 2 pi - TWO_PI_HI
    private static final float INV_TWO_PI = 0.159154937f;
    private static final float Z_MAX = 12f; // bound for the squared reduced phase

    /**
     * e^x.
     *
     * <p>Formula: k = round(x log2 e), r = x - k ln 2 in two fma steps (the first is exact for
     * |x| >= 1/4), e^r by a degree 6 polynomial with the first two coefficients 1, then a multiply
     * by 2^k. The biased exponent k + 127 is the low part of the rounding sum.
     *
     * <p>Domain: the input is clamped to [-87.3365, 88.37], so results lie in
     * [1.1755e-38, 2.388e38]: never zero, denormal or infinite, for -inf and +inf as well.
     * exp(0) = 1. NaN gives NaN. Max error: 0.91 ulp on [-87, 88].
     *
     * <p>16 operations: 4 clamp, 4 reduction, 6 fma, 1 shift, 1 multiply.
     */
    static float exp(float x) {
        x = x > 88.37f ? 88.37f : x;
        x = x < -87.3365f ? -87.3365f : x;
        float t = Math.fma(x, LOG2E, ROUND_BIASED);
        float k = t - ROUND_BIASED;
        float r = Math.fma(k, -LN2_HI, x);
        r = Math.fma(k, -LN2_LO, r);
        float p = Math.fma(0.00138588739f, r, 0.00837413315f);
        p = Math.fma(p, r, 0.0416684113f);
        p = Math.fma(p, r, 0.166664585f);
        p = Math.fma(p, r, 0.499999881f);
        p = Math.fma(p, r, 1f);
        p = Math.fma(p, r, 1f);
        float scale = Float.intBitsToFloat(Float.floatToRawIntBits(t) << 23);
        return p * scale;
    }

    /**
     * e^-x, for the refractory trace.
     *
     * <p>Formula: with y = -x log2 e, k = round(y) and f = y - k in one fma, 2^f by a degree 5 polynomial whose first coefficient is
     * 1, then a multiply by 2^k. Cheaper than {@link #exp}, since a trace is small where its exponential matters: the error of the
     * constant log2 e grows with x.
     *
     * <p>Domain: x >= -87; above 87 the result stays at 1.19e-38, below -87 it is unspecified. decay(0) = 1. NaN gives NaN. Max
     * error: 3.2 ulp on [0, 8], 20 ulp on [-87, 87].
     *
     * <p>12 operations: 2 clamp, 3 reduction, 5 fma, 1 shift, 1 multiply.
     */
    static float decay(float x) {
        x = x > 87f ? 87f : x;
        float t = Math.fma(x, -LOG2E, ROUND_BIASED);
        float f = Math.fma(x, -LOG2E, ROUND_BIASED - t);
        float p = Math.fma(0.0013264727f, f, 0.009671513f);
        p = Math.fma(p, f, 0.055507336f);
        p = Math.fma(p, f, 0.24022242f);
        p = Math.fma(p, f, 0.693147f);
        p = Math.fma(p, f, 1f);
        float scale = Float.intBitsToFloat(Float.floatToRawIntBits(t) << 23);
        return p * scale;
    }

    /**
     * -2 ln(u), for u = k * 2^-24 with k in 1..2^24.
     *
     * <p>Formula: u = m * 2^e with m in [0.55, 1.1) by integer arithmetic on the bits, and with
     * g = 1 - m (exact): -2 ln u = g^2 Q(g) + (2 g - 2 e ln 2), where Q has degree 7. The exponent is
     * kept as e * 2^23, and the factor 2^-23 is part of the constant, which saves a shift.
     *
     * <p>Max error on the domain: 1.04 ulp (absolute 2.0e-6, among the large results). The result is
     * >= +0 on the domain, and u = 1 gives +0 exactly. Outside the domain: any normal u in (0, 1] is
     * handled as well, with at most 1.6 ulp; u = 0 gives the finite
     * value 176.06; negative, infinite and NaN inputs give an unspecified value and must not be
     * passed.
     *
     * <p>16 operations: 3 integer, 1 int-to-float, 3 subtract or multiply, 9 fma.
     */
    static float minusTwoLog(float u) {
        int b = Float.floatToRawIntBits(u);
        int e = (b - 0x3f0ccccd) & 0xff800000; // e * 2^23; 0x3f0ccccd is 0.55
        float g = 1f - Float.intBitsToFloat(b - e);
        float s = (float) e * -0x1.62e43p-23f; // -2 ln 2 * 2^-23
        float q = Math.fma(1.48943353f, g, -0.905427217f);
        q = Math.fma(q, g, 0.720139384f);
        q = Math.fma(q, g, 0.263734311f);
        q = Math.fma(q, g, 0.401683837f);
        q = Math.fma(q, g, 0.500678599f);
        q = Math.fma(q, g, 0.666615486f);
        q = Math.fma(q, g, 1.00000024f);
        return Math.fma(g * g, q, Math.fma(g, 2f, s));
    }

    /**
     * cos(2 pi u), for u = k * 2^-24 in [0, 1).
     *
     * <p>Formula: t = 1/2 - u and a = |t| - 1/4 in [-1/4, 1/4], both exact; then
     * cos(2 pi u) = sin(2 pi a) by an odd polynomial of degree 9. No sign handling is needed.
     *
     * <p>Max absolute error: 1.33e-7. |result| <= 1. Other inputs: finite values outside [0, 1] give
     * an unspecified value; NaN gives NaN.
     *
     * <p>10 operations alone (5 reduction, 4 fma, 1 multiply). The reduction t, sign, a, a*a is
     * shared with {@link #sin2pi}: 15 operations for the pair.
     */
    static float cos2pi(float u) {
        float t = 0.5f - u;
        int bits = Float.floatToRawIntBits(t);
        int sign = bits & 0x80000000;
        float a = Float.intBitsToFloat(bits ^ sign) - 0.25f;
        float z = a * a;
        float p = Math.fma(39.5490952f, z, -76.5499802f);
        p = Math.fma(p, z, 81.6005859f);
        p = Math.fma(p, z, -41.3416214f);
        p = Math.fma(p, z, 6.28318453f);
        return p * a;
    }

    /**
     * sin(2 pi u), for u = k * 2^-24 in [0, 1).
     *
     * <p>Formula: with t and a as in {@link #cos2pi}, sin(2 pi u) = sign(t) cos(2 pi a), by an even
     * polynomial of degree 8 with constant term 1; the sign bit is moved by xor.
     *
     * <p>Max absolute error: 1.38e-7. |result| <= 1; exactly 1 at u = 1/4 and -1 at u = 3/4. At
     * u = 0 and u = 1/2 the result is not 0 but within the absolute error of it. Other inputs as for
     * cos2pi.
     *
     * <p>10 operations alone (5 reduction, 4 fma, 1 xor); 15 for the pair with cos2pi.
     */
    static float sin2pi(float u) {
        float t = 0.5f - u;
        int bits = Float.floatToRawIntBits(t);
        int sign = bits & 0x80000000;
        float a = Float.intBitsToFloat(bits ^ sign) - 0.25f;
        float z = a * a;
        float p = Math.fma(56.3381615f, z, -85.2535934f);
        p = Math.fma(p, z, 64.9351959f);
        p = Math.fma(p, z, -19.7391815f);
        p = Math.fma(p, z, 1f);
        return Float.intBitsToFloat(Float.floatToRawIntBits(p) ^ sign);
    }

    /**
     * phi minus the nearest multiple of 2 pi; shared by {@link #versin} and {@link #halfSin}.
     *
     * <p>k = round(phi / 2 pi), then two fma steps with 2 pi as a sum of two floats. The first step is
     * exact while the rounding is (|phi| < 2.6e7), and the second has one rounding. The constant for
     * 1 / (2 pi) is off by 4e-8 relative, so |r| can exceed pi by about 4e-8 |phi|. 4 operations.
     */
    static float reducePhase(float phi) {
        float k = Math.fma(phi, INV_TWO_PI, ROUND) - ROUND;
        float r = Math.fma(k, -TWO_PI_HI, phi);
        return Math.fma(k, -TWO_PI_LO, r);
    }

    /**
     * p = (1 - cos(phi)) / 2.
     *
     * <p>Formula: r = reducePhase(phi), z = min(r^2, 12), v = 1 - cos(r / 2) = z V(z) with V of
     * degree 3, and p = 2 v - v^2 computed as fma(v, 1 - v, v). The last step damps the error of v by
     * the factor 2 (1 - v), which vanishes where p is largest. For v >= 1/2 the difference 1 - v is
     * exact, so the exact value before the last rounding is 2 v - v^2 <= 1; hence p <= 1 by
     * construction, and p >= 0 because 0 <= v < 2 for z <= 12.
     *
     * <p>Max error: 1.32e-7 absolute for |phi| <= pi, 1.5e-7 for |phi| <= 10^4, 1.6e-7 for
     * |phi| <= 10^6, 7.3e-7 for |phi| <= 4e6, 0.014 for |phi| <= 1e7. Relative error for |phi| <= 1 at
     * most 4.5 ulp, for |phi| <= 2^-10 at most 1.3 ulp, and exactly 0 at phi = 0. Near other multiples
     * of 2 pi the error is small absolutely but not relatively.
     * The argument is treated as exact. p is in [0, 1] for every finite phi (checked for all floats);
     * beyond |phi| = 2.6e7 the reduction loses its meaning and the value carries no information.
     * Infinite phi gives NaN, NaN gives NaN. versin(-phi) = versin(phi)
     * bit for bit up to |phi| = 8e6.
     *
     * <p>13 operations: 4 reduction, 1 square, 2 clamp, 3 fma, 1 multiply, 2 final.
     */
    static float versin(float phi) {
        float r = reducePhase(phi);
        float z = r * r;
        z = z > Z_MAX ? Z_MAX : z;
        float v = Math.fma(-9.26346644e-8f, z, 2.16798817e-5f);
        v = Math.fma(v, z, -0.00260413182f);
        v = Math.fma(v, z, 0.125f);
        v = v * z;
        return Math.fma(v, 1f - v, v);
    }

    /**
     * sin(phi) / 2, the derivative of {@link #versin}.
     *
     * <p>Formula: r and z as in versin; the factor f = 1 - z / pi^2, which carries the zero at
     * |r| = pi, and sin(r) / 2 = r f B(z) with B of degree 4. Where r^2 > 12 (only beyond
     * |phi| of about 8e6) r is replaced by 0, so the result is 0 for most huge phi.
     *
     * <p>Max error: 1.48e-7 absolute for |phi| <= pi, 1.57e-7 for |phi| <= 1000, 1.62e-7 for
     * |phi| <= 10^5, 2.8e-7 for |phi| <= 10^6, 1.6e-6 for |phi| <= 4e6; no accuracy beyond 8e6.
     * Relative error for |phi| <= 1 at most 9 ulp (5e-7).
     * |result| <= 0.50000006 (0.5 plus one ulp) for every finite phi. Infinite phi gives
     * NaN, NaN gives NaN. Odd bit for bit up to |phi| = 8e6, except that halfSin(-0) is +0.
     *
     * <p>15 operations alone: 4 reduction, 1 square, 3 guard, 5 fma, 2 multiply. The reduction, the
     * square, the comparison and the clamped z are shared with versin: 21 operations for the pair.
     */
    static float halfSin(float phi) {
        float r = reducePhase(phi);
        float z = r * r;
        r = z > Z_MAX ? 0f : r;
        z = z > Z_MAX ? Z_MAX : z;
        float f = Math.fma(z, -0.101321191f, 1f);
        float b = Math.fma(1.00270839e-7f, z, -1.23267391e-5f);
        b = Math.fma(b, z, 0.000855792954f);
        b = Math.fma(b, z, -0.0326721482f);
        b = Math.fma(b, z, 0.499999791f);
        return b * (r * f);
    }

    /**
     * tanh(x).
     *
     * <p>Formula: with a = min(|x|, 10), k = round(2 a log2 e) and r = a - k (ln 2) / 2 (one fma),
     * q = e^(2 r) - 1 by a degree 5 polynomial without constant term, m = e^(2 a) - 1 =
     * fma(2^k, q, 2^k - 1), and tanh = m / (m + 2) with the sign of x put back by xor. For small |x|,
     * k = 0 and m = q, so no relative accuracy is lost.
     *
     * <p>Max error: 1.07e-7 absolute; relative 4.9 ulp for |x| < 2^-7,
     * 8.7 ulp for |x| < 0.625, 1.7 ulp above. |result| <= 1, exactly 1 from |x| = 9.0108 on; tanh(+-0) = +-0; odd bit
     * for bit. NaN gives NaN; infinities give +-1.
     *
     * <p>17 operations and 1 division: 2 sign split, 2 clamp, 3 reduction, 4 fma, 1 multiply,
     * 1 shift, 1 subtract, 1 fma, 1 add, 1 xor.
     */
    static float tanh(float x) {
        int bits = Float.floatToRawIntBits(x);
        int sign = bits & 0x80000000;
        float a = Float.intBitsToFloat(bits ^ sign);
        a = a > 10f ? 10f : a;
        float t = Math.fma(a, 2.88539008f, ROUND_BIASED); // 2 log2 e
        float k = t - ROUND_BIASED;
        float r = Math.fma(k, -0.346573591f, a); // LN2_HI / 2
        float q = Math.fma(0.265541166f, r, 0.670021474f);
        q = Math.fma(q, r, 1.33337796f);
        q = Math.fma(q, r, 1.99997377f);
        q = Math.fma(q, r, 2f);
        q = q * r;
        float scale = Float.intBitsToFloat(Float.floatToRawIntBits(t) << 23);
        float m = Math.fma(scale, q, scale - 1f);
        float y = m / (m + 2f);
        return Float.intBitsToFloat(Float.floatToRawIntBits(y) ^ sign);
    }

    /**
     * 1 / (1 + e^-x).
     *
     * <p>Formula: the reduction and polynomial of {@link #exp} for -x, with signs folded into the
     * constants (here r = x + k ln 2 is minus the reduced argument); the scaling by 2^k and the added
     * 1 are one fma, then one division.
     *
     * <p>Domain: the input is clamped to [-87.33, 87.33]. Max error: 2.5 ulp on [-80, 80]
     * (1.5 ulp for x > 0), 9e-8 absolute. Results lie in [1.18e-38, 1]: never denormal, and exactly 1 from about x = 17.3 on. sigmoid(0) =
     * 1/2. NaN gives NaN; -inf gives 1.18e-38, +inf gives 1.
     *
     * <p>16 operations and 1 division: 4 clamp, 4 reduction, 6 fma, 1 shift, 1 fma.
     */
    static float sigmoid(float x) {
        x = x > 87.33f ? 87.33f : x;
        x = x < -87.33f ? -87.33f : x;
        float t = Math.fma(x, -LOG2E, ROUND_BIASED);
        float k = t - ROUND_BIASED;
        float r = Math.fma(k, LN2_HI, x);
        r = Math.fma(k, LN2_LO, r);
        float p = Math.fma(0.00138588739f, r, -0.00837413315f);
        p = Math.fma(p, r, 0.0416684113f);
        p = Math.fma(p, r, -0.166664585f);
        p = Math.fma(p, r, 0.499999881f);
        p = Math.fma(p, r, -1f);
        p = Math.fma(p, r, 1f);
        float scale = Float.intBitsToFloat(Float.floatToRawIntBits(t) << 23);
        return 1f / Math.fma(p, scale, 1f);
    }
}
