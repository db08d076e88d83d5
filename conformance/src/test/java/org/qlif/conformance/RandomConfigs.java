package org.qlif.conformance;

import java.util.random.RandomGenerator;
import org.qlif.Device;
import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.Surrogate;

/** Configurations that reach every option and every constant. */
final class RandomConfigs {
    /** A user function: smooth, bounded, and written without intrinsics whose bits a compiler could change. */
    static final NeuromodTransform RATIONAL = new NeuromodTransform() {
        @Override
        public float apply(float m) {
            return m / (1 + Math.abs(m));
        }

        @Override
        public float derivative(float m, float value) {
            float denominator = 1 + Math.abs(m);
            return 1 / (denominator * denominator);
        }

        @Override
        public String toString() {
            return "RATIONAL";
        }
    };

    private RandomConfigs() {}

    /** Whether kernels on {@code device} call functions of the caller's: those that are not written in Java can't. */
    static boolean callsJava(Device device) {
        return device.kind().equals("cpu") && !device.equals(Device.of("cpu:native"));
    }

    /** A configuration that {@code device} can run. */
    static QlifConfig next(RandomGenerator random, Device device) {
        QlifConfig config = next(random);
        return config.neuromodTransform() != RATIONAL || callsJava(device)
                ? config
                : config.toBuilder()
                        .neuromodTransform(NeuromodTransform.SIGMOID)
                        .build();
    }

    private static QlifConfig next(RandomGenerator random) {
        boolean adaptiveThreshold = random.nextInt(4) > 0;
        QlifConfig.Builder builder = QlifConfig.builder()
                .vReset(pick(random, 0, -0.2, 0.1))
                .resetFraction(pick(random, 1, 0.3, 0.7, 0))
                .detachReset(random.nextBoolean())
                .dt(pick(random, 1, 0.5))
                .noiseStd(pick(random, 0.1, 0.3, 0))
                .stochastic(random.nextInt(3) > 0)
                .decision(choose(random, QlifConfig.Decision.values()))
                .sampling(choose(random, QlifConfig.Sampling.values()))
                .spikeValue(choose(random, QlifConfig.SpikeValue.values()))
                .angleMap(choose(random, QlifConfig.AngleMap.values()))
                .thetaMax(pick(random, Math.PI / 2 - 0.005, 1.2, Math.PI))
                .quantumLeak(pick(random, 0.1, 0, 0.35))
                .readout(choose(random, QlifConfig.Readout.values()))
                .quantumWires((int) pick(random, 4, 1, 2, 3, 5, 7, 8, 9))
                .quantumThreshold(pick(random, 0.7, 0.3, -0.4))
                .probabilityFloor(pick(random, 0, 1e-5, 0.02, 0.3))
                .surrogate(choose(random, Surrogate.values()))
                .surrogateAlpha(pick(random, 1, 0.5, 2.5))
                .dynamicProbability(random.nextInt(4) > 0)
                .baseAlpha(pick(random, 2, 5, 0.5))
                .tauAdapt(pick(random, 20, 5, 40))
                .dspJump(pick(random, 1, 1.95, 0, 0.3))
                .minAlpha(pick(random, 0.05, 0.5))
                .maxAlpha(pick(random, 5, 1, 0.5))
                .refractory(random.nextInt(3) > 0)
                .tauRef(pick(random, 6, 2))
                .rJump(pick(random, 1, 0.4, 0))
                .useAdaptation(random.nextInt(3) > 0)
                .adaptationDecay(pick(random, 0.9, 0, 0.5, 1))
                .spikeIncrease(pick(random, 0.5, 0.1, 0))
                .useDepression(random.nextInt(3) > 0)
                .depressionRate(pick(random, 0.1, 0, 0.5, 1))
                .recoveryRate(pick(random, 0.05, 0, 0.3))
                .useAhp(random.nextInt(3) > 0)
                .tauAhp(pick(random, 120, 5))
                .ahpJump(pick(random, 0.3, 1.1, 0))
                .gAhp(pick(random, 0.2, -0.1, 0))
                .ahpMax(pick(random, 2, 0.7))
                .useAdaptiveThreshold(adaptiveThreshold)
                .minThreshold(pick(random, 0.5, 0.9))
                .maxThreshold(pick(random, 2, 1.1))
                .homeostasisEnabled(random.nextInt(3) > 0)
                .homeostasisTargetRate(pick(random, 0.12, 0, 1))
                .homeostasisLr(pick(random, 1e-3, 0.05, -0.01))
                .homeostasisTau(pick(random, 1000, 10, 1))
                .neuromodMode(choose(random, QlifConfig.NeuromodMode.values()))
                .neuromodStrength(pick(random, 1, 0.6, -0.4, 0))
                .neuromodTransform(choose(random, NeuromodTransform.SIGMOID, NeuromodTransform.IDENTITY, RATIONAL));
        return builder.build();
    }

    static double pick(RandomGenerator random, double... choices) {
        return choices[random.nextInt(choices.length)];
    }

    static long pick(RandomGenerator random, long... choices) {
        return choices[random.nextInt(choices.length)];
    }

    @SafeVarargs
    static <E> E choose(RandomGenerator random, E... choices) {
        return choices[random.nextInt(choices.length)];
    }
}
