// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import org.jspecify.annotations.Nullable;

/** The transform of a modulation: that of the neuron's option, or one of those on QLIF's original page. */
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

    /** M for each m, in a new array; {@link #OPTION}, which the neuron applies, changes nothing. */
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
