// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.qlif.Range.FINITE;
import static org.qlif.Range.NON_NEGATIVE;
import static org.qlif.Range.POSITIVE;
import static org.qlif.Range.within;

import java.util.List;
import java.util.OptionalDouble;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.DynamicProbability;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifConfig.Readout;
import org.qlif.QlifConfig.Sampling;
import org.qlif.QlifConfig.SpikeValue;
import org.qlif.QlifConfig.Start;

/** The table of QLIF's options, in the order of docs/model.md. */
final class QlifOptions extends OptionTable<QlifConfig, QlifConfig.Builder> {
    static final QlifOptions TABLE = new QlifOptions();

    private QlifOptions() {
        super(QlifConfig.class);
        number("dt", POSITIVE);
        number("v_reset", FINITE);
        number("reset_fraction", within(0, true, 1, true));
        flag("detach_reset");
        flag("stochastic");
        number("noise_std", NON_NEGATIVE);
        choice("decision", List.of(Decision.values()));
        choice("sampling", List.of(Sampling.values()));
        choice("spike_value", List.of(SpikeValue.values()));
        choice("angle_map", List.of(AngleMap.values()));
        number("theta_max", within(0, false, Math.PI, true));
        number("quantum_leak", NON_NEGATIVE);
        choice("readout", List.of(Readout.values()));
        whole("quantum_wires", 1, 64);
        number("quantum_threshold", within(-1, false, 1, false));
        number("probability_floor", within(0, true, 0.5, false));
        choice("surrogate", List.of(Surrogate.values()));
        number("surrogate_alpha", POSITIVE);
        flag("dynamic_probability");
        number("base_alpha", POSITIVE);
        derivable("dsp_decay", NON_NEGATIVE);
        number("dsp_jump", NON_NEGATIVE);
        number("tau_adapt", POSITIVE);
        number("min_alpha", POSITIVE);
        number("max_alpha", POSITIVE);
        flag("refractory");
        number("tau_ref", POSITIVE);
        number("r_jump", NON_NEGATIVE);
        flag("use_adaptation");
        number("adaptation_decay", NON_NEGATIVE);
        number("spike_increase", NON_NEGATIVE);
        flag("use_depression");
        number("depression_rate", within(0, true, 1, true));
        number("recovery_rate", NON_NEGATIVE);
        flag("use_ahp");
        number("tau_ahp", POSITIVE);
        number("ahp_jump", NON_NEGATIVE);
        number("g_ahp", FINITE);
        number("ahp_max", POSITIVE);
        flag("use_adaptive_threshold");
        number("min_threshold", POSITIVE);
        number("max_threshold", POSITIVE);
        flag("homeostasis_enabled");
        number("homeostasis_target_rate", within(0, true, 1, true));
        number("homeostasis_lr", FINITE);
        number("homeostasis_tau", POSITIVE);
        choice("neuromod_mode", List.of(NeuromodMode.values()));
        number("neuromod_strength", FINITE);
        choice("neuromod_transform", List.of(BuiltInTransform.values()));
        number("v_th", FINITE);
        number("tau", POSITIVE);
        number("eta", FINITE);
        derivable("q_scale", FINITE);
        derivable("q_bias", FINITE);
        number("initial_probability", within(0, false, 1, false));
        number("initial_slope", FINITE);
    }

    @Override
    QlifConfig.Builder toBuilder(QlifConfig config) {
        return config.toBuilder();
    }

    @Override
    QlifConfig build(QlifConfig.Builder builder) {
        return builder.build();
    }

