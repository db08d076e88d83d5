// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.qlif.Trait.AVERAGED;
import static org.qlif.Trait.FLUSHED;
import static org.qlif.Trait.GRADIENT;

/**
 * The state variables of the QLIF model, in the order of docs/model.md, section 2.
 *
 * <pre>{@code
 * for (StateVariable variable : QlifVariable.values()) {
 *     System.out.println(variable.symbol() + " is " + layer.state().get(variable).getFloat(0) + " in neuron 0 of row 0");
 * }
 * }</pre>
 */
public enum QlifVariable implements StateVariable {
    /** V, the membrane potential. */
    MEMBRANE("v", 0f, GRADIENT, FLUSHED),
    /** A, the adaptation current. */
    ADAPTATION("adaptation", 0f, GRADIENT, FLUSHED),
    /** S, the synaptic efficiency. */
    EFFICIENCY("efficiency", 1f, GRADIENT),
    /** R, the refractory trace. */
    REFRACTORY("refractory", 0f, GRADIENT, FLUSHED),
    /** H, the after-hyperpolarization trace; carries no gradient. */
    AHP("ahp", 0f, FLUSHED),
    /** D, the dynamic-probability trace. */
    DYNAMIC_PROBABILITY("dsp", 0f, GRADIENT, FLUSHED),
    /** o, the threshold offset. */
    THRESHOLD_OFFSET("threshold_offset", 0f, GRADIENT, FLUSHED),
    /** r, the firing-rate estimate; carries no gradient. */
    RATE("rate", 0f, FLUSHED, AVERAGED),
    /** h, the homeostatic offset; carries no gradient. */
    HOMEOSTASIS("homeostasis_offset", 0f, FLUSHED, AVERAGED),
    /** M, the modulation that holds while no external one is given. */
    MODULATION("modulation", 1f, GRADIENT),
    /** y, the last spike value. */
    SPIKE_VALUE("y", 0f, GRADIENT);

    private final String symbol;
    private final float initialValue;
    private final boolean carriesGradient;
    private final boolean flushed;
    private final boolean averaged;

    QlifVariable(String symbol, float initialValue, Trait... traits) {
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
