// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.XOR;
import static org.qlif.simd.Lanes.F;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * The elementary functions, lane by lane: the same operations in the same order as the scalar backend's, so the same bits at every
 * vector width. Formulas, domains and measured errors stand there and in {@code docs/numerics.md}. The JDK's own vector functions
 * are not used: their bits depend on the vector width.
 *
 * <p>Each is small enough to be inlined. Callers must stay small, too: past a fixed number of bytecodes the compiler stops inlining these,
 * and their vectors become objects.
 */
final class SimdMath {
    private static final float ROUND = 12582912f;
    private static final float ROUND_BIASED = 12583039f;
    private static final float LOG2E = 1.44269504f;
    private static final float LN2_HI = 0.693147182f;
    private static final float LN2_LO = -1.90465432e-9f;
    private static final float TWO_PI_HI = 6.28318548f;
    private static final float TWO_PI_LO = -1.74845553e-7f;
    private static final float INV_TWO_PI = 0.159154937f;
    private static final float Z_MAX = 12f;
    private static final int SIGN = 0x80000000;

    private SimdMath() {}

    /** Clamps x to {@code low} and {@code high}, where low <= high. */
    static FloatVector clamp(FloatVector x, float low, float high) {
        // Both comparisons take x, so that neither depends on the other.
        return x.blend(low, x.compare(LT, low)).blend(high, x.compare(GT, high));
    }

    /** e^x. */
    static FloatVector exp(FloatVector x) {
        x = clamp(x, -87.3365f, 88.37f);
        FloatVector t = x.fma(broadcast(F, LOG2E), broadcast(F, ROUND_BIASED));
        FloatVector k = t.sub(ROUND_BIASED);
        FloatVector r = k.fma(broadcast(F, -LN2_HI), x);
        r = k.fma(broadcast(F, -LN2_LO), r);
        FloatVector p = r.fma(broadcast(F, 0.00138588739f), broadcast(F, 0.00837413315f));
        p = p.fma(r, broadcast(F, 0.0416684113f));
        p = p.fma(r, broadcast(F, 0.166664585f));
        p = p.fma(r, broadcast(F, 0.499999881f));
        p = p.fma(r, broadcast(F, 1f));
        p = p.fma(r, broadcast(F, 1f));
        return p.mul(t.reinterpretAsInts().lanewise(LSHL, 23).reinterpretAsFloats());
    }

    /** e^-x, for the refractory trace. */
    static FloatVector decay(FloatVector x) {
        x = x.blend(87f, x.compare(GT, 87f));
        FloatVector t = x.fma(broadcast(F, -LOG2E), broadcast(F, ROUND_BIASED));
        FloatVector f = x.fma(broadcast(F, -LOG2E), broadcast(F, ROUND_BIASED).sub(t));
        FloatVector p = f.fma(broadcast(F, 0.0013264727f), broadcast(F, 0.009671513f));
        p = p.fma(f, broadcast(F, 0.055507336f));
        p = p.fma(f, broadcast(F, 0.24022242f));
        p = p.fma(f, broadcast(F, 0.693147f));
        p = p.fma(f, broadcast(F, 1f));
        return p.mul(t.reinterpretAsInts().lanewise(LSHL, 23).reinterpretAsFloats());
    }

    /** -2 ln(u) for u in (0, 1]. */
    static FloatVector minusTwoLog(FloatVector u) {
        IntVector b = u.reinterpretAsInts();
        IntVector e = b.sub(0x3f0ccccd).and(0xff800000);
        FloatVector g = broadcast(F, 1f).sub(b.sub(e).reinterpretAsFloats());
        FloatVector s = ((FloatVector) e.convert(I2F, 0)).mul(-0x1.62e43p-23f);
        FloatVector q = g.fma(broadcast(F, 1.48943353f), broadcast(F, -0.905427217f));
        q = q.fma(g, broadcast(F, 0.720139384f));
        q = q.fma(g, broadcast(F, 0.263734311f));
        q = q.fma(g, broadcast(F, 0.401683837f));
        q = q.fma(g, broadcast(F, 0.500678599f));
        q = q.fma(g, broadcast(F, 0.666615486f));
        q = q.fma(g, broadcast(F, 1.00000024f));
        return g.mul(g).fma(q, g.fma(broadcast(F, 2f), s));
    }

    /** The sign bit of 1/2 - u, which the sine of 2 pi u has. */
    static IntVector turnSign(FloatVector u) {
        return broadcast(F, 0.5f).sub(u).reinterpretAsInts().and(SIGN);
    }

    /** |1/2 - u| - 1/4, from which sine and cosine of 2 pi u are computed. */
    static FloatVector turnReduced(FloatVector u, IntVector sign) {
        return broadcast(F, 0.5f)
                .sub(u)
                .reinterpretAsInts()
                .lanewise(XOR, sign)
                .reinterpretAsFloats()
                .sub(0.25f);
    }