    @Override
    Object get(QlifConfig c, String option) {
        return switch (option) {
            case "dt" -> c.dt();
            case "v_reset" -> c.reset().potential();
            case "reset_fraction" -> c.reset().fraction();
            case "detach_reset" -> c.reset().detached();
            case "stochastic" -> c.noise().enabled();
            case "noise_std" -> c.noise().std();
            case "decision" -> c.decision();
            case "sampling" -> c.sigmoid().sampling();
            case "spike_value" -> c.spikeValue();
            case "angle_map" -> c.qubit().angleMap();
            case "theta_max" -> c.qubit().thetaMax();
            case "quantum_leak" -> c.qubit().leak();
            case "readout" -> c.qubit().readout();
            case "quantum_wires" -> c.qubit().wires();
            case "quantum_threshold" -> c.qubit().threshold();
            case "probability_floor" -> c.probabilityFloor();
            case "surrogate" -> c.surrogate();
            case "surrogate_alpha" -> c.surrogateAlpha();
            case "dynamic_probability" -> c.dynamicProbability().enabled();
            case "base_alpha" -> c.sigmoid().alpha();
            case "dsp_decay" -> c.dspDecay();
            case "dsp_jump" -> c.dynamicProbability().jump();
            case "tau_adapt" -> c.dynamicProbability().tauAdapt();
            case "min_alpha" -> c.sigmoid().minAlpha();
            case "max_alpha" -> c.sigmoid().maxAlpha();
            case "refractory" -> c.refractoriness().enabled();
            case "tau_ref" -> c.refractoriness().tau();
            case "r_jump" -> c.refractoriness().jump();
            case "use_adaptation" -> c.adaptation().enabled();
            case "adaptation_decay" -> c.adaptation().decay();
            case "spike_increase" -> c.adaptation().increase();
            case "use_depression" -> c.depression().enabled();
            case "depression_rate" -> c.depression().rate();
            case "recovery_rate" -> c.depression().recovery();
            case "use_ahp" -> c.ahp().enabled();
            case "tau_ahp" -> c.ahp().tau();
            case "ahp_jump" -> c.ahp().jump();
            case "g_ahp" -> c.ahp().conductance();
            case "ahp_max" -> c.ahp().max();
            case "use_adaptive_threshold" -> c.adaptiveThreshold().enabled();
            case "min_threshold" -> c.adaptiveThreshold().min();
            case "max_threshold" -> c.adaptiveThreshold().max();
            case "homeostasis_enabled" -> c.homeostasis().enabled();
            case "homeostasis_target_rate" -> c.homeostasis().targetRate();
            case "homeostasis_lr" -> c.homeostasis().learningRate();
            case "homeostasis_tau" -> c.homeostasis().tau();
            case "neuromod_mode" -> c.neuromodulation().mode();
            case "neuromod_strength" -> c.neuromodulation().strength();
            case "neuromod_transform" -> c.neuromodulation().transform();
            case "v_th" -> c.start().vTh();
            case "tau" -> c.start().tau();
            case "eta" -> c.start().eta();
            case "q_scale" -> c.qScale();
            case "q_bias" -> c.qBias();
            case "initial_probability" -> c.start().initialProbability();
            case "initial_slope" -> c.start().initialSlope();
            default -> throw unknown(option);
        };
    }

    @Override
    OptionalDouble given(QlifConfig c, String option) {
        return switch (option) {
            case "dsp_decay" -> c.dynamicProbability().decay();
            case "q_scale" -> c.start().qScale();
            case "q_bias" -> c.start().qBias();
            default -> throw unknown(option);
        };
    }

