package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.qlif.LifConfig;
import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.Surrogate;
import org.qlif.gpu.ffi.qlif.qlif_config;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.gpu.ffi.qlif.qlif_lif_config;
import org.qlif.gpu.ffi.qlif.qlif_qlif_config;

/** A configuration as the library takes it: its options and numbers as they are; the library derives its constants itself. */
final class NativeConfig {
    private NativeConfig() {}

    /**
     * The struct of {@code config}, which begins with a {@code qlif_config}.
     *
     * @throws IllegalArgumentException if the modulation is transformed by a Java function, which no native code can call
     */
    static MemorySegment of(NeuronConfig config, Arena arena) {
        return switch (config) {
            case QlifConfig qlif -> {
                MemorySegment struct = arena.allocate(qlif_qlif_config.layout());
                set(struct, qlif);
                yield struct;
            }
            case LifConfig lif -> {
                MemorySegment struct = arena.allocate(qlif_lif_config.layout());
                set(struct, lif);
                yield struct;
            }
        };
    }

    /** Fills a {@code qlif_qlif_config}. */
    static void set(MemorySegment struct, QlifConfig config) {
        setHeader(struct, qlif_qlif_config.layout().byteSize(), qlif_h.QLIF_MODEL_QLIF());
        setOptions(struct, config);
        setNumbers(struct, config);
    }

    /** Fills a {@code qlif_lif_config}. */
    static void set(MemorySegment struct, LifConfig config) {
        setHeader(struct, qlif_lif_config.layout().byteSize(), qlif_h.QLIF_MODEL_LIF());
        qlif_lif_config.surrogate(struct, surrogate(config.surrogate()));
        qlif_lif_config.dt(struct, config.dt());
        qlif_lif_config.v_leak(struct, config.vLeak());
        qlif_lif_config.v_reset(struct, config.vReset());
        qlif_lif_config.surrogate_alpha(struct, config.surrogateAlpha());
        qlif_lif_config.tau_syn_inv(struct, config.tauSynInv());
        qlif_lif_config.tau_mem_inv(struct, config.tauMemInv());
        qlif_lif_config.v_th(struct, config.vTh());
    }

    private static void setHeader(MemorySegment struct, long size, int model) {
        qlif_config.size(struct, (int) size);
        qlif_config.model(struct, model);
    }

    private static void setOptions(MemorySegment struct, QlifConfig config) {
        qlif_qlif_config.detach_reset(struct, flag(config.detachReset()));
        qlif_qlif_config.stochastic(struct, flag(config.stochastic()));
        qlif_qlif_config.decision(struct, decision(config));
        qlif_qlif_config.sampling(struct, sampling(config));
        qlif_qlif_config.spike_value(struct, spikeValue(config));
        qlif_qlif_config.angle_map(struct, angleMap(config));
        qlif_qlif_config.readout(struct, readout(config));
        qlif_qlif_config.quantum_wires(struct, config.quantumWires());
        qlif_qlif_config.surrogate(struct, surrogate(config.surrogate()));
        qlif_qlif_config.dynamic_probability(struct, flag(config.dynamicProbability()));
        qlif_qlif_config.refractory(struct, flag(config.refractory()));
        qlif_qlif_config.use_adaptation(struct, flag(config.useAdaptation()));
        qlif_qlif_config.use_depression(struct, flag(config.useDepression()));
        qlif_qlif_config.use_ahp(struct, flag(config.useAhp()));
        qlif_qlif_config.use_adaptive_threshold(struct, flag(config.useAdaptiveThreshold()));
        qlif_qlif_config.homeostasis_enabled(struct, flag(config.homeostasisEnabled()));
        qlif_qlif_config.neuromod_mode(struct, neuromodMode(config));
        qlif_qlif_config.neuromod_transform(struct, transform(config));
    }

