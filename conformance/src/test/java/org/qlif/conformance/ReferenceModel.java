// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.Arrays;
import java.util.List;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.StateVariable;
import org.qlif.Surrogate;
import org.qlif.Trace;

/**
 * A model in double precision, as a function of everything that has a gradient, laid out in one vector: input, parameters,
 * modulation, initial state.
 *
 * <p>Finite differences see a function; the gradient of docs/model.md is that of the function in which everything under sg()
 * stays what it was at the base point. So a run either records those values or takes them from a recorded run. Where a spike has
 * a surrogate, y = s + surrogate(Δ₀)·(Δ − Δ₀).
 *
 * <p>docs/model.md, section 10 is left out: what it rounds to 0 is far below what a difference resolves.
 */
abstract class ReferenceModel {
    /** Closer than this to flipping, a float32 run may decide differently. */
    static final double MARGIN = 1e-4;

    /** What a run computed; spikes, values, voltages, traces and what sg() holds by (t, e). */
    static final class Trajectory {
        final double[] spikes;
        final double[] values;
        final double[] voltages;
        /** By ordinal of the trace. */
        final double[][] traces;
        /** By ordinal of the state variable, then by e. */
        final double[][] finalState;
        /** What a model holds under sg() besides these. */
        final double[][] held;

        boolean ambiguous;

        private Trajectory(NeuronConfig config, Shape shape, int held) {
            spikes = new double[shape.size()];
            values = new double[shape.size()];
            voltages = new double[shape.size()];
            traces = new double[config.traces().size()][shape.size()];
            finalState = new double[config.stateVariables().size()][shape.elements()];
            this.held = new double[held][shape.size()];
        }
    }

    final Scenario scenario;
    final Shape shape;
    private final NeuronConfig config;
    private final int held;
    private final int[] parameterAt;
    private final int modulationAt;
    private final int stateAt;
    private final double[] base;

    /**
     * @param scenario what is run; it lends whatever draws the model needs
     * @param held how many quantities of {@link Trajectory#held} there are
     */
    ReferenceModel(Scenario scenario, int held) {
        this.scenario = scenario;
        this.config = scenario.config();
        this.shape = scenario.shape();
        this.held = held;
        this.parameterAt = new int[config.parameters().size()];
        int at = shape.size();
        for (NeuronParameter parameter : config.parameters()) {
            parameterAt[parameter.ordinal()] = at;
            at += scenario.parameters().get(parameter.ordinal()).length;
        }
        modulationAt = at;
        at += scenario.modulation() == null ? 0 : scenario.modulation().values().length;
        stateAt = at;
        base = new double[at + config.stateVariables().size() * shape.elements()];
        put(0, scenario.input());
        for (NeuronParameter parameter : config.parameters()) {
            put(parameterAt[parameter.ordinal()], scenario.parameters().get(parameter.ordinal()));
        }
        if (scenario.modulation() != null) {
            put(modulationAt, scenario.modulation().values());
        }
        for (StateVariable variable : config.stateVariables()) {
            int first = stateAt(variable);
            if (scenario.initial() == null) {
                Arrays.fill(base, first, first + shape.elements(), variable.initialValue());
            } else {
                put(first, scenario.initial()[variable.ordinal()]);
            }
        }
    }

    private void put(int at, float[] values) {
        for (int i = 0; i < values.length; i++) {
            base[at + i] = values[i];
        }
    }

    /** Takes element {@code e} through all steps from {@code point}; {@code frozen} null for the run that records. */
    abstract void runElement(double[] point, Trajectory frozen, Trajectory run, int e);

    /** The point that the scenario gives. */
    final double[] base() {
        return base;
    }

    final int inputAt() {
        return 0;
    }

    final int parameterAt(NeuronParameter parameter) {
        return parameterAt[parameter.ordinal()];
    }

    final int modulationAt() {
        return modulationAt;
    }

    final int stateAt(StateVariable variable) {
        return stateAt + variable.ordinal() * shape.elements();
    }

    /** The scalar whose gradients the backward run gives, with what sg() holds taken from {@code frozen}. */
    final double loss(double[] point, Trajectory frozen) {
        Trajectory run = run(point, frozen);
        double loss = dot(scenario.gradSpikeValues(), run.values) + dot(scenario.gradVoltages(), run.voltages);
        if (scenario.gradFinal() != null) {
            for (StateVariable variable : config.stateVariables()) {
                // Upstream gradients of what carries none count for nothing.
                loss += TestModel.of(config).withoutGradient().contains(variable)
                        ? 0
                        : dot(scenario.gradFinal()[variable.ordinal()], run.finalState[variable.ordinal()]);
            }
        }
        return loss;
    }

    /** Weights that are fewer than the values are the same at every step. */
    private static double dot(float[] weights, double[] values) {
        double sum = 0;
        for (int i = 0; weights != null && i < values.length; i++) {
            sum += weights[i % weights.length] * values[i];
        }
        return sum;
    }

    /** Runs from {@code point}; {@code frozen} null for the run that records. */
    final Trajectory run(double[] point, Trajectory frozen) {
        Trajectory run = new Trajectory(config, shape, held);
        for (int e = 0; e < shape.elements(); e++) {
            runElement(point, frozen, run, e);
        }
        return run;
    }

    /** The state of element {@code e} at {@code point}, by ordinal. */
    final double[] initialState(double[] point, int e) {
        double[] state = new double[config.stateVariables().size()];
        for (StateVariable variable : config.stateVariables()) {
            state[variable.ordinal()] = point[stateAt(variable) + e];
        }
        return state;
    }

    /** Records the state after the last step, and the traces of state variables. */
    final void recordState(Trajectory run, int i, int e, double... state) {
        recordFinal(run, e, state);
        for (Trace trace : config.traces()) {
            if (trace.variable() != null) {
                run.traces[trace.ordinal()][i] = state[trace.variable().ordinal()];
            }
        }
    }

    final void recordFinal(Trajectory run, int e, double... state) {
        for (int k = 0; k < state.length; k++) {
            run.finalState[k][e] = state[k];
        }
    }

    final double parameter(double[] point, NeuronParameter parameter, int e) {
        int length = scenario.parameters().get(parameter.ordinal()).length;
        return point[parameterAt(parameter) + (length == 1 ? 0 : e % shape.neurons())];
    }

    /** The external modulation at (t, e), by the rules of broadcasting. */
    final double modulation(double[] point, int t, int e) {
        List<Integer> at = List.of(t, e / shape.neurons(), e % shape.neurons());
        long[] own = scenario.modulation().shape();
        int index = 0;
        for (int axis = 0; axis < own.length; axis++) {
            index = (int) (index * own[axis]) + (own[axis] == 1 ? 0 : at.get(3 - own.length + axis));
        }
        return point[modulationAt + index];
    }

    static boolean above(Trajectory run, double value, double bound) {
        run.ambiguous |= Math.abs(value - bound) < MARGIN;
        return value > bound;
    }

    static double surrogate(Surrogate surrogate, double a, double delta) {
        return switch (surrogate) {
            case HEAVISIDE -> Math.max(0, 1 - a * Math.abs(delta));
            case FAST_SIGMOID -> Math.pow(1 + a * Math.abs(delta), -2);
            case GAUSSIAN -> Math.exp(-delta * delta / (2 * a * a));
            case ARCTAN -> 1 / (1 + a * delta * a * delta);
        };
    }
}
