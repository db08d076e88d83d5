// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.qlif.ConfigOption;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifConfig.Preset;
import org.qlif.QlifConfig.Readout;
import org.qlif.QlifConfig.Sampling;
import org.qlif.QlifConfig.SpikeValue;
import org.qlif.Surrogate;
import org.qlif.Tape;

/**
 * The bits of seeded runs, forward and backward, as they were when the file beside this class was written: a release gives the
 * bits of the one before it. {@code cpu:scalar} is asked; the contract holds the other devices to it.
 *
 * <p>A deliberate change of the definition in docs/numerics.md changes the file. The failure's message gives the new lines.
 */
class SeededRunsTest {
    private static final String FILE = "seeded-runs.properties";
    private static final Shape SHAPE = new Shape(131, 2, 37);

    @Test
    void hasTheBitsOfEarlierReleases() throws IOException {
        Properties expected = new Properties();
        try (InputStream in = SeededRunsTest.class.getResourceAsStream(FILE)) {
            expected.load(in);
        }
        Map<String, String> actual = new TreeMap<>();
        runs().forEach((name, scenario) -> {
            try (Kernel kernel = Kernel.open(
                    scenario.config(),
                    Device.of("cpu:scalar"),
                    KernelOptions.defaults().withThreads(1))) {
                actual.put(name, "%016x".formatted(hash(scenario.run(kernel, Tape.Mode.VOLTAGE))));
            }
        });
        assertThat(actual).isEqualTo(new TreeMap<>(expected));
    }

    /** Each flag is on in one run and off in another, and each choice is in a run. */
    @Test
    void reachesEveryFlagAndChoice() {
        for (NeuronConfig model : List.of(QlifConfig.defaults(), LifConfig.defaults())) {
            for (ConfigOption option : model.options()) {
                int values = switch (option.kind()) {
                    case FLAG -> 2;
                    case CHOICE -> option.choices().size();
                    case WHOLE, NUMBER -> 1;
                };
                assertThat(runs().values().stream()
                                .map(Scenario::config)
                                .filter(config -> config.model().equals(model.model()))
                                .map(option::text)
                                .distinct())
                        .as("values of %s in runs()", option.name())
                        .hasSizeGreaterThanOrEqualTo(values);
            }
        }
    }

    /** New runs go to the end: a run's numbers follow from its place. */
    private static Map<String, Scenario> runs() {
        Map<String, Scenario> runs = new LinkedHashMap<>();
        QlifConfig.Builder classic = QlifConfig.builder().decision(Decision.SIGMOID);
        add(runs, "default", QlifConfig.builder());
        for (Preset preset : Preset.values()) {
            for (Decision decision : Decision.values()) {
                add(runs, preset + "-" + decision, preset.builder(decision));
            }
        }
        for (Surrogate surrogate : Surrogate.values()) {
            add(
                    runs,
                    "surrogate-" + surrogate,
                    QlifConfig.builder()
                            .decision(Decision.THRESHOLD)
                            .surrogate(surrogate)
                            .surrogateAlpha(0.7));
        }
        for (NeuromodMode mode : NeuromodMode.values()) {
            add(
                    runs,
                    "neuromod-" + mode,
                    QlifConfig.builder().neuromodulation(m -> m.withMode(mode).withStrength(0.6)));
        }
        add(runs, "identity", QlifConfig.builder().neuromodulation(m -> m.withTransform(NeuromodTransform.IDENTITY)));
        add(runs, "tanh", QlifConfig.builder().qubit(qubit -> qubit.withAngleMap(AngleMap.TANH)));
        add(runs, "expected", QlifConfig.builder().spikeValue(SpikeValue.EXPECTED));
        add(runs, "sigmoid", classic);
        add(
                runs,
                "sigmoid-prob-slope",
                QlifConfig.builder()
                        .decision(Decision.SIGMOID)
                        .neuromodulation(m -> m.withMode(NeuromodMode.PROB_SLOPE)));
        add(
                runs,
                "round",
                QlifConfig.builder()
                        .decision(Decision.SIGMOID)
                        .sigmoid(sigmoid -> sigmoid.withSampling(Sampling.ROUND)));
        for (Readout readout : List.of(Readout.MULTI_QUBIT, Readout.EXPECTATION)) {
            add(
                    runs,
                    "readout-" + readout,
                    QlifConfig.builder()
                            .qubit(qubit -> qubit.withReadout(readout).withThreshold(Math.cos(1.0))));
        }
        add(
                runs,
                "soft-reset",
                QlifConfig.builder()
                        .reset(reset ->
                                reset.withFraction(0.3).withPotential(-0.2).withDetached(false)));
        add(runs, "noiseless", QlifConfig.builder().noise(QlifConfig.Noise::off));
        add(runs, "fixed-threshold", QlifConfig.builder().adaptiveThreshold(QlifConfig.AdaptiveThreshold::off));
        add(runs, "no-refractory", QlifConfig.builder().refractoriness(QlifConfig.Refractoriness::off));
        add(
                runs,
                "no-dynamic-probability",
                QlifConfig.builder().dynamicProbability(QlifConfig.DynamicProbability::off));
        add(runs, "no-ahp", QlifConfig.builder().ahp(QlifConfig.Ahp::off));
        add(runs, "no-homeostasis", QlifConfig.builder().homeostasis(QlifConfig.Homeostasis::off));
        add(runs, "no-adaptation", QlifConfig.builder().adaptation(QlifConfig.Adaptation::off));
        add(runs, "no-depression", QlifConfig.builder().depression(QlifConfig.Depression::off));
        for (Surrogate surrogate : Surrogate.values()) {
            add(
                    runs,
                    "plain-lif-" + surrogate,
                    QlifConfig.plainLif().toBuilder().surrogate(surrogate).surrogateAlpha(0.7));
        }
        for (Surrogate surrogate : Surrogate.values()) {
            LifConfig config = LifConfig.builder()
                    .surrogate(surrogate)
                    .surrogateAlpha(0.7)
                    .vReset(-0.2)
                    .build();
            runs.put("lif-" + surrogate, scenario(config, new Numbers(runs.size())));
        }
        runs.put("lif", scenario(LifConfig.defaults(), new Numbers(runs.size())));
        return runs;
    }

