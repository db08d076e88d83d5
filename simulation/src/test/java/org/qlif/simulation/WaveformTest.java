// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.DrawStream;
import org.qlif.simulation.Waveform.Parameter;
import org.qlif.simulation.Waveform.Shape;

class WaveformTest {
    private static final DrawStream DRAWS = new DrawStream(42, 1);

    @Test
    void rampIsSilentRisesAndIsSilentAgain() {
        assertThat(Waveform.of(Shape.RAMP).values(20, 1, DRAWS))
                .startsWith(0, 0, 0, 0, 0)
                .containsSequence(0, 0.22222222f, 0.44444445f)
                .containsSequence(1.7777778f, 2, 0, 0, 0, 0, 0)
                .hasSize(20);
        assertThat(Waveform.of(Shape.RAMP).values(4, 1, DRAWS)).containsExactly(0, 0, 2, 0);
        assertThat(Waveform.of(Shape.RAMP).values(2, 1, DRAWS)).containsExactly(0, 2);
    }

    @Test
    void windowEndsWithTheRun() {
        Waveform step = Waveform.of(Shape.STEP).with(Parameter.START, 0.5).with(Parameter.LENGTH, 1);
        assertThat(step.with(Parameter.OFFSET, 1).values(4, 2, DRAWS)).containsExactly(1, 1, 1, 1, 3, 3, 3, 3);
        assertThat(step.with(Parameter.LENGTH, 0).values(4, 1, DRAWS)).containsOnly(0);
        Waveform ramp = Waveform.of(Shape.RAMP).with(List.of("start=0.5", "length=1", "amplitude=3"));
        assertThat(ramp.values(4, 1, DRAWS)).containsExactly(0, 0, 0, 1);
    }

    @Test
    void sineHasItsPeriods() {
        float[] values = Waveform.of(Shape.SINE).with(Parameter.OFFSET, 1).values(8, 1, DRAWS);
        assertThat(values).containsExactly(new float[] {1, 2, 1, 0, 1, 2, 1, 0}, within(1e-6f));
    }

    @Test
    void poissonHasItsRateAndNoiseItsDeviation() {
        int steps = 20_000;
        float[] events = Waveform.of(Shape.POISSON).values(steps, 2, DRAWS);
        double rate = mean(events) / 5;
        assertThat(events).containsOnly(0, 5);
        assertThat(rate).isCloseTo(0.2, within(5 * Math.sqrt(0.2 * 0.8 / events.length)));
        float[] noise = Waveform.of(Shape.NOISE).with(Parameter.AMPLITUDE, 3).values(steps, 2, DRAWS);
        assertThat(mean(noise)).isCloseTo(1, within(5 * 3 / Math.sqrt(noise.length)));
        double deviation = Math.sqrt(square(noise) - mean(noise) * mean(noise));
        assertThat(deviation).isCloseTo(3, within(5 * 3 / Math.sqrt(2.0 * noise.length)));
    }

    private static double mean(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum / values.length;
    }

    private static double square(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return sum / values.length;
    }

    @ParameterizedTest
    @EnumSource(
            value = Shape.class,
            names = {"POISSON", "NOISE"})
    void randomNumbersDependOnTheirPlaceAlone(Shape shape) {
        Waveform signal = Waveform.of(shape);
        float[] all = signal.values(101, 7, DRAWS);
        float[] part = signal.values(50, 3, DRAWS);
        for (int t = 0; t < 50; t++) {
            assertThat(Arrays.copyOfRange(part, 3 * t, 3 * t + 3)).isEqualTo(Arrays.copyOfRange(all, 7 * t, 7 * t + 3));
        }
        assertThat(signal.values(101, 7, new DrawStream(43, 1))).isNotEqualTo(all);
        assertThat(signal.values(101, 7, new DrawStream(42, 2))).isNotEqualTo(all);
        float[] equal = signal.independent(false).values(101, 7, DRAWS);
        for (int i = 0; i < equal.length; i++) {
            assertThat(equal[i]).isEqualTo(all[i / 7 * 7]);
        }
    }

    @Test
    void noiseIsAddedToAnyShape() {
        float[] still = Waveform.of(Shape.STEP).values(10, 3, DRAWS);
        float[] noisy = Waveform.of(Shape.STEP).with(Parameter.NOISE, 0.5).values(10, 3, DRAWS);
        float[] noise = Waveform.of(Shape.NOISE)
                .with(List.of("offset=0", "amplitude=0.5"))
                .values(10, 3, DRAWS);
        for (int i = 0; i < still.length; i++) {
            assertThat(noisy[i] - still[i]).isCloseTo(noise[i], within(1e-6f));
        }
    }

    @ParameterizedTest
    @EnumSource(Shape.class)
    void shapesTellTheirParameters(Shape shape) {
        assertThat(Shape.of(shape.toString())).isSameAs(shape);
        for (Parameter parameter : Parameter.values()) {
            if (shape.parameters().contains(parameter)) {
                double value = shape.defaultValue(parameter);
                assertThat(value).isBetween(parameter.least(), parameter.most());
                assertThat(Waveform.of(shape).get(parameter)).isEqualTo(value);
                assertThat(Waveform.of(shape).with(parameter, parameter.most()).get(parameter))
                        .isEqualTo(parameter.most());
            } else {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> Waveform.of(shape).with(parameter, parameter.most()))
                        .withMessageStartingWith(parameter + ": " + shape + " has none, expected one of amplitude");
            }
        }
    }

    @Test
    void textTellsASignal() {
        Waveform poisson = Waveform.parse("poisson, rate=0.5 ,independent=false");
        assertThat(poisson).hasToString("poisson,rate=0.5,independent=false");
        assertThat(poisson)
                .isEqualTo(Waveform.of(Shape.POISSON).with(Parameter.RATE, 0.5).independent(false))
                .isEqualTo(Waveform.parse(poisson.toString()))
                .hasSameHashCodeAs(Waveform.parse(poisson.toString()))
                .isNotEqualTo(Waveform.of(Shape.POISSON));
        assertThat(Waveform.parse("ramp")).hasToString("ramp").isEqualTo(Waveform.of(Shape.RAMP));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Waveform.parse("ramp,"))
                .withMessage("settings: got '', expected NAME=VALUE");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Waveform.parse("noise,independent=0"))
                .withMessage("independent: got '0', expected true or false");
    }

    @Test
    void refusesWhatIsOutOfRange() {
        Waveform sine = Waveform.of(Shape.SINE);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sine.with(Parameter.AMPLITUDE, Double.NaN))
                .withMessage("amplitude: got NaN, expected a number in [-1000000.0, 1000000.0]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sine.with(List.of("periods=x")))
                .withMessage("periods: got 'x', expected a number in [0.0, 1000000.0]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sine.with(List.of("periods")))
                .withMessage("settings: got 'periods', expected NAME=VALUE");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sine.with(List.of("height=1")))
                .withMessageStartingWith("parameter: got 'height', expected one of amplitude, offset");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Shape.of("square"))
                .withMessage("shape: got 'square', expected one of constant, ramp, step, sine, poisson, noise");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sine.values(0, 1, DRAWS))
                .withMessage("steps: got 0, expected a whole number in [1, 4194304]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sine.values(1 << 20, 5, DRAWS))
                .withMessage("steps, neurons: got 1048576 x 5 = 5242880 neuron-steps, expected at most 4194304");
    }
}
