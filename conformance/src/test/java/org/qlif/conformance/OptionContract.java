// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.qlif.ConfigOption;
import org.qlif.Device;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifConfig.Readout;
import org.qlif.QlifConfig.Sampling;
import org.qlif.QlifConfig.SpikeValue;
import org.qlif.QlifVariable;
import org.qlif.Surrogate;
import org.qlif.Tape;

/** No option is forgotten: each changes a run, and one that is off leaves its state alone. */
abstract class OptionContract {
    private static final Shape SHAPE = new Shape(50, 2, 33);

    private final Device device;

    OptionContract(String device) {
        this.device = Device.of(device);
    }

    private Result run(Scenario scenario) {
        try (Kernel kernel =
                Kernel.open(scenario.config(), device, KernelOptions.defaults().withThreads(2))) {
            return scenario.run(kernel, Tape.Mode.COMPACT);
        }
    }

    /** A switch, and the variables that neither change nor pass on anything but their own gradient while it is off. */
    private record Switch(UnaryOperator<QlifConfig.Builder> off, QlifVariable... variables) {}

    /** o acts on the threshold even where it does not adapt, so that its gradient is not its own alone. */
    private static final Map<String, Switch> SWITCHES = Map.of(
            "use_adaptation", new Switch(b -> b.adaptation(QlifConfig.Adaptation::off), QlifVariable.ADAPTATION),
            "use_depression", new Switch(b -> b.depression(QlifConfig.Depression::off), QlifVariable.EFFICIENCY),
            "refractory", new Switch(b -> b.refractoriness(QlifConfig.Refractoriness::off), QlifVariable.REFRACTORY),
            "use_ahp", new Switch(b -> b.ahp(QlifConfig.Ahp::off), QlifVariable.AHP),
            "dynamic_probability",
                    new Switch(
                            b -> b.dynamicProbability(QlifConfig.DynamicProbability::off),
                            QlifVariable.DYNAMIC_PROBABILITY),
            "use_adaptive_threshold",
                    new Switch(
                            b -> b.adaptiveThreshold(QlifConfig.AdaptiveThreshold::off), QlifVariable.THRESHOLD_OFFSET),
            "homeostasis_enabled",
                    new Switch(
                            b -> b.homeostasis(QlifConfig.Homeostasis::off),
                            QlifVariable.RATE,
                            QlifVariable.HOMEOSTASIS));

    @TestFactory
    Stream<DynamicTest> whatIsOffLeavesItsStateAlone() {
        return SWITCHES.entrySet().stream()
                .map(entry -> dynamicTest(entry.getKey(), () -> leavesItsStateAlone(entry.getValue())));
    }

    private void leavesItsStateAlone(Switch option) {
        for (int i = 0; i < Seeds.cases(12); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            QlifConfig config = option.off()
                    .apply(RandomConfigs.next(random, device).toBuilder())
                    .build();
            float[][] initial = new float[QlifVariable.values().length][];
            float[][] upstream = new float[QlifVariable.values().length][];
            for (QlifVariable variable : QlifVariable.values()) {
                initial[variable.ordinal()] = Scenario.gaussian(random, SHAPE.elements(), 0.5, 0.1);
                upstream[variable.ordinal()] = Scenario.gaussian(random, SHAPE.elements(), 0, 1);
            }
            Scenario scenario = Scenario.random(random, config, SHAPE).time(0, SHAPE.steps(), initial, upstream);
            String context = Seeds.replay(seed) + ": " + scenario;
            Result result = run(scenario);
            for (QlifVariable variable : option.variables()) {
                String symbol = variable.symbol();
                Result.Bits.assertSame(
                        initial[variable.ordinal()], result.floats("final." + symbol), symbol + "; " + context);
                if (variable == QlifVariable.THRESHOLD_OFFSET) {
                    continue;
                }
                Result.Bits.assertSame(
                        TestModel.QLIF.withoutGradient().contains(variable)
                                ? new float[SHAPE.elements()]
                                : upstream[variable.ordinal()],
                        result.floats("grad.initial." + symbol),
                        "gradient of " + symbol + "; " + context);
            }
        }
    }

    /** A configuration, and one that differs in the option alone. */
    private record Pair(NeuronConfig one, NeuronConfig other) {}

    private static Pair pair(UnaryOperator<QlifConfig.Builder> common, UnaryOperator<QlifConfig.Builder> change) {
        return new Pair(
                common.apply(QlifConfig.builder()).build(),
                change.apply(common.apply(QlifConfig.builder())).build());
    }

    private static Pair pair(UnaryOperator<QlifConfig.Builder> change) {
        return pair(b -> b, change);
    }

    private static Pair lif(UnaryOperator<LifConfig.Builder> change) {
        return new Pair(LifConfig.defaults(), change.apply(LifConfig.builder()).build());
    }

    /** Where parameters start, which a scenario gives itself. */
    private static final Set<String> NOT_OF_A_RUN = Set.of(
            "v_th",
            "tau",
            "eta",
            "q_scale",
            "q_bias",
            "initial_probability",
            "initial_slope",
            "tau_syn_inv",
            "tau_mem_inv");