    private static void add(Map<String, Scenario> runs, String name, QlifConfig.Builder builder) {
        boolean modulated = runs.size() % 2 == 0;
        runs.put(name, scenario(builder.build(), new Numbers(runs.size()), modulated));
    }

    private static Scenario scenario(QlifConfig config, Numbers numbers, boolean modulated) {
        List<float[]> parameters = new ArrayList<>();
        parameters.add(numbers.between(SHAPE.neurons(), 0.4f, 1.6f));
        parameters.add(numbers.between(SHAPE.neurons(), 1.5f, 20));
        parameters.add(numbers.between(1, 0, 0.4f));
        parameters.add(numbers.between(SHAPE.neurons(), (float) config.qScale() / 2, (float) config.qScale() * 3));
        parameters.add(numbers.between(1, (float) config.qBias(), (float) config.qBias() + 0.5f));
        return scenario(config, numbers, parameters, -2, 4, modulated);
    }

    private static Scenario scenario(LifConfig config, Numbers numbers) {
        List<float[]> parameters = new ArrayList<>();
        parameters.add(numbers.between(SHAPE.neurons(), 50, 400));
        parameters.add(numbers.between(SHAPE.neurons(), 20, 300));
        parameters.add(numbers.between(1, 0.5f, 1.2f));
        return scenario(config, numbers, parameters, -1, 2, false);
    }

    private static Scenario scenario(
            NeuronConfig config,
            Numbers numbers,
            List<float[]> parameters,
            float least,
            float most,
            boolean modulated) {
        float[][] gradFinal = new float[config.stateVariables().size()][];
        for (int i = 0; i < gradFinal.length; i++) {
            gradFinal[i] = numbers.between(SHAPE.elements(), -1, 1);
        }
        return new Scenario(
                config,
                SHAPE,
                numbers.between(SHAPE.size(), least, most),
                parameters,
                modulated
                        ? new Shape.Modulation(
                                numbers.between(SHAPE.steps() * SHAPE.neurons(), -1, 1),
                                new long[] {SHAPE.steps(), 1, SHAPE.neurons()})
                        : null,
                null,
                null,
                new DrawStream(0x123456789ABCDEFL, 7, 12345678901L),
                null,
                61,
                null,
                numbers.between(SHAPE.size(), -1, 1),
                numbers.between(SHAPE.size(), -0.3f, 0.3f),
                gradFinal);
    }

    /** FNV-1a over names and bits, in the order of the names. */
    private static long hash(Result result) {
        long hash = 0xcbf29ce484222325L;
        for (Map.Entry<String, Object> entry : new TreeMap<>(result.values()).entrySet()) {
            for (char c : entry.getKey().toCharArray()) {
                hash = add(hash, c);
            }
            switch (entry.getValue()) {
                case float[] floats -> {
                    for (float value : floats) {
                        hash = add(hash, Float.floatToIntBits(value));
                    }
                }
                case byte[] bytes -> {
                    for (byte value : bytes) {
                        hash = add(hash, value);
                    }
                }
                case long[] words -> {
                    for (long value : words) {
                        hash = add(hash, value);
                    }
                }
                default -> throw new IllegalStateException("no arrays of " + entry.getValue());
            }
        }
        return hash;
    }

    private static long add(long hash, long value) {
        return (hash ^ value) * 0x100000001b3L;
    }

    /** Steele's SplitMix64, written out so that no library can change it. */
    private static final class Numbers {
        private long state;

        Numbers(long seed) {
            state = seed;
        }

        float[] between(int count, float low, float high) {
            float[] values = new float[count];
            for (int i = 0; i < count; i++) {
                state += 0x9E3779B97F4A7C15L;
                long z = (state ^ (state >>> 30)) * 0xBF58476D1CE4E5B9L;
                z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
                values[i] = low + (high - low) * ((z ^ (z >>> 31)) >>> 40) * 0x1p-24f;
            }
            return values;
        }
    }
}
