// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import java.util.List;
import org.qlif.NeuronConfig;
import org.qlif.StateVariable;
import org.qlif.Trace;
import org.qlif.spi.host.Denormals;

/**
 * A neuron model for one neuron: its state, one step forward, one step backward. A step's results are left in an {@code S}, from which the
 * backward step reads. A model's subclass is the only place of its arithmetic in plain Java, in the order and names of docs/model.md. Which
 * operations are fused multiply-adds, and in which order terms are added, is part of the definition: every backend does the same and gets
 * the same bits.
 *
 * <p>For each step, {@link ScalarKernel} calls {@link #modulate}, {@link #integrate}, {@link #addNoise} and {@link #decide}; then {@link
 * #fires} or, when it repeats a step for the backward pass, reads the spike from the tape; then {@link #settle}.
 *
 * @param <S> what a step computes
 */
abstract class ScalarNeuron<S extends ScalarStep> {
    /** The state, by ordinal of the variable. */
    final float[] state;
    /** The adjoints of the state after the current step of the backward pass; 0 for variables that carry no gradient. */
    final float[] adjoint;
    /** By ordinal of the parameter: the sums of {@link #backward} over time, then the gradients themselves. */
    final float[] gradient;

    private final boolean[] carriesGradient;
    private final boolean[] flushed;

    ScalarNeuron(NeuronConfig config) {
        List<? extends StateVariable> variables = config.stateVariables();
        state = new float[variables.size()];
        adjoint = new float[variables.size()];
        gradient = new float[config.parameters().size()];
        carriesGradient = new boolean[variables.size()];
        flushed = new boolean[variables.size()];
        for (int i = 0; i < state.length; i++) {
            carriesGradient[i] = variables.get(i).carriesGradient();
            flushed[i] = variables.get(i).flushed();
        }
    }

    /** Creates an object for the values of a step. */
    abstract S newStep();

    /** Sets the parameters' values, by ordinal. */
    abstract void parameters(float[] values);

    /** Sets the external modulation of a step. Only called for a model that accepts one. */
    void modulate(S x, float external) {
        throw new UnsupportedOperationException("this model takes no modulation");
    }

    /** Computes the potential before the reset from the input, without the noise. */
    abstract void integrate(S x, float input);

    /** Adds membrane noise, given a standard normal. Only called for a model that draws normals. */
    void addNoise(S x, float xi) {
        throw new UnsupportedOperationException("this model has no noise");
    }

    /** Computes what the decision reads from the potential before the reset. */
    abstract void decide(S x);

    /** Whether the decision is a spike. */
    abstract boolean fires(S x, StepDraws draws);

    /** Computes the state after the step from the spike. */
    abstract void settle(S x, boolean fired);

    /** The membrane potential. */
    abstract float voltage();

    /** The value of {@code trace}, one of the model's, in a settled step. */
    abstract float traced(Trace trace, S x);

    /** The value after the step of the state variable that {@code trace} shows. */
    final float state(Trace trace) {
        return state[trace.variable().ordinal()];
    }

    /**
     * Turns the adjoints of the state after a step into those of the state before it and adds to the parameters' gradients.
     *
     * @param gradY the upstream gradient of the spike value
     * @param gradV the upstream gradient of the potential after the step
     * @return the gradient of the step's input
     */
    abstract float backward(S x, float gradY, float gradV);

    /** The gradient of the external modulation of a step, after {@link #backward}. Only called for a model that accepts one. */
    float modulationBackward(S x) {
        throw new UnsupportedOperationException("this model takes no modulation");
    }

    /** Turns the sums of {@link #backward} into the parameters' gradients. */
    abstract void finishGradients();

    /** Sets the adjoint of a state variable; it stays 0 for one that carries no gradient. */
    final void setAdjoint(int variable, float value) {
        adjoint[variable] = carriesGradient[variable] ? value : 0f;
    }

    /** Sets small values to 0 before a step whose absolute index is a multiple of {@link Denormals#PERIOD}: docs/model.md, section 10. */
    final void flushState() {
        for (int i = 0; i < state.length; i++) {
            if (flushed[i]) {
                state[i] = flush(state[i], Denormals.STATE);
            }
        }
    }

    /** Sets small adjoints to 0 when the backward pass reaches the start of such a step: docs/model.md, section 10. */
    final void flushAdjoints() {
        for (int i = 0; i < adjoint.length; i++) {
            adjoint[i] = flush(adjoint[i], Denormals.ADJOINT);
        }
    }

    private static float flush(float x, float limit) {
        return Math.abs(x) < limit ? 0f : x;
    }
}
