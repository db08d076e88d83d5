// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import org.jspecify.annotations.Nullable;

/**
 * What a QLIF forward call can write for every neuron-step besides spikes, spike values and potentials. State variables are
 * traced after the step, so that the last row is the final state.
 *
 * <pre>{@code
 * Tensor thresholds = Tensor.zeros(DType.F32, steps, batch, neurons);
 * kernel.forward(forward.trace(QlifTrace.THRESHOLD, thresholds));
 * }</pre>
 */
public enum QlifTrace implements Trace {
    /** p, the spike probability after clamping and refractory damping; the spike itself in THRESHOLD mode. */
    PROBABILITY("p", null),
    /** The membrane gap V' - theta that the decision saw. */
    DELTA("delta", null),
    /** theta, the effective threshold that the decision saw. */
    THRESHOLD("threshold", null),
    /** A after the step. */
    ADAPTATION("adaptation", QlifVariable.ADAPTATION),
    /** S after the step. */
    EFFICIENCY("efficiency", QlifVariable.EFFICIENCY),
    /** R after the step. */
    REFRACTORY("refractory", QlifVariable.REFRACTORY),
    /** H after the step. */
    AHP("ahp", QlifVariable.AHP),
    /** D after the step. */
    DYNAMIC_PROBABILITY("dsp", QlifVariable.DYNAMIC_PROBABILITY),
    /** h after the step. */
    HOMEOSTASIS("homeostasis_offset", QlifVariable.HOMEOSTASIS),
    /**
     * The probability slope: alpha * c in QUBIT mode (times 1 + kappa * M in PROB_SLOPE mode), a in SIGMOID mode, 0 in
     * THRESHOLD mode, which has no probability.
     */
    SLOPE("slope", null),
    /** o after the step. */
    THRESHOLD_OFFSET("threshold_offset", QlifVariable.THRESHOLD_OFFSET),
    /** r after the step. */
    RATE("rate", QlifVariable.RATE),
    /** M at the step. */
    MODULATION("modulation", QlifVariable.MODULATION);

    private final String symbol;
    private final @Nullable QlifVariable variable;

    QlifTrace(String symbol, @Nullable QlifVariable variable) {
        this.symbol = symbol;
        this.variable = variable;
    }

    @Override
    public String symbol() {
        return symbol;
    }

    @Override
    public @Nullable QlifVariable variable() {
        return variable;
    }
}
