package org.qlif;

/** The state variables of the QLIF model, in the order of docs/model.md. */
public enum QlifVariable implements StateVariable {
    /** V, the membrane potential. */
    MEMBRANE("v", 0f),
    /** A, the adaptation current. */
    ADAPTATION("adaptation", 0f),
    /** S, the synaptic efficiency. */
    EFFICIENCY("efficiency", 1f),
    /** R, the refractory trace. */
    REFRACTORY("refractory", 0f),
    /** H, the after-hyperpolarization trace; carries no gradient. */
    AHP("ahp", 0f),
    /** D, the dynamic-probability trace. */
    DYNAMIC_PROBABILITY("dsp", 0f),
    /** o, the threshold offset. */
    THRESHOLD_OFFSET("threshold_offset", 0f),
    /** r, the firing-rate estimate; carries no gradient. */
    RATE("rate", 0f),
    /** h, the homeostatic offset; carries no gradient. */
    HOMEOSTASIS("homeostasis_offset", 0f),
    /** M, the modulation that holds while no external one is given. */
    MODULATION("modulation", 1f),
    /** y, the last spike value. */
    SPIKE_VALUE("y", 0f);

    private final String symbol;
    private final float initialValue;

    QlifVariable(String symbol, float initialValue) {
        this.symbol = symbol;
        this.initialValue = initialValue;
    }

    @Override
    public String symbol() {
        return symbol;
    }

    @Override
    public float initialValue() {
        return initialValue;
    }
}
