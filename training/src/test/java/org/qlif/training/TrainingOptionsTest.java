// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;

class TrainingOptionsTest {
    static Stream<Arguments> refusals() {
        return Stream.of(
                refusal("hidden", "0", o -> o.hidden(0)),
                refusal("hidden", "65537", o -> o.hidden(65_537)),
                refusal("steps", "0", o -> o.steps(0)),
                refusal("steps", "1001", o -> o.steps(1001)),
                refusal("batch", "-1", o -> o.batch(-1)),
                refusal("batch", "4097", o -> o.batch(4097)),
                refusal("learningRate", "0.0", o -> o.learningRate(0)),
                refusal("learningRate", "1.5", o -> o.learningRate(1.5)),
                refusal("learningRate", "NaN", o -> o.learningRate(Double.NaN)),
                refusal("learningRateDecay", "0.0", o -> o.learningRateDecay(0)),
                refusal("learningRateDecay", "1.01", o -> o.learningRateDecay(1.01)),
                refusal("learningRateDecay", "NaN", o -> o.learningRateDecay(Double.NaN)),
                refusal("shift", "-1", o -> o.shift(-1)),
                refusal("shift", "9", o -> o.shift(9)),
                refusal("learningRate", "1.0E-60", o -> o.learningRate(1e-60)),
                refusal("clipGrad", "1.0E-60", o -> o.clipGrad(1e-60)),
                refusal("clipGrad", "1.0E60", o -> o.clipGrad(1e60)),
                refusal("data", "''", o -> o.data(Path.of(""))),
                refusal("clipGrad", "-0.5", o -> o.clipGrad(-0.5)),
                refusal("clipGrad", "Infinity", o -> o.clipGrad(Double.POSITIVE_INFINITY)),
                refusal("epochs", "0", o -> o.epochs(0)),
                refusal("trainImages", "-1", o -> o.trainImages(-1)),
                refusal("testImages", "-2", o -> o.testImages(-2)),
                refusal("threads", "0", o -> o.threads(0)),
                refusal("tau", "0.5", o -> o.tau(0.5)),
                refusal("tau", "NaN", o -> o.tau(Double.NaN)),
                refusal("plot", "curves.jpg", o -> o.plot(Path.of("curves.jpg"))));
    }

    private static Arguments refusal(String name, String value, UnaryOperator<TrainingOptions.Builder> change) {
        return Arguments.of(name, value, change);
    }

    @ParameterizedTest
    @MethodSource("refusals")
    void refusesByNameValueAndRange(String name, String value, UnaryOperator<TrainingOptions.Builder> change) {
        TrainingOptions.Builder changed = change.apply(TrainingOptions.builder());
        assertThatIllegalArgumentException()
                .isThrownBy(changed::build)
                .withMessageStartingWith(name + ": got " + value + ", expected ");
    }

    @Test
    void startsFromTheSmokeTest() {
        TrainingOptions defaults = TrainingOptions.builder().build();
        assertThat(defaults.hidden()).isEqualTo(512);
        assertThat(defaults.steps()).isEqualTo(20);
        assertThat(defaults.batch()).isEqualTo(128);
        assertThat(defaults.epochs()).isEqualTo(5);
        assertThat(defaults.trainImages()).isEqualTo(5000);
        assertThat(defaults.testImages()).isZero();
        assertThat(defaults.plot()).isNull();
    }

    /** Of the presets without steps of the threshold, one that is told to adapt does. */
    @Test
    void settingsChangeTheNeuron() {
        QlifConfig config = (QlifConfig) TrainingOptions.builder()
                .settings(List.of("use_ahp=false", "tau_ref=3", "tau=5"))
                .build()
                .neuronConfig();
        assertThat(config.ahp().enabled()).isFalse();
        assertThat(config.adaptiveThreshold().enabled()).isFalse();
        assertThat(config.refractoriness().tau()).isEqualTo(3);
        assertThat(config.start().tau()).isEqualTo(5);
        for (String asked : new String[] {"use_adaptive_threshold=true", "eta=0.1"}) {
            NeuronConfig adapting =
                    TrainingOptions.builder().settings(List.of(asked)).build().neuronConfig();
            assertThat(((QlifConfig) adapting).adaptiveThreshold().enabled())
                    .as(asked)
                    .isTrue();
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        TrainingOptions.builder().settings(List.of("tua=3")).build())
                .isExactlyInstanceOf(OptionException.class)
                .withMessageStartingWith("set: option: got 'tua', expected one of dt, ");
    }

    @Test
    void knowsItsNeuronsByName() {
        for (NeuronPreset preset : NeuronPreset.values()) {
            assertThat(NeuronPreset.of(preset.toString())).isSameAs(preset);
            NeuronConfig config = preset.config(4, List.of());
            assertThat(config.drawsNormals()).isFalse();
            switch (config) {
                case QlifConfig qlif -> assertThat(qlif.start().tau()).isEqualTo(4);
                case LifConfig lif -> assertThat(lif.tauMemInv() * lif.dt()).isEqualTo(0.25);
            }
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NeuronPreset.of("2024"))
                .withMessage("neuron: got '2024', expected one of default, 2025-08-15, 2025-08-24, plain-lif, lif");
    }
}
