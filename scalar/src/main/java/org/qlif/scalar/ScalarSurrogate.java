// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import org.qlif.Surrogate;

/** The surrogate derivatives of docs/model.md, section 3, for every model. */
final class ScalarSurrogate {
    private ScalarSurrogate() {}

    /**
     * The surrogate derivative of the spike with respect to the gap.
     *
     * @param a {@link Surrogate#scale}, in float32
     */
    static float derivative(Surrogate surrogate, float a, float gap) {
        float x = Math.abs(gap);
        return switch (surrogate) {
            case HEAVISIDE -> {
                float tent = Math.fma(-a, x, 1f);
                yield tent < 0f ? 0f : tent;
            }
            case FAST_SIGMOID -> {
                float q = Math.fma(a, x, 1f);
                yield 1f / (q * q);
            }
            case GAUSSIAN -> ScalarMath.exp(a * (x * x));
            case ARCTAN -> {
                float q = a * x;
                yield 1f / Math.fma(q, q, 1f);
            }
        };
    }
}
