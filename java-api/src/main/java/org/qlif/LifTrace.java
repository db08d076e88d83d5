package org.qlif;

/** What a LIF forward call can write for every neuron-step besides spikes, spike values and potentials. */
public enum LifTrace implements Trace {
    /** The gap v' - v_th that the decision saw. */
    DELTA("delta", null),
    /** i after the step. */
    CURRENT("i", LifVariable.CURRENT);

    private final String symbol;
    private final LifVariable variable;

    LifTrace(String symbol, LifVariable variable) {
        this.symbol = symbol;
        this.variable = variable;
    }

    @Override
    public String symbol() {
        return symbol;
    }

    @Override
    public LifVariable variable() {
        return variable;
    }
}
