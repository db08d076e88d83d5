// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/** The transforms that every backend implements itself; these methods are for callers; kernels don't use them. */
enum BuiltInTransform implements NeuromodTransform {
    SIGMOID {
        @Override
        public float apply(float m) {
            return (float) (1 / (1 + Math.exp(-m)));
        }

        @Override
        public float derivative(float m, float value) {
            return value * (1 - value);
        }
    },
    IDENTITY {
        @Override
        public float apply(float m) {
            return m;
        }

        @Override
        public float derivative(float m, float value) {
            return 1;
        }
    }
}