    /** cos(2 pi u) from the reduced turn. */
    static FloatVector cosOfTurn(FloatVector a) {
        FloatVector z = a.mul(a);
        FloatVector p = z.fma(broadcast(F, 39.5490952f), broadcast(F, -76.5499802f));
        p = p.fma(z, broadcast(F, 81.6005859f));
        p = p.fma(z, broadcast(F, -41.3416214f));
        p = p.fma(z, broadcast(F, 6.28318453f));
        return p.mul(a);
    }

    /** sin(2 pi u) from the reduced turn and its sign. */
    static FloatVector sinOfTurn(FloatVector a, IntVector sign) {
        FloatVector z = a.mul(a);
        FloatVector p = z.fma(broadcast(F, 56.3381615f), broadcast(F, -85.2535934f));
        p = p.fma(z, broadcast(F, 64.9351959f));
        p = p.fma(z, broadcast(F, -19.7391815f));
        p = p.fma(z, broadcast(F, 1f));
        return p.reinterpretAsInts().lanewise(XOR, sign).reinterpretAsFloats();
    }

    /** phi minus the nearest multiple of 2 pi. */
    static FloatVector reducePhase(FloatVector phi) {
        FloatVector k = phi.fma(broadcast(F, INV_TWO_PI), broadcast(F, ROUND)).sub(ROUND);
        FloatVector r = k.fma(broadcast(F, -TWO_PI_HI), phi);
        return k.fma(broadcast(F, -TWO_PI_LO), r);
    }

    /** (1 - cos(phi)) / 2 from the reduced phase. */
    static FloatVector versinOfPhase(FloatVector r) {
        FloatVector z = r.mul(r);
        z = z.blend(Z_MAX, z.compare(GT, Z_MAX));
        FloatVector v = z.fma(broadcast(F, -9.26346644e-8f), broadcast(F, 2.16798817e-5f));
        v = v.fma(z, broadcast(F, -0.00260413182f));
        v = v.fma(z, broadcast(F, 0.125f));
        v = v.mul(z);
        return v.fma(broadcast(F, 1f).sub(v), v);
    }

    /** sin(phi) / 2 from the reduced phase. */
    static FloatVector halfSinOfPhase(FloatVector r) {
        FloatVector z = r.mul(r);
        var far = z.compare(GT, Z_MAX);
        FloatVector near = r.blend(0f, far);
        z = z.blend(Z_MAX, far);
        FloatVector f = z.fma(broadcast(F, -0.101321191f), broadcast(F, 1f));
        FloatVector b = z.fma(broadcast(F, 1.00270839e-7f), broadcast(F, -1.23267391e-5f));
        b = b.fma(z, broadcast(F, 0.000855792954f));
        b = b.fma(z, broadcast(F, -0.0326721482f));
        b = b.fma(z, broadcast(F, 0.499999791f));
        return b.mul(near.mul(f));
    }

    /** tanh(x). */
    static FloatVector tanh(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        IntVector sign = bits.and(SIGN);
        FloatVector a = bits.lanewise(XOR, sign).reinterpretAsFloats();
        a = a.blend(10f, a.compare(GT, 10f));
        FloatVector t = a.fma(broadcast(F, 2.88539008f), broadcast(F, ROUND_BIASED));
        FloatVector k = t.sub(ROUND_BIASED);
        FloatVector r = k.fma(broadcast(F, -0.346573591f), a);
        FloatVector q = r.fma(broadcast(F, 0.265541166f), broadcast(F, 0.670021474f));
        q = q.fma(r, broadcast(F, 1.33337796f));
        q = q.fma(r, broadcast(F, 1.99997377f));
        q = q.fma(r, broadcast(F, 2f));
        q = q.mul(r);
        FloatVector scale = t.reinterpretAsInts().lanewise(LSHL, 23).reinterpretAsFloats();
        FloatVector m = scale.fma(q, scale.sub(1f));
        FloatVector y = m.div(m.add(2f));
        return y.reinterpretAsInts().lanewise(XOR, sign).reinterpretAsFloats();
    }

    /** 1 / (1 + e^-x). */
    static FloatVector sigmoid(FloatVector x) {
        x = clamp(x, -87.33f, 87.33f);
        FloatVector t = x.fma(broadcast(F, -LOG2E), broadcast(F, ROUND_BIASED));
        FloatVector k = t.sub(ROUND_BIASED);
        FloatVector r = k.fma(broadcast(F, LN2_HI), x);
        r = k.fma(broadcast(F, LN2_LO), r);
        FloatVector p = r.fma(broadcast(F, 0.00138588739f), broadcast(F, -0.00837413315f));
        p = p.fma(r, broadcast(F, 0.0416684113f));
        p = p.fma(r, broadcast(F, -0.166664585f));
        p = p.fma(r, broadcast(F, 0.499999881f));
        p = p.fma(r, broadcast(F, -1f));
        p = p.fma(r, broadcast(F, 1f));
        FloatVector scale = t.reinterpretAsInts().lanewise(LSHL, 23).reinterpretAsFloats();
        return broadcast(F, 1f).div(p.fma(scale, broadcast(F, 1f)));
    }
}
