// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.qlif.Trait.AVERAGED;
import static org.qlif.Trait.FLUSHED;
import static org.qlif.Trait.GRADIENT;

/**
 * The state variables of the LIF model, in the order of docs/model.md, section 11.
 *
 * <pre>{@code
 * State state = State.initial(LifConfig.defaults(), batch, neurons);
 * state.get(LifVariable.CURRENT).setFloat(0, 0.2f); // of neuron 0 in row 0
 * }</pre>
 */
public enum LifVariable implements StateVariable {
    /** V, the membrane potential. */
    MEMBRANE("v", 0f, GRADIENT, FLUSHED),
    /** i, the synaptic current. */
    CURRENT("i", 0f, GRADIENT, FLUSHED);

    private final String symbol;
    private final float initialValue;
    private final boolean carriesGradient;
    private final boolean flushed;
    private final boolean averaged;

    LifVariable(String symbol, float initialValue, Trait... traits) {
        this.symbol = symbol;
        this.initialValue = initialValue;
        this.carriesGradient = GRADIENT.in(traits);
        this.flushed = FLUSHED.in(traits);
        this.averaged = AVERAGED.in(traits);
    }

    @Override
    public String symbol() {
        return symbol;
    }

    @Override
    public float initialValue() {
        return initialValue;
    }

    @Override
    public boolean carriesGradient() {
        return carriesGradient;
    }

    @Override
    public boolean flushed() {
        return flushed;
    }

    @Override
    public boolean averaged() {
        return averaged;
    }
}
