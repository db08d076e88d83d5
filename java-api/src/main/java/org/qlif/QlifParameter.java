// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * The differentiable parameters of the QLIF model, each of length N or 1.
 *
 * <pre>{@code
 * QlifLayer layer = QlifLayer.builder(128).learn(QlifParameter.V_TH, QlifParameter.TAU).build();
 * float start = layer.config().defaultValue(QlifParameter.TAU);
 * }</pre>
 */
public enum QlifParameter implements NeuronParameter {
    /** V_th, the base threshold. */
    V_TH("v_th"),
    /** tau, the membrane time constant, in the unit of dt; must be positive. */
    TAU("tau"),
    /** eta, the step of the adaptive threshold. */
    ETA("eta"),
    /** The qubit scale, alpha in the equations: rotation per unit of membrane gap. */
    Q_SCALE("q_scale"),
    /** The qubit bias, beta in the equations: rotation at a gap of 0, before the quantum leak. */
    Q_BIAS("q_bias");

    private final String symbol;

    QlifParameter(String symbol) {
        this.symbol = symbol;
    }

    @Override
    public String symbol() {
        return symbol;
    }
}
