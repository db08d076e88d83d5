package org.qlif;

import java.util.List;

/** The immutable configuration of a neuron model: what a kernel is built for. */
public sealed interface NeuronConfig permits QlifConfig, LifConfig {
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

    /** The values that a parameter can have. */
    ParameterRange parameterRange(NeuronParameter parameter);

    /** The time step. */
    double dt();

    /** Whether the model takes an external modulation. */
    boolean acceptsModulation();

    /**
     * How many decision uniforms a neuron-step takes: 0 if its spikes are not drawn, 1, or the number of wires of a
     * multi-qubit readout.
     */
    int uniformsPerStep();

    /** Whether a neuron-step takes a normal draw for membrane noise. */
    boolean drawsNormals();
}
