// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.ConfigOption;
import org.qlif.Device;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.DynamicProbability;
import org.qlif.QlifConfig.Start;

/** The text form of configurations, and what a configuration derives. */
class ConfigTextTest {
    /** Random configurations, with every number disturbed, so that more digits than those of a literal come and go. */
    @TestModel.Each
    void everyConfigurationIsReadBack(TestModel model) {
        for (int i = 0; i < Seeds.cases(300); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = disturbed(random, model.random(random, Device.of("cuda:0")));
            String text = config.toString();
            assertThat(NeuronConfig.parse(text)).as(Seeds.replay(seed)).isEqualTo(config);
            assertThat(NeuronConfig.parse(shuffled(random, text)))
                    .as(Seeds.replay(seed))
                    .isEqualTo(config)
                    .hasToString(text);
            assertThat(config.with(List.of())).isEqualTo(config);
        }
    }

    private static NeuronConfig disturbed(RandomGenerator random, NeuronConfig config) {
        NeuronConfig disturbed = config;
        for (ConfigOption option : config.options()) {
            if (option.kind() == ConfigOption.Kind.NUMBER && random.nextInt(3) == 0) {
                double value = option.number(disturbed) * random.nextDouble(0.9, 1);
                disturbed = changed(disturbed, option.name() + "=" + value);
            }
        }
        return disturbed;
    }

    /** Without the change where it is refused: two bounds can cross, and rates can exceed a step. */
    private static NeuronConfig changed(NeuronConfig config, String setting) {
        try {
            return config.with(List.of(setting));
        } catch (IllegalArgumentException refused) {
            assertThat(refused).hasMessageContaining(setting.substring(0, setting.indexOf('=')));
            return config;
        }
    }

    private static String shuffled(RandomGenerator random, String text) {
        List<String> words = new ArrayList<>(List.of(text.split(" ")));
        Collections.shuffle(words.subList(1, words.size()), new Random(random.nextLong()));
        return String.join("  ", words) + "\n";
    }

    @Test
    void printsWhatDiffersFromTheDefaults() {
        assertThat(QlifConfig.defaults()).hasToString("QLIF");
        assertThat(LifConfig.defaults()).hasToString("LIF");
        QlifConfig config = QlifConfig.builder()
                .ahp(QlifConfig.Ahp::off)
                .decision(QlifConfig.Decision.SIGMOID)
                .tau(10)
                .build();
        assertThat(config).hasToString("QLIF decision=SIGMOID use_ahp=false tau=10.0");
        assertThat(LifConfig.builder().vLeak(-0.0).build()).hasToString("LIF v_leak=-0.0");
        assertThat(QlifConfig.plainLif())
                .hasToString("QLIF stochastic=false decision=THRESHOLD dynamic_probability=false refractory=false"
                        + " use_adaptation=false use_depression=false use_ahp=false use_adaptive_threshold=false"
                        + " homeostasis_enabled=false neuromod_mode=OFF");
        Stream.of(QlifConfig.Preset.values())
                .map(preset -> preset.builder(QlifConfig.Decision.QUBIT).build())
                .forEach(preset ->
                        assertThat(QlifConfig.parse(preset.toString())).isEqualTo(preset));
    }

