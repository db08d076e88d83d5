// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.List;
import org.qlif.spi.Printable;

/**
 * The immutable configuration of a neuron model: what a kernel is built for.
 *
 * <pre>{@code
 * NeuronConfig config = NeuronConfig.parse("QLIF tau=10 use_ahp=false").with(List.of("dt=0.5"));
 * for (NeuronParameter parameter : config.parameters()) {
 *     System.out.println(parameter.symbol() + " starts at " + config.defaultValue(parameter));
 * }
 * }</pre>
 */
public sealed interface NeuronConfig permits QlifConfig, LifConfig {
    /**
     * The configuration that {@code text} describes: a model's name and, separated by spaces, the options that differ from the model's
     * defaults, as {@code toString} of a configuration returns them, such as {@code QLIF tau=10.0 use_ahp=false}. Names are those of
     * docs/model.md.
     *
     * @throws IllegalArgumentException if the model or an option is unknown, or is given twice or out of its range
     */
    static NeuronConfig parse(String text) {
        String model = text.strip().split("\\s", 2)[0];
        return switch (model) {
            case "QLIF" -> QlifConfig.parse(text);
            case "LIF" -> LifConfig.parse(text);
            default -> throw Range.refusal("model", "'" + Printable.text(model) + "'", "QLIF or LIF");
        };
    }

    /**
     * This configuration with options changed, each by a text such as {@code tau=10}, in any order.
     *
     * @throws IllegalArgumentException if an option is unknown, given twice or out of its range
     */
    NeuronConfig with(List<String> settings);

    /** The table of the model's options, in the order of its text form. */
    List<ConfigOption> options();

    /** The model's name in text, such as {@code QLIF}. */
    String model();

    /** The differentiable parameters, by ordinal. */
    List<? extends NeuronParameter> parameters();

    /** The state variables, by ordinal. */
    List<? extends StateVariable> stateVariables();

    /** The traces a forward call can write, by ordinal. */
    List<? extends Trace> traces();

    /** The value a parameter starts from unless the caller gives another. */
    float defaultValue(NeuronParameter parameter);

    /** The values that a parameter can have; a call refuses others. */
    ParameterRange parameterRange(NeuronParameter parameter);

    /**
     * The useful values of a parameter in training. Others are legal, but lead an optimizer to where there is no gradient, or where a time
     * step is too coarse for the model: docs/model.md, section 1. {@link Parameters#clamp} moves values into this range.
     */
    ParameterRange usefulRange(NeuronParameter parameter);

    /** The time step. */
    double dt();

    /** Whether the model takes an external modulation. */
    boolean acceptsModulation();

    /**
     * The number of decision uniforms in a neuron-step: 0 if spikes are not drawn, 1, or the number of wires of a multi-qubit readout.
     */
    int uniformsPerStep();

    /** Whether a neuron-step takes a normal draw for membrane noise. */
    boolean drawsNormals();
}
