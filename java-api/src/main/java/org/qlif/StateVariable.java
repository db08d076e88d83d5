// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * A state variable of a neuron model, one value for each {@code (b, n)}; see {@link QlifVariable}.
 *
 * <pre>{@code
 * State state = State.initial(config, batch, neurons);
 * for (StateVariable variable : state.variables()) {
 *     System.out.println(variable.symbol() + " starts at " + variable.initialValue());
 * }
 * }</pre>
 */
public interface StateVariable {
    /** The position in the model's list of state variables. */
    int ordinal();

    /** The name in text and files, such as {@code v}. */
    String symbol();

    /** The value before the first step. */
    float initialValue();

    /** Whether gradients flow through it; the gradient of what carries none is 0. */
    boolean carriesGradient();

    /** Whether a value too small to matter becomes +0 before it is a denormal: docs/model.md, section 10. */
    boolean flushed();

    /**
     * Whether it steers a neuron as a whole, so that its mean over the batch is what goes from run to run: docs/model.md, section 5, and
     * {@link Statistics}.
     */
    boolean averaged();
}
