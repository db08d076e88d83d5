// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.Arrays;
import java.util.Locale;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;

/** What contenders are compared on. */
public enum Model {
    /** The default QLIF. */
    QLIF(
            QlifConfig.defaults(),
            1.5,
            "Default configuration, every option on, per-neuron parameters, own random draws, spikes out as bytes; training: gradients of"
                    + " the input and of all five parameters."),
    /** The LIF with a synaptic current. */
    LIF(
            LifConfig.defaults(),
            0.6,
            "The LIF model, default configuration, per-neuron parameters, spikes out as bytes; training: gradients of the input and of"
                    + " all three parameters."),
    /** QLIF with every option off. */
    PLAIN_LIF(
            QlifConfig.plainLif(),
            4,
            "Plain LIF, which is QLIF with every option off, per-neuron parameters, spikes out as bytes; training: gradients of the"
                    + " input and of the parameters.");

    private final NeuronConfig config;
    private final double inputMean;
    private final String description;

    Model(NeuronConfig config, double inputMean, String description) {
        this.config = config;
        this.inputMean = inputMean;
        this.description = description;
    }

    /** The model that prints as {@code text}. */
    static Model of(String text) {
        return Arrays.stream(values())
                .filter(model -> model.toString().equals(text))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "model: got '" + text + "', expected one of " + Arrays.toString(values())));
    }

    NeuronConfig config() {
        return config;
    }

    /** A mean input that makes neurons of this scale fire. */
    double inputMean() {
        return inputMean;
    }

    /** What a comparison runs, in sentences. */
    String description() {
        return description;
    }

    /** The name, such as {@code plain-lif}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