    /** Bounds that would cross on the way to where they do not. */
    @Test
    void settingsAreCheckedWhenAllAreDone() {
        QlifConfig config = QlifConfig.parse("QLIF min_threshold=3 max_threshold=4 max_alpha=0.01 min_alpha=0.001");
        assertThat(config.adaptiveThreshold().min()).isEqualTo(3);
        assertThat(config.sigmoid().maxAlpha()).isEqualTo(0.01);
        assertThatThrownBy(() -> QlifConfig.parse("QLIF min_threshold=3"))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("min_threshold, max_threshold: got 3.0, 2.0, expected min_threshold < max_threshold");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "``; model: got '', expected QLIF or LIF",
                "qlif; model: got 'qlif', expected QLIF or LIF",
                "QLIF tau; setting: got 'tau', expected NAME=VALUE, such as dt=1.0",
                "QLIF tua=3; option: got 'tua', expected one of dt, v_reset, reset_fraction, detach_reset, stochastic,",
                "LIF tau=3; option: got 'tau', expected one of dt, v_leak, v_reset, surrogate, surrogate_alpha, tau_syn_inv,",
                "QLIF tau=3 dt=1 tau=3; tau: got it twice, expected it once",
                "QLIF tau=; tau: got '', expected a finite number > 0",
                "QLIF tau=0x1p3; tau: got '0x1p3', expected a finite number > 0",
                "QLIF tau=3d; tau: got '3d', expected a finite number > 0",
                "QLIF tau=NaN; tau: got NaN, expected a finite number > 0",
                "QLIF tau=1e999; tau: got Infinity, expected a finite number > 0",
                "QLIF tau=-3; tau: got -3.0, expected a finite number > 0",
                "QLIF =3; option: got '', expected one of dt,",
                "QLIF TAU=3; option: got 'TAU', expected one of dt,",
                "QLIF use_ahp=yes; use_ahp: got 'yes', expected true or false",
                "QLIF use_ahp=1; use_ahp: got '1', expected true or false",
                "QLIF quantum_wires=4.5; quantum_wires: got '4.5', expected a whole number in [1, 64]",
                "QLIF quantum_wires=65; quantum_wires: got 65, expected a whole number in [1, 64]",
                "QLIF quantum_wires=99999999999; quantum_wires: got '99999999999', expected a whole number in [1, 64]",
                "QLIF decision=qubit; decision: got 'qubit', expected one of QUBIT, SIGMOID, THRESHOLD",
                "QLIF dsp_decay=-1; dsp_decay: got -1.0, expected a finite number >= 0",
                "QLIF dsp_decay=auto; dsp_decay: got 'auto', expected a finite number >= 0 or derived",
                "LIF surrogate=SUPERSPIKE; surrogate: got 'SUPERSPIKE', expected one of HEAVISIDE, FAST_SIGMOID,",
            })
    void refusesWhatItDoesNotKnow(String text, String message) {
        assertThatThrownBy(() -> NeuronConfig.parse(text))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message);
    }

    @Test
    void refusesAnotherModel() {
        assertThatThrownBy(() -> QlifConfig.parse("LIF"))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("model: got 'LIF', expected QLIF");
        assertThatThrownBy(() -> LifConfig.parse("QLIF tau=3"))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("model: got 'QLIF', expected LIF");
    }

    @Test
    void aFunctionOfTheCallersIsShownAndNotReadBack() {
        QlifConfig config = QlifConfig.builder()
                .neuromodulation(m -> m.withTransform(RandomConfigs.RATIONAL))
                .build();
        assertThat(config).hasToString("QLIF neuromod_transform=CUSTOM");
        assertThatThrownBy(() -> QlifConfig.parse(config.toString()))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("neuromod_transform: got CUSTOM (a function of the caller's, which text can't hold),"
                        + " expected one of SIGMOID, IDENTITY");
        assertThat(config.with(List.of("tau=3")).neuromodulation().transform()).isSameAs(RandomConfigs.RATIONAL);
    }

    /** What follows from the rest follows anew, in whatever order calls come. */
    @Test
    void whatIsDerivedIsNotKept() {
        QlifConfig defaults = QlifConfig.defaults();
        assertThat(defaults.dspDecay()).isEqualTo(Math.exp(-1 / 20.0));
        assertThat(defaults.toBuilder().dt(0.5).build().dspDecay()).isEqualTo(Math.exp(-0.5 / 20));
        QlifConfig tanh = defaults.toBuilder()
                .qubit(qubit -> qubit.withAngleMap(AngleMap.TANH).withLeak(0.3))
                .build();
        assertThat(tanh.qScale()).isEqualTo(defaults.qScale() / defaults.qubit().thetaMax());
        assertThat(tanh.qBias()).isEqualTo(Math.acos(1 - 2 * 0.02) + 0.3);

        QlifConfig one = QlifConfig.builder()
                .calibrate(0.1, 0.2)
                .start(start -> start.withQBias(2))
                .dynamicProbability(d -> d.withTauAdapt(5).withDecay(0.7))
                .dt(2)
                .build();
        QlifConfig other = QlifConfig.builder()
                .dt(2)
                .dynamicProbability(d -> d.withDecay(0.7).withTauAdapt(5))
                .start(start -> start.withQBias(2))
                .calibrate(0.1, 0.2)
                .build();
        assertThat(one).isEqualTo(other);
        assertThat(one.qBias()).isEqualTo(2);
        assertThat(one.dspDecay()).isEqualTo(0.7);
        QlifConfig again = one.toBuilder()
                .start(Start::withCalibratedQubit)
                .dynamicProbability(DynamicProbability::withDerivedDecay)
                .build();
        assertThat(again.qBias()).isEqualTo(Math.acos(1 - 2 * 0.1) + 0.1);
        assertThat(again.dspDecay()).isEqualTo(Math.exp(-2.0 / 5));
        assertThat(one.with(List.of("dsp_decay=derived", "q_bias=derived"))).isEqualTo(again);
    }

    /** A scale that the calibration makes too large for float32. */
    @Test
    void refusesWhatIsDerivedOutOfRange() {
        assertThatThrownBy(() -> QlifConfig.builder().calibrate(0.5, 2e38).build())
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("q_scale: got 4.0E38, expected a finite number; in float32 it is Infinity");
    }
}
