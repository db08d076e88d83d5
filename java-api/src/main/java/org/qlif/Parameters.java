// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One {@link DType#F32} tensor for each parameter of a model, of shape {@code (N)}, {@code (1)} or {@code ()}. The same class
 * holds the gradients of parameters, where an absent tensor means that the gradient is not requested. Not thread-safe.
 *
 * <pre>{@code
 * Parameters parameters = Parameters.perNeuron(config, 128);
 * parameters.get(QlifParameter.TAU).fill(10);
 * parameters.get(QlifParameter.V_TH).setFloat(5, 1.5f); // of neuron 5
 * parameters.set(QlifParameter.ETA, Tensor.of(new float[] {0.05f}, 1)); // of all
 * parameters.requireValid(config);
 * }</pre>
 */
public final class Parameters {
    private final List<? extends NeuronParameter> parameters;
    private final @Nullable Tensor[] tensors;
    private int changes;

    private Parameters(List<? extends NeuronParameter> parameters) {
        this.parameters = parameters;
        this.tensors = new @Nullable Tensor[parameters.size()];
    }

    /** The configuration's starting values, one value for all neurons, on the Java heap. */
    public static Parameters shared(NeuronConfig config) {
        return filled(config, 1);
    }

    /**
     * The configuration's starting values, one value for each of {@code neurons} neurons, on the Java heap.
     *
     * @throws IllegalArgumentException if {@code neurons} is negative, or more than an array can have
     */
    public static Parameters perNeuron(NeuronConfig config, long neurons) {
        Tensor.requireExtent("neurons", neurons);
        return filled(config, neurons);
    }

    /** A set with no tensor in it. */
    public static Parameters none(NeuronConfig config) {
        return new Parameters(config.parameters());
    }

    /** Zero-filled tensors on the Java heap with the shapes of those in {@code like}, for its gradients. */
    public static Parameters zerosLike(Parameters like) {
        Parameters zeros = new Parameters(like.parameters);
        for (int i = 0; i < zeros.tensors.length; i++) {
            zeros.tensors[i] = like.tensors[i] == null ? null : Tensor.zeros(DType.F32, like.tensors[i].shape());
        }
        return zeros;
    }

    private static Parameters filled(NeuronConfig config, long extent) {
        Parameters filled = new Parameters(config.parameters());
        for (NeuronParameter parameter : filled.parameters) {
            Tensor tensor = Tensor.zeros(DType.F32, extent);
            tensor.fill(config.defaultValue(parameter));
            filled.tensors[parameter.ordinal()] = tensor;
        }
        return filled;
    }

    /**
     * Lends {@code tensor} for {@code parameter}; null takes it out.
     *
     * @throws IllegalArgumentException if the model has no such parameter, or the tensor is not F32 of one axis or none
     */
    public Parameters set(NeuronParameter parameter, @Nullable Tensor tensor) {
        if (tensor != null && (tensor.type() != DType.F32 || tensor.rank() > 1)) {
            throw new IllegalArgumentException(
                    parameter.symbol() + ": got " + tensor + ", expected F32 of shape (N), (1) or ()");
        }
        tensors[checkedOrdinal(parameter)] = tensor;
        changes++;
        return this;
    }

    /**
     * Throws unless the model can run with these values: each in its {@link NeuronConfig#parameterRange range}. Every forward and
     * backward call checks this itself; a threshold outside the configuration's bounds is legal, since the model clamps it. Absent tensors
     * and those in a device's memory are not checked.
     *
     * @throws IllegalArgumentException naming parameter, index and value
     */
    public void requireValid(NeuronConfig config) {
        requireModel("parameters", config);
        new ParameterChecks(config).requireValid(this);
    }

    /**
     * Moves each value to the nearest that is in its {@link NeuronConfig#usefulRange}, as you would after a step of an optimizer: a V_th
     * outside the bounds of an adaptive threshold silently has no gradient, and would stay there. Absent tensors are skipped.
     *
     * @return how many values moved
     * @throws IllegalArgumentException if these are another model's, a value is NaN, or a tensor is read-only; nothing is changed
     * @throws IllegalStateException if a tensor is in a device's memory; nothing is changed
     */
    public long clamp(NeuronConfig config) {
        return clamp(config, parameters);
    }

    /**
     * Clamps like {@link #clamp(NeuronConfig)}, but only some parameters: those that an optimizer changes.
     *
     * <pre>{@code
     * layer.parameters().clamp(layer.config(), layer.learnable());
     * }</pre>
     *
     * @param learned which parameters
     * @return how many values moved
     * @throws IllegalArgumentException if the model has no such parameter, and as {@link #clamp(NeuronConfig)}; nothing is changed
     * @throws IllegalStateException if a tensor is in a device's memory; nothing is changed
     */
    public long clamp(NeuronConfig config, Collection<? extends NeuronParameter> learned) {
        requireModel("parameters", config);
        for (NeuronParameter parameter : learned) {
            requireNumbers(parameter, get(parameter));
        }
        long moved = 0;
        for (NeuronParameter parameter : learned) {
            Tensor tensor = get(parameter);
            ParameterRange range = config.usefulRange(parameter);
            for (long i = 0; tensor != null && i < tensor.elements(); i++) {
                float value = tensor.getFloat(i);
                if (!range.contains(value)) {
                    tensor.setFloat(i, range.nearest(value));
                    moved++;
                }
            }
        }
        return moved;
    }

    private static void requireNumbers(NeuronParameter parameter, @Nullable Tensor tensor) {
        if (tensor == null) {
            return;
        }
        if (tensor.segment().isReadOnly()) {
            throw new IllegalArgumentException(parameter.symbol() + ": got read-only memory, expected writable");
        }
        for (long i = 0; i < tensor.elements(); i++) {
            if (Float.isNaN(tensor.getFloat(i))) {
                throw new IllegalArgumentException(
                        parameter.symbol() + ": got NaN at index " + i + ", expected a number");
            }
        }
    }

    /** Throws unless these are parameters of the model of {@code config}. */
    void requireModel(String name, NeuronConfig config) {
        if (parameters != config.parameters()) {
            throw new IllegalArgumentException(
                    name + ": got those of another model, expected those of " + config.model());
        }
    }

    /** Throws unless there is a tensor for each parameter, with one value for all of {@code neurons} neurons or for each. */
    void requireNeurons(NeuronConfig config, long neurons) {
        for (NeuronParameter parameter : config.parameters()) {
            Tensor tensor = get(parameter);
            if (tensor == null || (tensor.elements() != 1 && tensor.elements() != neurons)) {
                throw new IllegalArgumentException(
                        parameter.symbol() + ": got " + tensor + ", expected F32 of length " + neurons + " (N) or 1");
            }
        }
    }

    /** How often a tensor was set. */
    int changes() {
        return changes;
    }

    /**
     * The tensor of {@code parameter}, or null if there is none.
     *
     * @throws IllegalArgumentException if the model has no such parameter
     */
    public @Nullable Tensor get(NeuronParameter parameter) {
        return tensors[checkedOrdinal(parameter)];
    }

    /** The model's parameters, by ordinal. */
    public List<? extends NeuronParameter> parameters() {
        return parameters;
    }

    /** The tensors that are present. */
    @Override
    public String toString() {
        Description description = new Description("Parameters");
        for (NeuronParameter parameter : parameters) {
            description.add(parameter.symbol(), get(parameter));
        }
        return description.toString();
    }

    private int checkedOrdinal(NeuronParameter parameter) {
        return Ordinals.of("parameter", parameters, parameter, parameter.ordinal());
    }
}