    private static List<ConfigOption> optionsOfARun(NeuronConfig config) {
        return config.options().stream()
                .filter(option -> !NOT_OF_A_RUN.contains(option.name()))
                .toList();
    }

    private static Map<String, Pair> qlifPairs() {
        UnaryOperator<QlifConfig.Builder> sigmoid = b -> b.decision(Decision.SIGMOID);
        UnaryOperator<QlifConfig.Builder> threshold = b -> b.decision(Decision.THRESHOLD);
        UnaryOperator<QlifConfig.Builder> tanh = b -> b.qubit(qubit -> qubit.withAngleMap(AngleMap.TANH));
        UnaryOperator<QlifConfig.Builder> wires =
                b -> b.qubit(qubit -> qubit.withReadout(Readout.MULTI_QUBIT).withThreshold(0.3));
        return Map.ofEntries(
                Map.entry("v_reset", pair(b -> b.reset(reset -> reset.withPotential(-0.25)))),
                Map.entry("reset_fraction", pair(b -> b.reset(reset -> reset.withFraction(0.5)))),
                Map.entry("detach_reset", pair(b -> b.reset(reset -> reset.withDetached(false)))),
                Map.entry(
                        "dt",
                        pair(b -> b.dynamicProbability(d -> d.withDecay(0.9)).dt(0.5), b -> b.dt(1))),
                Map.entry("noise_std", pair(b -> b.noise(noise -> noise.withStd(0.3)))),
                Map.entry("stochastic", pair(b -> b.noise(QlifConfig.Noise::off))),
                Map.entry("decision", pair(threshold)),
                Map.entry("sampling", pair(sigmoid, b -> b.sigmoid(g -> g.withSampling(Sampling.ROUND)))),
                Map.entry("spike_value", pair(b -> b.spikeValue(SpikeValue.EXPECTED))),
                Map.entry("angle_map", pair(tanh)),
                Map.entry("theta_max", pair(tanh, b -> b.qubit(qubit -> qubit.withThetaMax(1.2)))),
                Map.entry("quantum_leak", pair(b -> b.qubit(qubit -> qubit.withLeak(0.4)))),
                Map.entry("readout", pair(b -> b.qubit(qubit -> qubit.withReadout(Readout.EXPECTATION)))),
                Map.entry("quantum_wires", pair(wires, b -> b.qubit(qubit -> qubit.withWires(7)))),
                Map.entry("quantum_threshold", pair(wires, b -> b.qubit(qubit -> qubit.withThreshold(-0.6)))),
                Map.entry("probability_floor", pair(b -> b.probabilityFloor(0.2))),
                Map.entry("surrogate", pair(threshold, b -> b.surrogate(Surrogate.ARCTAN))),
                Map.entry("surrogate_alpha", pair(threshold, b -> b.surrogateAlpha(0.5))),
                Map.entry("dynamic_probability", pair(b -> b.dynamicProbability(QlifConfig.DynamicProbability::off))),
                Map.entry("base_alpha", pair(sigmoid, b -> b.sigmoid(g -> g.withAlpha(4)))),
                Map.entry("dsp_decay", pair(b -> b.dynamicProbability(d -> d.withDecay(0.5)))),
                Map.entry("tau_adapt", pair(b -> b.dynamicProbability(d -> d.withTauAdapt(5)))),
                Map.entry("dsp_jump", pair(b -> b.dynamicProbability(d -> d.withJump(0.5)))),
                Map.entry("min_alpha", pair(sigmoid, b -> b.sigmoid(g -> g.withAlphaBounds(1.5, g.maxAlpha())))),
                Map.entry("max_alpha", pair(sigmoid, b -> b.sigmoid(g -> g.withAlphaBounds(g.minAlpha(), 1)))),
                Map.entry("refractory", pair(b -> b.refractoriness(QlifConfig.Refractoriness::off))),
                Map.entry("tau_ref", pair(b -> b.refractoriness(r -> r.withTau(2)))),
                Map.entry("r_jump", pair(b -> b.refractoriness(r -> r.withJump(0.5)))),
                Map.entry("use_adaptation", pair(b -> b.adaptation(QlifConfig.Adaptation::off))),
                Map.entry("adaptation_decay", pair(b -> b.adaptation(a -> a.withDecay(0.5)))),
                Map.entry("spike_increase", pair(b -> b.adaptation(a -> a.withIncrease(0.25)))),
                Map.entry("use_depression", pair(b -> b.depression(QlifConfig.Depression::off))),
                Map.entry("depression_rate", pair(b -> b.depression(s -> s.withRate(0.5)))),
                Map.entry("recovery_rate", pair(b -> b.depression(s -> s.withRecovery(0.25)))),
                Map.entry("use_ahp", pair(b -> b.ahp(QlifConfig.Ahp::off))),
                Map.entry("tau_ahp", pair(b -> b.ahp(h -> h.withTau(10)))),
                Map.entry("ahp_jump", pair(b -> b.ahp(h -> h.withJump(0.6)))),
                Map.entry("g_ahp", pair(b -> b.ahp(h -> h.withConductance(0.4)))),
                Map.entry("ahp_max", pair(b -> b.ahp(h -> h.withMax(0.4)))),
                Map.entry("use_adaptive_threshold", pair(b -> b.adaptiveThreshold(QlifConfig.AdaptiveThreshold::off))),
                Map.entry("min_threshold", pair(b -> b.adaptiveThreshold(g -> g.withBounds(0.9, g.max())))),
                Map.entry("max_threshold", pair(b -> b.adaptiveThreshold(g -> g.withBounds(g.min(), 1.1)))),
                Map.entry("homeostasis_enabled", pair(b -> b.homeostasis(QlifConfig.Homeostasis::off))),
                Map.entry("homeostasis_target_rate", pair(b -> b.homeostasis(h -> h.withTargetRate(0.5)))),
                Map.entry("homeostasis_lr", pair(b -> b.homeostasis(h -> h.withLearningRate(0.01)))),
                Map.entry("homeostasis_tau", pair(b -> b.homeostasis(h -> h.withTau(100)))),
                Map.entry("neuromod_mode", pair(b -> b.neuromodulation(m -> m.withMode(NeuromodMode.THRESHOLD)))),
                Map.entry("neuromod_strength", pair(b -> b.neuromodulation(m -> m.withStrength(0.5)))),
                Map.entry(
                        "neuromod_transform",
                        pair(b -> b.neuromodulation(m -> m.withTransform(NeuromodTransform.IDENTITY)))));
    }

