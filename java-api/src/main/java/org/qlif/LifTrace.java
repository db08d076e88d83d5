// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import org.jspecify.annotations.Nullable;

/**
 * What a LIF forward call can write for every neuron-step besides spikes, spike values and potentials.
 *
 * <pre>{@code
 * forward.trace(LifTrace.CURRENT, Tensor.zeros(DType.F32, steps, batch, neurons));
 * }</pre>
 */
public enum LifTrace implements Trace {
    /** The gap V' - V_th that the decision saw. */
    DELTA("delta", null),
    /** i after the step. */
    CURRENT("i", LifVariable.CURRENT);

    private final String symbol;
    private final @Nullable LifVariable variable;

    LifTrace(String symbol, @Nullable LifVariable variable) {
        this.symbol = symbol;
        this.variable = variable;
    }

    @Override
    public String symbol() {
        return symbol;
    }

    @Override
    public @Nullable LifVariable variable() {
        return variable;
    }
}