    @Override
    void set(QlifConfig.Builder b, String option, Object x) {
        switch (option) {
            case "dt" -> b.dt((double) x);
            case "v_reset" -> b.reset(g -> g.withPotential((double) x));
            case "reset_fraction" -> b.reset(g -> g.withFraction((double) x));
            case "detach_reset" -> b.reset(g -> g.withDetached((boolean) x));
            case "stochastic" -> b.noise(g -> g.withEnabled((boolean) x));
            case "noise_std" -> b.noise(g -> g.withStd((double) x));
            case "decision" -> b.decision((Decision) x);
            case "sampling" -> b.sigmoid(g -> g.withSampling((Sampling) x));
            case "spike_value" -> b.spikeValue((SpikeValue) x);
            case "angle_map" -> b.qubit(g -> g.withAngleMap((AngleMap) x));
            case "theta_max" -> b.qubit(g -> g.withThetaMax((double) x));
            case "quantum_leak" -> b.qubit(g -> g.withLeak((double) x));
            case "readout" -> b.qubit(g -> g.withReadout((Readout) x));
            case "quantum_wires" -> b.qubit(g -> g.withWires((int) x));
            case "quantum_threshold" -> b.qubit(g -> g.withThreshold((double) x));
            case "probability_floor" -> b.probabilityFloor((double) x);
            case "surrogate" -> b.surrogate((Surrogate) x);
            case "surrogate_alpha" -> b.surrogateAlpha((double) x);
            case "dynamic_probability" -> b.dynamicProbability(g -> g.withEnabled((boolean) x));
            case "base_alpha" -> b.sigmoid(g -> g.withAlpha((double) x));
            case "dsp_decay" ->
                b.dynamicProbability(
                        g -> new DynamicProbability(g.enabled(), (OptionalDouble) x, g.jump(), g.tauAdapt()));
            case "dsp_jump" -> b.dynamicProbability(g -> g.withJump((double) x));
            case "tau_adapt" -> b.dynamicProbability(g -> g.withTauAdapt((double) x));
            case "min_alpha" -> b.sigmoid(g -> g.withAlphaBounds((double) x, g.maxAlpha()));
            case "max_alpha" -> b.sigmoid(g -> g.withAlphaBounds(g.minAlpha(), (double) x));
            case "refractory" -> b.refractoriness(g -> g.withEnabled((boolean) x));
            case "tau_ref" -> b.refractoriness(g -> g.withTau((double) x));
            case "r_jump" -> b.refractoriness(g -> g.withJump((double) x));
            case "use_adaptation" -> b.adaptation(g -> g.withEnabled((boolean) x));
            case "adaptation_decay" -> b.adaptation(g -> g.withDecay((double) x));
            case "spike_increase" -> b.adaptation(g -> g.withIncrease((double) x));
            case "use_depression" -> b.depression(g -> g.withEnabled((boolean) x));
            case "depression_rate" -> b.depression(g -> g.withRate((double) x));
            case "recovery_rate" -> b.depression(g -> g.withRecovery((double) x));
            case "use_ahp" -> b.ahp(g -> g.withEnabled((boolean) x));
            case "tau_ahp" -> b.ahp(g -> g.withTau((double) x));
            case "ahp_jump" -> b.ahp(g -> g.withJump((double) x));
            case "g_ahp" -> b.ahp(g -> g.withConductance((double) x));
            case "ahp_max" -> b.ahp(g -> g.withMax((double) x));
            case "use_adaptive_threshold" -> b.adaptiveThreshold(g -> g.withEnabled((boolean) x));
            case "min_threshold" -> b.adaptiveThreshold(g -> g.withBounds((double) x, g.max()));
            case "max_threshold" -> b.adaptiveThreshold(g -> g.withBounds(g.min(), (double) x));
            case "homeostasis_enabled" -> b.homeostasis(g -> g.withEnabled((boolean) x));
            case "homeostasis_target_rate" -> b.homeostasis(g -> g.withTargetRate((double) x));
            case "homeostasis_lr" -> b.homeostasis(g -> g.withLearningRate((double) x));
            case "homeostasis_tau" -> b.homeostasis(g -> g.withTau((double) x));
            case "neuromod_mode" -> b.neuromodulation(g -> g.withMode((NeuromodMode) x));
            case "neuromod_strength" -> b.neuromodulation(g -> g.withStrength((double) x));
            case "neuromod_transform" -> b.neuromodulation(g -> g.withTransform((NeuromodTransform) x));
            case "v_th" -> b.vTh((double) x);
            case "tau" -> b.tau((double) x);
            case "eta" -> b.eta((double) x);
            case "q_scale" ->
                b.start(g -> new Start(
                        g.vTh(),
                        g.tau(),
                        g.eta(),
                        (OptionalDouble) x,
                        g.qBias(),
                        g.initialProbability(),
                        g.initialSlope()));
            case "q_bias" ->
                b.start(g -> new Start(
                        g.vTh(),
                        g.tau(),
                        g.eta(),
                        g.qScale(),
                        (OptionalDouble) x,
                        g.initialProbability(),
                        g.initialSlope()));
            case "initial_probability" -> b.start(g -> g.withCalibration((double) x, g.initialSlope()));
            case "initial_slope" -> b.start(g -> g.withCalibration(g.initialProbability(), (double) x));
            default -> throw unknown(option);
        }
    }
}
