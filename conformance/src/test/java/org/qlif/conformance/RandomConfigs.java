// SPDX-License-Identifier: Apache-2.0
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
        return config.neuromodulation().transform() != RATIONAL || callsJava(device)
                ? config
                : config.toBuilder()
                        .neuromodulation(m -> m.withTransform(NeuromodTransform.SIGMOID))
                        .build();
    }

    private static QlifConfig next(RandomGenerator random) {
        boolean adaptiveThreshold = random.nextInt(4) > 0;
        QlifConfig.Builder builder = QlifConfig.builder()
                .reset(reset -> reset.withPotential(pick(random, 0, -0.2, 0.1))
                        .withFraction(pick(random, 1, 0.3, 0.7, 0))
                        .withDetached(random.nextBoolean()))
                .dt(pick(random, 1, 0.5))
                .noise(noise -> noise.withStd(pick(random, 0.1, 0.3, 0)).withEnabled(random.nextInt(3) > 0))
                .decision(choose(random, QlifConfig.Decision.values()))
                .sigmoid(sigmoid -> sigmoid.withSampling(choose(random, QlifConfig.Sampling.values()))
                        .withAlpha(pick(random, 2, 5, 0.5))
                        .withAlphaBounds(pick(random, 0.05, 0.5), pick(random, 5, 1, 0.5)))
                .spikeValue(choose(random, QlifConfig.SpikeValue.values()))
                .qubit(qubit -> qubit.withAngleMap(choose(random, QlifConfig.AngleMap.values()))
                        .withThetaMax(pick(random, Math.PI / 2 - 0.005, 1.2, Math.PI))
                        .withLeak(pick(random, 0.1, 0, 0.35))
                        .withReadout(choose(random, QlifConfig.Readout.values()))
                        .withWires((int) pick(random, 4, 1, 2, 3, 5, 7, 8, 9))
                        .withThreshold(pick(random, 0.7, 0.3, -0.4)))
                .probabilityFloor(pick(random, 0, 1e-5, 0.02, 0.3))
                .surrogate(choose(random, Surrogate.values()))
                .surrogateAlpha(pick(random, 1, 0.5, 2.5))
                .dynamicProbability(d -> d.withEnabled(random.nextInt(4) > 0)
                        .withTauAdapt(pick(random, 20, 5, 40))
                        .withJump(pick(random, 1, 1.95, 0, 0.3)))
                .refractoriness(r -> r.withEnabled(random.nextInt(3) > 0)
                        .withTau(pick(random, 6, 2))
                        .withJump(pick(random, 1, 0.4, 0)))
                .adaptation(a -> a.withEnabled(random.nextInt(3) > 0)
                        .withDecay(pick(random, 0.9, 0, 0.5, 1))
                        .withIncrease(pick(random, 0.5, 0.1, 0)))
                .depression(s -> s.withEnabled(random.nextInt(3) > 0)
                        .withRate(pick(random, 0.1, 0, 0.5, 1))
                        .withRecovery(pick(random, 0.05, 0, 0.3)))
                .ahp(h -> h.withEnabled(random.nextInt(3) > 0)
                        .withTau(pick(random, 120, 5))
                        .withJump(pick(random, 0.3, 1.1, 0))
                        .withConductance(pick(random, 0.2, -0.1, 0))
                        .withMax(pick(random, 2, 0.7)))
                .adaptiveThreshold(threshold -> threshold
                        .withEnabled(adaptiveThreshold)
                        .withBounds(pick(random, 0.5, 0.9), pick(random, 2, 1.1)))
                .homeostasis(h -> h.withEnabled(random.nextInt(3) > 0)
                        .withTargetRate(pick(random, 0.12, 0, 1))
                        .withLearningRate(pick(random, 1e-3, 0.05, -0.01))
                        .withTau(pick(random, 1000, 10, 1)))
                .neuromodulation(m -> m.withMode(choose(random, QlifConfig.NeuromodMode.values()))
                        .withStrength(pick(random, 1, 0.6, -0.4, 0))
                        .withTransform(
                                choose(random, NeuromodTransform.SIGMOID, NeuromodTransform.IDENTITY, RATIONAL)));
        return random.nextInt(4) == 0
                ? builder.dynamicProbability(d -> d.withDecay(pick(random, 0.9, 0.5, 0)))
                        .build()
                : builder.build();
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
