// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import org.qlif.QlifConfig;

/**
 * The float32 numbers of the QLIF equations, each derived once, in float64, from the configuration, and rounded once: what
 * every backend on the host computes with.
 *
 * @param kappa kappa of the modulation
 * @param minThreshold the lower bound of the adaptive threshold
 * @param maxThreshold the upper bound of the adaptive threshold
 * @param gAhp the conductance of H
 * @param dt the time step
 * @param sigma the noise's standard deviation
 * @param dspDecay the decay of D
 * @param dspJump the rise of D
 * @param thetaMax the largest rotation of TANH
 * @param quantumLeak l
 * @param baseAlpha the SIGMOID slope
 * @param minAlpha the lower bound of the SIGMOID slope
 * @param maxAlpha the upper bound of the SIGMOID slope
 * @param floor the lower bound of p
 * @param ceiling the upper bound of p
 * @param minCount MULTI_QUBIT: how many of the wires must measure 1 for a spike
 * @param expectedAbove EXPECTATION: the p above which there is a spike
 * @param surrogateScale the surrogate's constant: a, or -1 / (2 a^2) for GAUSSIAN
 * @param resetFraction kappa_r
 * @param vReset V_reset
 * @param refractoryDecay exp(-dt / tau_ref)
 * @param rJump the rise of R
 * @param ahpDecay exp(-dt / tau_ahp)
 * @param ahpJump the rise of H
 * @param ahpMax the cap of H
 * @param adaptationDecay the decay of A
 * @param spikeIncrease the rise of A
 * @param depressionRate the share of S that a spike takes
 * @param recoveryRate the recovery of S
 * @param rateStep dt / homeostasis_tau
 * @param homeostasisLr the step of h
 * @param targetRate the rate that h steers to
 */
public record QlifConstants(
        float kappa,
        float minThreshold,
        float maxThreshold,
        float gAhp,
        float dt,
        float sigma,
        float dspDecay,
        float dspJump,
        float thetaMax,
        float quantumLeak,
        float baseAlpha,
        float minAlpha,
        float maxAlpha,
        float floor,
        float ceiling,
        int minCount,
        float expectedAbove,
        float surrogateScale,
        float resetFraction,
        float vReset,
        float refractoryDecay,
        float rJump,
        float ahpDecay,
        float ahpJump,
        float ahpMax,
        float adaptationDecay,
        float spikeIncrease,
        float depressionRate,
        float recoveryRate,
        float rateStep,
        float homeostasisLr,
        float targetRate) {

    /** The least value of 1 + D in the division that gives c. */
    public static final float MIN_SLOPE_DIVISOR = 1e-6f;

    /** The constants of {@code config}. */
    public static QlifConstants of(QlifConfig config) {
        double firing = (1 - config.qubit().threshold()) / 2;
        return new QlifConstants(
                (float) config.neuromodulation().strength(),
                (float) config.adaptiveThreshold().min(),
                (float) config.adaptiveThreshold().max(),
                (float) config.ahp().conductance(),
                (float) config.dt(),
                (float) config.noise().std(),
                (float) config.dspDecay(),
                (float) config.dynamicProbability().jump(),
                (float) config.qubit().thetaMax(),
                (float) config.qubit().leak(),
                (float) config.sigmoid().alpha(),
                (float) config.sigmoid().minAlpha(),
                (float) config.sigmoid().maxAlpha(),
                (float) config.probabilityFloor(),
                (float) (1 - config.probabilityFloor()),
                // count > W * firing, in integers
                (int) Math.floor(config.qubit().wires() * firing) + 1,
                (float) firing,
                (float) config.surrogate().scale(config.surrogateAlpha()),
                (float) config.reset().fraction(),
                (float) config.reset().potential(),
                (float) DoubleMath.expOfNegative(
                        -config.dt() / config.refractoriness().tau()),
                (float) config.refractoriness().jump(),
                (float) DoubleMath.expOfNegative(-config.dt() / config.ahp().tau()),
                (float) config.ahp().jump(),
                (float) config.ahp().max(),
                (float) config.adaptation().decay(),
                (float) config.adaptation().increase(),
                (float) config.depression().rate(),
                (float) config.depression().recovery(),
                (float) (config.dt() / config.homeostasis().tau()),
                (float) config.homeostasis().learningRate(),
                (float) config.homeostasis().targetRate());
    }
}