    private static void setNumbers(MemorySegment struct, QlifConfig config) {
        qlif_qlif_config.v_reset(struct, config.vReset());
        qlif_qlif_config.reset_fraction(struct, config.resetFraction());
        qlif_qlif_config.dt(struct, config.dt());
        qlif_qlif_config.noise_std(struct, config.noiseStd());
        qlif_qlif_config.theta_max(struct, config.thetaMax());
        qlif_qlif_config.quantum_leak(struct, config.quantumLeak());
        qlif_qlif_config.quantum_threshold(struct, config.quantumThreshold());
        qlif_qlif_config.probability_floor(struct, config.probabilityFloor());
        qlif_qlif_config.surrogate_alpha(struct, config.surrogateAlpha());
        qlif_qlif_config.base_alpha(struct, config.baseAlpha());
        qlif_qlif_config.dsp_decay(struct, config.dspDecay());
        qlif_qlif_config.dsp_jump(struct, config.dspJump());
        qlif_qlif_config.min_alpha(struct, config.minAlpha());
        qlif_qlif_config.max_alpha(struct, config.maxAlpha());
        qlif_qlif_config.tau_ref(struct, config.tauRef());
        qlif_qlif_config.r_jump(struct, config.rJump());
        qlif_qlif_config.adaptation_decay(struct, config.adaptationDecay());
        qlif_qlif_config.spike_increase(struct, config.spikeIncrease());
        qlif_qlif_config.depression_rate(struct, config.depressionRate());
        qlif_qlif_config.recovery_rate(struct, config.recoveryRate());
        qlif_qlif_config.tau_ahp(struct, config.tauAhp());
        qlif_qlif_config.ahp_jump(struct, config.ahpJump());
        qlif_qlif_config.g_ahp(struct, config.gAhp());
        qlif_qlif_config.ahp_max(struct, config.ahpMax());
        qlif_qlif_config.min_threshold(struct, config.minThreshold());
        qlif_qlif_config.max_threshold(struct, config.maxThreshold());
        qlif_qlif_config.homeostasis_target_rate(struct, config.homeostasisTargetRate());
        qlif_qlif_config.homeostasis_lr(struct, config.homeostasisLr());
        qlif_qlif_config.homeostasis_tau(struct, config.homeostasisTau());
        qlif_qlif_config.neuromod_strength(struct, config.neuromodStrength());
        qlif_qlif_config.v_th(struct, config.vTh());
        qlif_qlif_config.tau(struct, config.tau());
        qlif_qlif_config.eta(struct, config.eta());
        qlif_qlif_config.q_scale(struct, config.qScale());
        qlif_qlif_config.q_bias(struct, config.qBias());
        // What the library would derive from these is given above.
        qlif_qlif_config.tau_adapt(struct, 1);
        qlif_qlif_config.initial_probability(struct, 0.5);
    }

    private static int flag(boolean option) {
        return option ? 1 : 0;
    }

    private static int decision(QlifConfig config) {
        return switch (config.decision()) {
            case QUBIT -> qlif_h.QLIF_DECISION_QUBIT();
            case SIGMOID -> qlif_h.QLIF_DECISION_SIGMOID();
            case THRESHOLD -> qlif_h.QLIF_DECISION_THRESHOLD();
        };
    }

    private static int sampling(QlifConfig config) {
        return switch (config.sampling()) {
            case DRAW -> qlif_h.QLIF_SAMPLING_DRAW();
            case ROUND -> qlif_h.QLIF_SAMPLING_ROUND();
        };
    }

    private static int spikeValue(QlifConfig config) {
        return switch (config.spikeValue()) {
            case SAMPLE -> qlif_h.QLIF_SPIKE_VALUE_SAMPLE();
            case EXPECTED -> qlif_h.QLIF_SPIKE_VALUE_EXPECTED();
        };
    }

    private static int angleMap(QlifConfig config) {
        return switch (config.angleMap()) {
            case LINEAR -> qlif_h.QLIF_ANGLE_LINEAR();
            case TANH -> qlif_h.QLIF_ANGLE_TANH();
        };
    }

    private static int readout(QlifConfig config) {
        return switch (config.readout()) {
            case SINGLE_QUBIT -> qlif_h.QLIF_READOUT_SINGLE_QUBIT();
            case MULTI_QUBIT -> qlif_h.QLIF_READOUT_MULTI_QUBIT();
            case EXPECTATION -> qlif_h.QLIF_READOUT_EXPECTATION();
        };
    }

    private static int surrogate(Surrogate surrogate) {
        return switch (surrogate) {
            case HEAVISIDE -> qlif_h.QLIF_SURROGATE_HEAVISIDE();
            case FAST_SIGMOID -> qlif_h.QLIF_SURROGATE_FAST_SIGMOID();
            case GAUSSIAN -> qlif_h.QLIF_SURROGATE_GAUSSIAN();
            case ARCTAN -> qlif_h.QLIF_SURROGATE_ARCTAN();
        };
    }

    private static int neuromodMode(QlifConfig config) {
        return switch (config.neuromodMode()) {
            case GAIN -> qlif_h.QLIF_NEUROMOD_GAIN();
            case THRESHOLD -> qlif_h.QLIF_NEUROMOD_THRESHOLD();
            case PROB_SLOPE -> qlif_h.QLIF_NEUROMOD_PROB_SLOPE();
            case OFF -> qlif_h.QLIF_NEUROMOD_OFF();
        };
    }

    private static int transform(QlifConfig config) {
        NeuromodTransform transform = config.neuromodTransform();
        if (transform == NeuromodTransform.SIGMOID) {
            return qlif_h.QLIF_TRANSFORM_SIGMOID();
        } else if (transform == NeuromodTransform.IDENTITY) {
            return qlif_h.QLIF_TRANSFORM_IDENTITY();
        }
        throw new IllegalArgumentException(
                "neuromodTransform: got a function of the caller's, expected SIGMOID or IDENTITY, since"
                        + " this device can't call Java");
    }
}
