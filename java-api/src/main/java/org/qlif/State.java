// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * One {@code (B, N)} {@link DType#F32} tensor for each state variable of a model, and the absolute index of the next step. The same class
 * holds gradients with respect to a state.
 *
 * <p>A run of T steps equals any split of it into shorter runs that pass on the state. Not thread-safe.
 *
 * <pre>{@code
 * State state = State.initial(kernel.config(), 32, 128);
 * Forward call = new Forward()
 *         .input(input) // (10, 32, 128)
 *         .parameters(parameters)
 *         .draws(draws)
 *         .initialState(state)
 *         .finalState(state)
 *         .spikeValues(spikeValues);
 * kernel.forward(call); // steps 0 to 9
 * kernel.forward(call); // steps 10 to 19, with what the input's memory contains then
 * float[] potentials = state.get(QlifVariable.MEMBRANE).toFloatArray();
 * }</pre>
 */
public final class State {
    private final List<? extends StateVariable> variables;
    private final Tensor[] tensors;
    private final long batch;
    private final long neurons;
    private long step;

    private State(List<? extends StateVariable> variables, Tensor[] tensors, long batch, long neurons) {
        this.variables = variables;
        this.tensors = tensors;
        this.batch = batch;
        this.neurons = neurons;
    }

    /**
     * A new state on the Java heap at the model's initial values, before step 0.
     *
     * @throws IllegalArgumentException if an extent is negative, or {@code batch * neurons} more than an array can have
     */
    public static State initial(NeuronConfig config, long batch, long neurons) {
        State state = zeros(config, batch, neurons);
        state.reset();
        return state;
    }

    /**
     * A new state on the Java heap with every value 0, for gradients.
     *
     * @throws IllegalArgumentException if an extent is negative, or {@code batch * neurons} more than an array can have
     */
    public static State zeros(NeuronConfig config, long batch, long neurons) {
        Tensor.requireExtent("batch", batch);
        Tensor.requireExtent("neurons", neurons);
        Tensor[] tensors = new Tensor[config.stateVariables().size()];
        Arrays.setAll(tensors, i -> Tensor.zeros(DType.F32, batch, neurons));
        return new State(config.stateVariables(), tensors, batch, neurons);
    }

    /**
     * A state over memory that the caller lends.
     *
     * @param tensors one {@link DType#F32} tensor {@code (B, N)} for each state variable of the model, by ordinal
     * @throws IllegalArgumentException if their number, type or shape is wrong
     */
    public static State of(NeuronConfig config, List<Tensor> tensors) {
        List<? extends StateVariable> variables = config.stateVariables();
        if (tensors.size() != variables.size()) {
            throw new IllegalArgumentException(
                    "tensors: got " + tensors.size() + ", expected one for each of the state variables " + variables);
        }
        Tensor first = Objects.requireNonNull(tensors.getFirst(), "tensors[0]");
        for (int i = 0; i < tensors.size(); i++) {
            Tensor tensor = Objects.requireNonNull(tensors.get(i), "tensors[" + i + "]");
            if (tensor.type() != DType.F32 || tensor.rank() != 2 || !Arrays.equals(tensor.shape(), first.shape())) {
                throw new IllegalArgumentException(
                        "tensors[" + i + "] (" + variables.get(i).symbol() + "): got " + tensor
                                + ", expected F32 of shape (B, N), the same for all");
            }
        }
        return new State(variables, tensors.toArray(Tensor[]::new), first.extent(0), first.extent(1));
    }

    /**
     * The variable's {@code (B, N)} values.
     *
     * @throws IllegalArgumentException if the model has no such variable
     */
    public Tensor get(StateVariable variable) {
        return tensors[checkedOrdinal(variable)];
    }

    /** The absolute index of the next step, counted from the start of the run. */
    public long step() {
        return step;
    }

    /**
     * Sets the absolute index of the next step, at least 0.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public State step(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step: got " + step + ", expected at least 0");
        }
        this.step = step;
        return this;
    }

    /** The batch size B. */
    public long batch() {
        return batch;
    }

    /** The number of neurons N. */
    public long neurons() {
        return neurons;
    }

    /** The model's state variables, by ordinal. */
    public List<? extends StateVariable> variables() {
        return variables;
    }

    /**
     * Sets every variable to its initial value and the next step to 0.
     *
     * @throws IllegalStateException if a variable is in a device's memory
     */
    public void reset() {
        for (Tensor tensor : tensors) {
            // All are checked before the first is written.
            tensor.segment();
        }
        for (StateVariable variable : variables) {
            tensors[variable.ordinal()].fill(variable.initialValue());
        }
        step = 0;
    }

    /**
     * Copies values and step of {@code source}, a state of the same model and shape.
     *
     * @throws IllegalArgumentException if its model or shape differs; nothing is changed
     * @throws IllegalStateException if a variable of either is in a device's memory; nothing is changed
     */
    public void copyFrom(State source) {
        if (source.variables != variables || source.batch != batch || source.neurons != neurons) {
            throw new IllegalArgumentException("source: got " + source + ", expected the model and shape of " + this);
        }
        for (int i = 0; i < tensors.length; i++) {
            // All are checked before the first is written.
            tensors[i].segment();
            source.tensors[i].segment();
        }
        for (int i = 0; i < tensors.length; i++) {
            tensors[i].copyFrom(source.tensors[i]);
        }
        step = source.step;
    }

    /**
     * A copy on the Java heap, with the values and the step of this state.
     *
     * @throws IllegalStateException if a variable is in a device's memory
     */
    public State copy() {
        Tensor[] copies = new Tensor[tensors.length];
        for (int i = 0; i < copies.length; i++) {
            copies[i] = Tensor.zeros(DType.F32, batch, neurons);
            copies[i].segment().copyFrom(tensors[i].segment());
        }
        return new State(variables, copies, batch, neurons).step(step);
    }

    /** The shape, the next step and the model's variables. */
    @Override
    public String toString() {
        return new Description("State")
                .add("B", batch)
                .add("N", neurons)
                .add("step", step)
                .add("variables", variables.stream().map(StateVariable::symbol).toList())
                .toString();
    }

    private int checkedOrdinal(StateVariable variable) {
        return Ordinals.of("variable", variables, variable, variable.ordinal());
    }
}
