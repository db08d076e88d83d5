package org.qlif;

/**
 * What a QLIF forward call can write for every neuron-step besides spikes, spike values and potentials. State variables are
 * traced after the step, so that the last row is the final state.
 */
public enum QlifTrace implements Trace {
    /** p, the spike probability after clamping and refractory damping; the spike itself in THRESHOLD mode. */
    PROBABILITY("p"),
    /** The membrane gap V' - theta that the decision saw. */
    DELTA("delta"),
    /** theta, the effective threshold that the decision saw. */
    THRESHOLD("threshold"),
    /** A after the step. */
    ADAPTATION("adaptation"),
    /** S after the step. */
    EFFICIENCY("efficiency"),
    /** R after the step. */
    REFRACTORY("refractory"),
    /** H after the step. */
    AHP("ahp"),
    /** D after the step. */
    DYNAMIC_PROBABILITY("dsp"),
    /** h after the step. */
    HOMEOSTASIS("homeostasis_offset"),
    /**
     * The probability slope: alpha * c in QUBIT mode (times 1 + kappa * M in PROB_SLOPE mode), a in SIGMOID mode, 0 in
     * THRESHOLD mode, which has no probability.
     */
    SLOPE("slope"),
    /** o after the step. */
    THRESHOLD_OFFSET("threshold_offset"),
    /** r after the step. */
    RATE("rate"),
    /** M at the step. */
    MODULATION("modulation");

    private final String symbol;

    QlifTrace(String symbol) {
        this.symbol = symbol;
    }

    @Override
    public String symbol() {
        return symbol;
    }
}
