// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.VectorOperators.LT;
import static org.qlif.simd.Lanes.F;

import jdk.incubator.vector.FloatVector;
import org.qlif.Surrogate;

/**
 * The surrogate derivative of a spike: docs/model.md, section 3. A program holds its surrogate as a constant, so that the compiler can
 * inline the call.
 */
@FunctionalInterface
interface SimdSurrogate {
    /** The derivative at {@code delta}; {@code scale} is {@link Surrogate#scale}. */
    FloatVector derivative(FloatVector delta, float scale);

    static SimdSurrogate of(Surrogate surrogate) {
        return switch (surrogate) {
            case HEAVISIDE -> SimdSurrogate::heaviside;
            case FAST_SIGMOID -> SimdSurrogate::fastSigmoid;
            case GAUSSIAN -> SimdSurrogate::gaussian;
            case ARCTAN -> SimdSurrogate::arctan;
        };
    }

    private static FloatVector heaviside(FloatVector delta, float scale) {
        FloatVector tent = delta.abs().fma(broadcast(F, -scale), broadcast(F, 1f));
        return tent.blend(0f, tent.compare(LT, 0f));
    }

    private static FloatVector fastSigmoid(FloatVector delta, float scale) {
        FloatVector q = delta.abs().fma(broadcast(F, scale), broadcast(F, 1f));
        return broadcast(F, 1f).div(q.mul(q));
    }

    private static FloatVector gaussian(FloatVector delta, float scale) {
        FloatVector gap = delta.abs();
        return SimdMath.exp(gap.mul(gap).mul(scale));
    }

    private static FloatVector arctan(FloatVector delta, float scale) {
        FloatVector q = delta.abs().mul(scale);
        return broadcast(F, 1f).div(q.fma(q, broadcast(F, 1f)));
    }
}
