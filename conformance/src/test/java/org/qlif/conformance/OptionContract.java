package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
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
        try (Kernel kernel = Kernel.open(scenario.config(), device, new KernelOptions(2))) {
            return scenario.run(kernel, Tape.Mode.COMPACT);
        }
    }

    /** A switch, and the variables that neither change nor pass on anything but their own gradient while it is off. */
    private record Switch(UnaryOperator<QlifConfig.Builder> off, QlifVariable... variables) {}

    /** o acts on the threshold even where it does not adapt, so that its gradient is not its own alone. */
    private static final Map<String, Switch> SWITCHES = Map.of(
            "useAdaptation", new Switch(b -> b.useAdaptation(false), QlifVariable.ADAPTATION),
            "useDepression", new Switch(b -> b.useDepression(false), QlifVariable.EFFICIENCY),
            "refractory", new Switch(b -> b.refractory(false), QlifVariable.REFRACTORY),
            "useAhp", new Switch(b -> b.useAhp(false), QlifVariable.AHP),
            "dynamicProbability", new Switch(b -> b.dynamicProbability(false), QlifVariable.DYNAMIC_PROBABILITY),
            "useAdaptiveThreshold", new Switch(b -> b.useAdaptiveThreshold(false), QlifVariable.THRESHOLD_OFFSET),
            "homeostasisEnabled",
                    new Switch(b -> b.homeostasisEnabled(false), QlifVariable.RATE, QlifVariable.HOMEOSTASIS));

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

    /** Where parameters start, which a scenario gives itself, and what an optimizer sees. */
    private static final Set<String> NOT_OF_A_RUN = Set.of(
            "vTh",
            "tau",
            "eta",
            "qScale",
            "qBias",
            "learnableThreshold",
            "learnableTau",
            "learnableEta",
            "learnableQScale",
            "learnableQBias",
            "tauSynInv",
            "tauMemInv");

    private static Map<String, Pair> qlifPairs() {
        UnaryOperator<QlifConfig.Builder> sigmoid = b -> b.decision(Decision.SIGMOID);
        UnaryOperator<QlifConfig.Builder> threshold = b -> b.decision(Decision.THRESHOLD);
        UnaryOperator<QlifConfig.Builder> tanh = b -> b.angleMap(AngleMap.TANH);
        UnaryOperator<QlifConfig.Builder> wires =
                b -> b.readout(Readout.MULTI_QUBIT).quantumThreshold(0.3);
        return Map.ofEntries(
                Map.entry("vReset", pair(b -> b.vReset(-0.25))),
                Map.entry("resetFraction", pair(b -> b.resetFraction(0.5))),
                Map.entry("detachReset", pair(b -> b.detachReset(false))),
                Map.entry("dt", pair(b -> b.dspDecay(0.9).dt(0.5), b -> b.dt(1))),
                Map.entry("noiseStd", pair(b -> b.noiseStd(0.3))),
                Map.entry("stochastic", pair(b -> b.stochastic(false))),
                Map.entry("decision", pair(threshold)),
                Map.entry("sampling", pair(sigmoid, b -> b.sampling(Sampling.ROUND))),
                Map.entry("spikeValue", pair(b -> b.spikeValue(SpikeValue.EXPECTED))),
                Map.entry("angleMap", pair(tanh)),
                Map.entry("thetaMax", pair(tanh, b -> b.thetaMax(1.2))),
                Map.entry("quantumLeak", pair(b -> b.quantumLeak(0.4))),
                Map.entry("readout", pair(b -> b.readout(Readout.EXPECTATION))),
                Map.entry("quantumWires", pair(wires, b -> b.quantumWires(7))),
                Map.entry("quantumThreshold", pair(wires, b -> b.quantumThreshold(-0.6))),
                Map.entry("probabilityFloor", pair(b -> b.probabilityFloor(0.2))),
                Map.entry("surrogate", pair(threshold, b -> b.surrogate(Surrogate.ARCTAN))),
                Map.entry("surrogateAlpha", pair(threshold, b -> b.surrogateAlpha(0.5))),
                Map.entry("dynamicProbability", pair(b -> b.dynamicProbability(false))),
                Map.entry("baseAlpha", pair(sigmoid, b -> b.baseAlpha(4))),
                Map.entry("dspDecay", pair(b -> b.dspDecay(0.5))),
                Map.entry("dspJump", pair(b -> b.dspJump(0.5))),
                Map.entry("minAlpha", pair(sigmoid, b -> b.minAlpha(1.5))),
                Map.entry("maxAlpha", pair(sigmoid, b -> b.maxAlpha(1))),
                Map.entry("refractory", pair(b -> b.refractory(false))),
                Map.entry("tauRef", pair(b -> b.tauRef(2))),
                Map.entry("rJump", pair(b -> b.rJump(0.5))),
                Map.entry("useAdaptation", pair(b -> b.useAdaptation(false))),
                Map.entry("adaptationDecay", pair(b -> b.adaptationDecay(0.5))),
                Map.entry("spikeIncrease", pair(b -> b.spikeIncrease(0.25))),
                Map.entry("useDepression", pair(b -> b.useDepression(false))),
                Map.entry("depressionRate", pair(b -> b.depressionRate(0.5))),
                Map.entry("recoveryRate", pair(b -> b.recoveryRate(0.25))),
                Map.entry("useAhp", pair(b -> b.useAhp(false))),
                Map.entry("tauAhp", pair(b -> b.tauAhp(10))),
                Map.entry("ahpJump", pair(b -> b.ahpJump(0.6))),
                Map.entry("gAhp", pair(b -> b.gAhp(0.4))),
                Map.entry("ahpMax", pair(b -> b.ahpMax(0.4))),
                Map.entry("useAdaptiveThreshold", pair(b -> b.useAdaptiveThreshold(false))),
                Map.entry("minThreshold", pair(b -> b.minThreshold(0.9))),
                Map.entry("maxThreshold", pair(b -> b.maxThreshold(1.1))),
                Map.entry("homeostasisEnabled", pair(b -> b.homeostasisEnabled(false))),
                Map.entry("homeostasisTargetRate", pair(b -> b.homeostasisTargetRate(0.5))),
                Map.entry("homeostasisLr", pair(b -> b.homeostasisLr(0.01))),
                Map.entry("homeostasisTau", pair(b -> b.homeostasisTau(100))),
                Map.entry("neuromodMode", pair(b -> b.neuromodMode(NeuromodMode.THRESHOLD))),
                Map.entry("neuromodStrength", pair(b -> b.neuromodStrength(0.5))),
                Map.entry("neuromodTransform", pair(b -> b.neuromodTransform(NeuromodTransform.IDENTITY))));
    }

    private static Map<String, Pair> lifPairs() {
        return Map.of(
                "dt", lif(b -> b.dt(0.0005)),
                "vLeak", lif(b -> b.vLeak(0.25)),
                "vReset", lif(b -> b.vReset(-0.25)),
                "surrogate", lif(b -> b.surrogate(Surrogate.ARCTAN)),
                "surrogateAlpha", lif(b -> b.surrogateAlpha(10)));
    }

    @Test
    void knowsEveryOption() {
        assertKnowsEveryOption(QlifConfig.class, qlifPairs());
        assertKnowsEveryOption(LifConfig.class, lifPairs());
    }

    private static void assertKnowsEveryOption(Class<? extends Record> config, Map<String, Pair> pairs) {
        Set<String> options = new TreeSet<>();
        for (RecordComponent component : config.getRecordComponents()) {
            if (!NOT_OF_A_RUN.contains(component.getName())) {
                options.add(component.getName());
            }
        }
        assertThat(pairs.keySet()).isEqualTo(options);
    }

    @TestFactory
    Stream<DynamicTest> everyOptionChangesARun() {
        return Stream.of(qlifPairs(), lifPairs())
                .flatMap(pairs -> new TreeMap<>(pairs).entrySet().stream())
                .map(entry -> dynamicTest(
                        entry.getValue().one().model() + " " + entry.getKey(),
                        () -> changesARun(entry.getKey(), entry.getValue())));
    }

    private void changesARun(String option, Pair pair) throws ReflectiveOperationException {
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

    private static void assertDifferInOnly(String option, Pair pair) throws ReflectiveOperationException {
        Set<String> different = new TreeSet<>();
        for (RecordComponent component : pair.one().getClass().getRecordComponents()) {
            Object one = component.getAccessor().invoke(pair.one());
            if (!one.equals(component.getAccessor().invoke(pair.other()))) {
                different.add(component.getName());
            }
        }
        different.removeAll(NOT_OF_A_RUN);
        assertThat(different).isEqualTo(Set.of(option));
    }

    /** Random configurations leave no option at one value, so that the other contracts reach them all. */
    @TestModel.Each
    void randomConfigurationsReachEveryOption(TestModel model) throws ReflectiveOperationException {
        RandomGenerator random = Seeds.random(1);
        NeuronConfig[] configs = new NeuronConfig[200];
        Arrays.setAll(configs, _ -> model.random(random, device));
        for (RecordComponent component : model.defaults().getClass().getRecordComponents()) {
            if (!NOT_OF_A_RUN.contains(component.getName())) {
                Set<Object> values = new HashSet<>();
                for (NeuronConfig config : configs) {
                    values.add(component.getAccessor().invoke(config));
                }
                Object[] constants = component.getType().getEnumConstants();
                int least = constants == null ? 2 : constants.length;
                assertThat(values).as(component.getName()).hasSizeGreaterThanOrEqualTo(least);
            }
        }
    }
}