    private static Map<String, Pair> lifPairs() {
        return Map.of(
                "dt", lif(b -> b.dt(0.0005)),
                "v_leak", lif(b -> b.vLeak(0.25)),
                "v_reset", lif(b -> b.vReset(-0.25)),
                "surrogate", lif(b -> b.surrogate(Surrogate.ARCTAN)),
                "surrogate_alpha", lif(b -> b.surrogateAlpha(10)));
    }

    @Test
    void knowsEveryOption() {
        assertKnowsEveryOption(QlifConfig.defaults(), qlifPairs());
        assertKnowsEveryOption(LifConfig.defaults(), lifPairs());
    }

    private static void assertKnowsEveryOption(NeuronConfig config, Map<String, Pair> pairs) {
        assertThat(pairs.keySet())
                .as("options in OptionContract")
                .containsExactlyInAnyOrderElementsOf(
                        optionsOfARun(config).stream().map(ConfigOption::name).toList());
    }

    @TestFactory
    Stream<DynamicTest> everyOptionChangesARun() {
        return Stream.of(qlifPairs(), lifPairs())
                .flatMap(pairs -> new TreeMap<>(pairs).entrySet().stream())
                .map(entry -> dynamicTest(
                        entry.getValue().one().model() + " " + entry.getKey(),
                        () -> changesARun(entry.getKey(), entry.getValue())));
    }

    private void changesARun(String option, Pair pair) {
        assertDifferInOnly(option, pair);
        Scenario scenario = scenario(pair.one());
        Scenario changed = scenario.withConfig(pair.other());
        Result expected = KernelContract.oracle(changed);
        Result actual = run(changed);
        actual.assertSameBits(expected, option + ": " + changed);
        assertThat(run(scenario).differsFrom(actual))
                .as("results that %s changes", option)
                .isNotEmpty();
    }

    /** With a modulation, an initial state and every upstream gradient, so that nothing hides. */
    private static Scenario scenario(NeuronConfig config) {
        for (long seed = Seeds.of(8_000_000); ; seed++) {
            Scenario scenario = Scenario.random(Seeds.random(seed), config, SHAPE);
            boolean finite = true;
            for (float current : scenario.input()) {
                finite &= Math.abs(current) < 100;
            }
            if (finite
                    && (scenario.modulation() != null || !config.acceptsModulation())
                    && scenario.initial() != null
                    && scenario.gradSpikeValues() != null
                    && scenario.gradVoltages() != null
                    && scenario.gradFinal() != null) {
                return scenario;
            }
        }
    }

    private static void assertDifferInOnly(String option, Pair pair) {
        assertThat(optionsOfARun(pair.one()).stream()
                        .filter(each -> !each.text(pair.one()).equals(each.text(pair.other())))
                        .map(ConfigOption::name))
                .containsExactly(option);
    }

    /** Random configurations leave no option at one value, so that the other contracts reach them all. */
    @TestModel.Each
    void randomConfigurationsReachEveryOption(TestModel model) {
        RandomGenerator random = Seeds.random(1);
        NeuronConfig[] configs = new NeuronConfig[200];
        Arrays.setAll(configs, _ -> model.random(random, device));
        for (ConfigOption option : optionsOfARun(model.defaults())) {
            assertThat(Arrays.stream(configs).map(option::text).distinct())
                    .as(
                            "values of %s in %s.random",
                            option.name(), model.getClass().getSimpleName())
                    .hasSizeGreaterThanOrEqualTo(Math.max(2, option.choices().size()));
        }
    }
}
