// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import org.jspecify.annotations.Nullable;

/** What a modulation goes through: the transform that the neuron's option names, or one of those that QLIF's first page offered. */
enum ModulationTransform {
    /** The option {@code neuromod_transform}. */
    OPTION("neuromod_transform", null),
    /** A steeper sigmoid. */
    SIGMOID_2X("sigmoid(2m)", m -> sigmoid(2 * m)),
    /** The hyperbolic tangent. */
    TANH("tanh(m)", StrictMath::tanh),
    /** What is above 0. */
    RELU("relu(m)", m -> Math.max(0, m)),
    /** A sigmoid times a hyperbolic tangent. */
    SIGMOID_TANH("sigmoid(m)·tanh(m)", m -> sigmoid(m) * StrictMath.tanh(m));

    private interface Function {
        double at(double m);
    }

    private final String text;
    private final @Nullable Function function;

    ModulationTransform(String text, @Nullable Function function) {
        this.text = text;
        this.function = function;
    }

    /** M for each m, in an array of its own; {@link #OPTION}, which is the neuron's to do, leaves them as they are. */
    float[] applied(float[] modulation) {
        float[] values = modulation.clone();
        if (function != null) {
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) function.at(values[i]);
            }
        }
        return values;
    }

    private static double sigmoid(double x) {
        return 1 / (1 + StrictMath.exp(-x));
    }

    /** The name in links and requests. */
    @Override
    public String toString() {
        return text;
    }
}
