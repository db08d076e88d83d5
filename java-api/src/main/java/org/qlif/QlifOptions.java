// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.qlif.Range.FINITE;
import static org.qlif.Range.NON_NEGATIVE;
import static org.qlif.Range.POSITIVE;
import static org.qlif.Range.within;

import java.util.List;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.DynamicProbability;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifConfig.Readout;
import org.qlif.QlifConfig.Sampling;
import org.qlif.QlifConfig.SpikeValue;
import org.qlif.QlifConfig.Start;

/** The table of QLIF's options, in the order of docs/model.md. */
final class QlifOptions {
    private QlifOptions() {}

    static final OptionTable<QlifConfig, QlifConfig.Builder> TABLE = new OptionTable<>(
                    QlifConfig.class, QlifConfig::toBuilder, QlifConfig.Builder::build)
            .number("dt", POSITIVE, QlifConfig::dt, QlifConfig.Builder::dt)
            .number("v_reset", FINITE, c -> c.reset().potential(), (b, x) -> b.reset(g -> g.withPotential(x)))
            .number(
                    "reset_fraction",
                    within(0, true, 1, true),
                    c -> c.reset().fraction(),
                    (b, x) -> b.reset(g -> g.withFraction(x)))
            .flag("detach_reset", c -> c.reset().detached(), (b, x) -> b.reset(g -> g.withDetached(x)))
            .flag("stochastic", c -> c.noise().enabled(), (b, x) -> b.noise(g -> g.withEnabled(x)))
            .number("noise_std", NON_NEGATIVE, c -> c.noise().std(), (b, x) -> b.noise(g -> g.withStd(x)))
            .choice("decision", Decision.class, QlifConfig::decision, QlifConfig.Builder::decision)
            .choice(
                    "sampling",
                    Sampling.class,
                    c -> c.sigmoid().sampling(),
                    (b, x) -> b.sigmoid(g -> g.withSampling(x)))
            .choice("spike_value", SpikeValue.class, QlifConfig::spikeValue, QlifConfig.Builder::spikeValue)
            .choice("angle_map", AngleMap.class, c -> c.qubit().angleMap(), (b, x) -> b.qubit(g -> g.withAngleMap(x)))
            .number(
                    "theta_max",
                    within(0, false, Math.PI, true),
                    c -> c.qubit().thetaMax(),
                    (b, x) -> b.qubit(g -> g.withThetaMax(x)))
            .number("quantum_leak", NON_NEGATIVE, c -> c.qubit().leak(), (b, x) -> b.qubit(g -> g.withLeak(x)))
            .choice("readout", Readout.class, c -> c.qubit().readout(), (b, x) -> b.qubit(g -> g.withReadout(x)))
            .whole("quantum_wires", 1, 64, c -> c.qubit().wires(), (b, x) -> b.qubit(g -> g.withWires(x)))
            .number(
                    "quantum_threshold",
                    within(-1, false, 1, false),
                    c -> c.qubit().threshold(),
                    (b, x) -> b.qubit(g -> g.withThreshold(x)))
            .number(
                    "probability_floor",
                    within(0, true, 0.5, false),
                    QlifConfig::probabilityFloor,
                    QlifConfig.Builder::probabilityFloor)
            .choice("surrogate", Surrogate.class, QlifConfig::surrogate, QlifConfig.Builder::surrogate)
            .number("surrogate_alpha", POSITIVE, QlifConfig::surrogateAlpha, QlifConfig.Builder::surrogateAlpha)
            .flag(
                    "dynamic_probability",
                    c -> c.dynamicProbability().enabled(),
                    (b, x) -> b.dynamicProbability(g -> g.withEnabled(x)))
            .number("base_alpha", POSITIVE, c -> c.sigmoid().alpha(), (b, x) -> b.sigmoid(g -> g.withAlpha(x)))
            .derivable(
                    "dsp_decay",
                    NON_NEGATIVE,
                    c -> c.dynamicProbability().decay(),
                    QlifConfig::dspDecay,
                    (b, x) -> b.dynamicProbability(g -> new DynamicProbability(g.enabled(), x, g.jump(), g.tauAdapt())))
            .number(
                    "dsp_jump",
                    NON_NEGATIVE,
                    c -> c.dynamicProbability().jump(),
                    (b, x) -> b.dynamicProbability(g -> g.withJump(x)))
            .number(
                    "tau_adapt",
                    POSITIVE,
                    c -> c.dynamicProbability().tauAdapt(),
                    (b, x) -> b.dynamicProbability(g -> g.withTauAdapt(x)))
            .number(
                    "min_alpha",
                    POSITIVE,
                    c -> c.sigmoid().minAlpha(),
                    (b, x) -> b.sigmoid(g -> g.withAlphaBounds(x, g.maxAlpha())))
            .number(
                    "max_alpha",
                    POSITIVE,
                    c -> c.sigmoid().maxAlpha(),
                    (b, x) -> b.sigmoid(g -> g.withAlphaBounds(g.minAlpha(), x)))
            .flag("refractory", c -> c.refractoriness().enabled(), (b, x) -> b.refractoriness(g -> g.withEnabled(x)))
            .number("tau_ref", POSITIVE, c -> c.refractoriness().tau(), (b, x) -> b.refractoriness(g -> g.withTau(x)))
            .number(
                    "r_jump",
                    NON_NEGATIVE,
                    c -> c.refractoriness().jump(),
                    (b, x) -> b.refractoriness(g -> g.withJump(x)))
            .flag("use_adaptation", c -> c.adaptation().enabled(), (b, x) -> b.adaptation(g -> g.withEnabled(x)))
            .number(
                    "adaptation_decay",
                    NON_NEGATIVE,
                    c -> c.adaptation().decay(),
                    (b, x) -> b.adaptation(g -> g.withDecay(x)))
            .number(
                    "spike_increase",
                    NON_NEGATIVE,
                    c -> c.adaptation().increase(),
                    (b, x) -> b.adaptation(g -> g.withIncrease(x)))
            .flag("use_depression", c -> c.depression().enabled(), (b, x) -> b.depression(g -> g.withEnabled(x)))
            .number(
                    "depression_rate",
                    within(0, true, 1, true),
                    c -> c.depression().rate(),
                    (b, x) -> b.depression(g -> g.withRate(x)))
            .number(
                    "recovery_rate",
                    NON_NEGATIVE,
                    c -> c.depression().recovery(),
                    (b, x) -> b.depression(g -> g.withRecovery(x)))
            .flag("use_ahp", c -> c.ahp().enabled(), (b, x) -> b.ahp(g -> g.withEnabled(x)))
            .number("tau_ahp", POSITIVE, c -> c.ahp().tau(), (b, x) -> b.ahp(g -> g.withTau(x)))
            .number("ahp_jump", NON_NEGATIVE, c -> c.ahp().jump(), (b, x) -> b.ahp(g -> g.withJump(x)))
            .number("g_ahp", FINITE, c -> c.ahp().conductance(), (b, x) -> b.ahp(g -> g.withConductance(x)))
            .number("ahp_max", POSITIVE, c -> c.ahp().max(), (b, x) -> b.ahp(g -> g.withMax(x)))
            .flag(
                    "use_adaptive_threshold",
                    c -> c.adaptiveThreshold().enabled(),
                    (b, x) -> b.adaptiveThreshold(g -> g.withEnabled(x)))
            .number(
                    "min_threshold",
                    POSITIVE,
                    c -> c.adaptiveThreshold().min(),
                    (b, x) -> b.adaptiveThreshold(g -> g.withBounds(x, g.max())))
            .number(
                    "max_threshold",
                    POSITIVE,
                    c -> c.adaptiveThreshold().max(),
                    (b, x) -> b.adaptiveThreshold(g -> g.withBounds(g.min(), x)))
            .flag("homeostasis_enabled", c -> c.homeostasis().enabled(), (b, x) -> b.homeostasis(g -> g.withEnabled(x)))
            .number(
                    "homeostasis_target_rate",
                    within(0, true, 1, true),
                    c -> c.homeostasis().targetRate(),
                    (b, x) -> b.homeostasis(g -> g.withTargetRate(x)))
            .number(
                    "homeostasis_lr",
                    FINITE,
                    c -> c.homeostasis().learningRate(),
                    (b, x) -> b.homeostasis(g -> g.withLearningRate(x)))
            .number("homeostasis_tau", POSITIVE, c -> c.homeostasis().tau(), (b, x) -> b.homeostasis(g -> g.withTau(x)))
            .choice(
                    "neuromod_mode",
                    NeuromodMode.class,
                    c -> c.neuromodulation().mode(),
                    (b, x) -> b.neuromodulation(g -> g.withMode(x)))
            .number(
                    "neuromod_strength",
                    FINITE,
                    c -> c.neuromodulation().strength(),
                    (b, x) -> b.neuromodulation(g -> g.withStrength(x)))
            .choice(
                    "neuromod_transform",
                    List.of(BuiltInTransform.values()),
                    c -> c.neuromodulation().transform(),
                    (b, x) -> b.neuromodulation(g -> g.withTransform(x)))
            .number("v_th", FINITE, c -> c.start().vTh(), QlifConfig.Builder::vTh)
            .number("tau", POSITIVE, c -> c.start().tau(), QlifConfig.Builder::tau)
            .number("eta", FINITE, c -> c.start().eta(), QlifConfig.Builder::eta)
            .derivable(
                    "q_scale",
                    FINITE,
                    c -> c.start().qScale(),
                    QlifConfig::qScale,
                    (b, x) -> b.start(g -> new Start(
                            g.vTh(), g.tau(), g.eta(), x, g.qBias(), g.initialProbability(), g.initialSlope())))
            .derivable(
                    "q_bias",
                    FINITE,
                    c -> c.start().qBias(),
                    QlifConfig::qBias,
                    (b, x) -> b.start(g -> new Start(
                            g.vTh(), g.tau(), g.eta(), g.qScale(), x, g.initialProbability(), g.initialSlope())))
            .number(
                    "initial_probability",
                    within(0, false, 1, false),
                    c -> c.start().initialProbability(),
                    (b, x) -> b.start(g -> g.withCalibration(x, g.initialSlope())))
            .number(
                    "initial_slope",
                    FINITE,
                    c -> c.start().initialSlope(),
                    (b, x) -> b.start(g -> g.withCalibration(g.initialProbability(), x)));
}
