// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * The differentiable parameters of the LIF model, each of length N or 1.
 *
 * <pre>{@code
 * Parameters parameters = Parameters.shared(LifConfig.defaults());
 * parameters.get(LifParameter.V_TH).fill(0.5f);
 * }</pre>
 */
public enum LifParameter implements NeuronParameter {
    /** tau_syn_inv, the inverse of the synaptic time constant; above 0, and at most 1 when multiplied by dt. */
    TAU_SYN_INV("tau_syn_inv"),
    /** tau_mem_inv, the inverse of the membrane time constant; above 0, and at most 1 when multiplied by dt. */
    TAU_MEM_INV("tau_mem_inv"),
    /** V_th, the threshold. */
    V_TH("v_th");

    private final String symbol;

    LifParameter(String symbol) {
        this.symbol = symbol;
    }

    @Override
    public String symbol() {
        return symbol;
    }
}
