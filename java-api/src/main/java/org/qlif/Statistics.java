package org.qlif;

import java.util.Arrays;
import java.util.List;

/**
 * The means over the batch, one {@link DType#F32} tensor {@code (N)} each, of the state variables that steer a neuron as a whole: QLIF's
 * firing-rate estimate r and homeostatic offset h, docs/model.md, section 5; LIF has none. A run is short beside their time constant, so
 * whoever trains on runs from fresh states carries them from run to run, as batch normalisation carries its statistics, saves them with
 * the parameters, and leaves them as they are in evaluation. {@link QlifLayer} does. Not thread-safe.
 *
 * <pre>{@code
 * Statistics statistics = Statistics.initial(config, 128);
 * State start = State.initial(config, 32, 128);
 * State end = State.zeros(config, 32, 128);
 * for (int run = 0; run < 1000; run++) {
 *     statistics.applyTo(start);
 *     kernel.forward(forward.initialState(start).finalState(end).draws(new DrawStream(42, run)));
 *     statistics.update(end);
 * }
 * }</pre>
 */
public final class Statistics {
    private final NeuronConfig config;
    private final List<? extends StateVariable> variables;
    private final Tensor[] tensors;
    private final long neurons;

    private Statistics(NeuronConfig config, long neurons) {
        this.config = config;
        this.variables =
                config.stateVariables().stream().filter(StateVariable::averaged).toList();
        this.tensors = new Tensor[variables.size()];
        this.neurons = neurons;
        Arrays.setAll(tensors, i -> Tensor.zeros(DType.F32, neurons));
    }

    /**
     * Those of a model that has not run: the variables' initial values, on the Java heap.
     *
     * @throws IllegalArgumentException if {@code neurons} is negative, or more than an array can have
     */
    public static Statistics initial(NeuronConfig config, long neurons) {
        Statistics statistics = new Statistics(config, neurons);
        for (StateVariable variable : statistics.variables) {
            statistics.get(variable).fill(variable.initialValue());
        }
        return statistics;
    }

    /** The variables whose means these are. */
    public List<? extends StateVariable> variables() {
        return variables;
    }

    /**
     * The variable's means, live: what is written there counts.
     *
     * @throws IllegalArgumentException if it is not one of {@link #variables}
     */
    public Tensor get(StateVariable variable) {
        return tensors[Ordinals.of("variable", variables, variable, variables.indexOf(variable))];
    }

    /** The number of neurons N. */
    public long neurons() {
        return neurons;
    }

    /**
     * Takes the means over the rows of {@code state}, summed in float64 from the first row to the last. A state without rows changes
     * nothing.
     *
     * @throws IllegalArgumentException if it is of another model or number of neurons
     * @throws IllegalStateException if one of the variables is in a device's memory
     */
    public void update(State state) {
        requireFits(state);
        for (StateVariable variable : state.batch() == 0 ? List.<StateVariable>of() : variables) {
            Tensor rows = state.get(variable);
            Tensor means = get(variable);
            for (long n = 0; n < neurons; n++) {
                double sum = 0;
                for (long b = 0; b < state.batch(); b++) {
                    sum += rows.getFloat(b * neurons + n);
                }
                means.setFloat(n, (float) (sum / state.batch()));
            }
        }
    }

    /**
     * Writes the means into every row of {@code state}, whose other variables stay as they are.
     *
     * @throws IllegalArgumentException if it is of another model or number of neurons
     * @throws IllegalStateException if one of the variables is in a device's memory
     */
    public void applyTo(State state) {
        requireFits(state);
        for (StateVariable variable : variables) {
            Tensor rows = state.get(variable);
            for (long b = 0; b < state.batch(); b++) {
                rows.slice(b, b + 1).segment().copyFrom(get(variable).segment());
            }
        }
    }

    /**
     * Copies the means of {@code source}, of the same model and number of neurons.
     *
     * @throws IllegalArgumentException if it is of another
     */
    public void copyFrom(Statistics source) {
        if (!source.variables.equals(variables) || source.neurons != neurons) {
            throw new IllegalArgumentException(
                    "statistics: got " + source + ", expected those of " + neurons + " neurons of " + config.model());
        }
        for (int i = 0; i < tensors.length; i++) {
            tensors[i].copyFrom(source.tensors[i]);
        }
    }

    /** New ones on the Java heap with the means of these: to keep, while these change. */
    public Statistics copy() {
        Statistics copy = new Statistics(config, neurons);
        copy.copyFrom(this);
        return copy;
    }

    /** Whether all are the variables' initial values, as before the first run. */
    boolean isInitial() {
        for (StateVariable variable : variables) {
            Tensor means = get(variable);
            int initial = Float.floatToRawIntBits(variable.initialValue());
            for (long n = 0; n < neurons; n++) {
                if (Float.floatToRawIntBits(means.getFloat(n)) != initial) {
                    return false;
                }
            }
        }
        return true;
    }

    private void requireFits(State state) {
        Forward.requireState("state", state, config, state.batch(), neurons);
    }

    /** Model, number of neurons and variables, for people. */
    @Override
    public String toString() {
        return new Description("Statistics")
                .add(config.model())
                .add("N", neurons)
                .add("variables", variables.stream().map(StateVariable::symbol).toList())
                .toString();
    }
}
