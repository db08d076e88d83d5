package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.gpu.ffi.qlif.qlif_config;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.spi.host.QlifConstants;

/** A configuration as the library takes it: options, and the numbers that {@link QlifConstants} derives. */
final class NativeConfig {
    private NativeConfig() {}

    /**
     * A {@code qlif_config} of {@code config}.
     *
     * @throws IllegalArgumentException if the modulation is transformed by a Java function, which no native code can call
     */
    static MemorySegment of(QlifConfig config, Arena arena) {
        MemorySegment struct = arena.allocate(qlif_config.layout());
        qlif_config.size(struct, (int) struct.byteSize());
        setOptions(struct, config);
        setNumbers(struct, QlifConstants.of(config));
        return struct;
    }

    private static void setOptions(MemorySegment struct, QlifConfig config) {
        qlif_config.decision(struct, decision(config));
        qlif_config.sampling(struct, sampling(config));
        qlif_config.spike_value(struct, spikeValue(config));
        qlif_config.angle_map(struct, angleMap(config));
        qlif_config.readout(struct, readout(config));
        qlif_config.quantum_wires(struct, config.quantumWires());
        qlif_config.surrogate(struct, surrogate(config));
        qlif_config.neuromod_mode(struct, neuromodMode(config));
        qlif_config.neuromod_transform(struct, transform(config));
        qlif_config.dynamic_probability(struct, flag(config.dynamicProbability()));
        qlif_config.refractory(struct, flag(config.refractory()));
        qlif_config.use_adaptation(struct, flag(config.useAdaptation()));
        qlif_config.use_depression(struct, flag(config.useDepression()));
        qlif_config.use_ahp(struct, flag(config.useAhp()));
        qlif_config.use_adaptive_threshold(struct, flag(config.useAdaptiveThreshold()));
        qlif_config.homeostasis_enabled(struct, flag(config.homeostasisEnabled()));
        qlif_config.detach_reset(struct, flag(config.detachReset()));
        qlif_config.membrane_noise(struct, flag(config.drawsNormals()));
    }

    private static void setNumbers(MemorySegment struct, QlifConstants constants) {
        qlif_config.min_count(struct, constants.minCount());
        qlif_config.kappa(struct, constants.kappa());
        qlif_config.min_threshold(struct, constants.minThreshold());
        qlif_config.max_threshold(struct, constants.maxThreshold());
        qlif_config.g_ahp(struct, constants.gAhp());
        qlif_config.dt(struct, constants.dt());
        qlif_config.sigma(struct, constants.sigma());
        qlif_config.dsp_decay(struct, constants.dspDecay());
        qlif_config.dsp_jump(struct, constants.dspJump());
        qlif_config.theta_max(struct, constants.thetaMax());
        qlif_config.quantum_leak(struct, constants.quantumLeak());
        qlif_config.base_alpha(struct, constants.baseAlpha());
        qlif_config.min_alpha(struct, constants.minAlpha());
        qlif_config.max_alpha(struct, constants.maxAlpha());
        qlif_config.floor(struct, constants.floor());
        qlif_config.ceiling(struct, constants.ceiling());
        qlif_config.expected_above(struct, constants.expectedAbove());
        qlif_config.surrogate_scale(struct, constants.surrogateScale());
        qlif_config.reset_fraction(struct, constants.resetFraction());
        qlif_config.v_reset(struct, constants.vReset());
        qlif_config.refractory_decay(struct, constants.refractoryDecay());
        qlif_config.r_jump(struct, constants.rJump());
        qlif_config.ahp_decay(struct, constants.ahpDecay());
        qlif_config.ahp_jump(struct, constants.ahpJump());
        qlif_config.ahp_max(struct, constants.ahpMax());
        qlif_config.adaptation_decay(struct, constants.adaptationDecay());
        qlif_config.spike_increase(struct, constants.spikeIncrease());
        qlif_config.depression_rate(struct, constants.depressionRate());
        qlif_config.recovery_rate(struct, constants.recoveryRate());
        qlif_config.rate_step(struct, constants.rateStep());
        qlif_config.homeostasis_lr(struct, constants.homeostasisLr());
        qlif_config.target_rate(struct, constants.targetRate());
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

    private static int surrogate(QlifConfig config) {
        return switch (config.surrogate()) {
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
