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

    /** Whether gradients flow through it. If not, its gradient is 0. */
    boolean carriesGradient();

    /** Whether tiny values become +0 before they are denormal: docs/model.md, section 10. */
    boolean flushed();

    /**
     * Whether it belongs to a neuron rather than to a row, so that its mean over the batch is carried from run to run: docs/model.md,
     * section 5, and {@link Statistics}.
     */
    boolean averaged();
}
