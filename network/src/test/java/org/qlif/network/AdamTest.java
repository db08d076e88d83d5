// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdamTest {
    private static void step(Adam adam, float[] values, float[] gradients) {
        adam.begin(values.length);
        adam.update(values, gradients, 1, 0, values.length);
    }

    /** With bias correction, the first step is the rate against the sign, whatever the gradient, but for epsilon. */
    @Test
    void firstStepIsTheRate() {
        float[] values = {1, 1, 1, 1};
        step(new Adam(0.25), values, new float[] {1e-3f, -100, 7, 0});
        float[] expected = {0.75f, 1.25f, 0.75f, 1};
        for (int i = 0; i < values.length; i++) {
            assertThat(values[i]).isCloseTo(expected[i], Offset.offset(1e-5f));
        }
    }

    /** The published equations in float64, over steps enough for both corrections to matter. */
    @Test
    void followsTheEquations() {
        double rate = 1e-2;
        Adam adam = new Adam(rate, 0.8, 0.95, 1e-3);
        float[] values = {0.5f, -2, 3};
        double[] w = {0.5, -2, 3};
        double[] m = new double[3];
        double[] v = new double[3];
        for (int t = 1; t <= 50; t++) {
            float[] gradients = new float[3];
            for (int i = 0; i < 3; i++) {
                gradients[i] = (float) Math.sin(t * (i + 1)) + i;
                m[i] = 0.8 * m[i] + 0.2 * gradients[i];
                v[i] = 0.95 * v[i] + 0.05 * gradients[i] * gradients[i];
                double corrected = v[i] / (1 - Math.pow(0.95, t));
                w[i] -= rate * (m[i] / (1 - Math.pow(0.8, t))) / (Math.sqrt(corrected) + 1e-3);
            }
            step(adam, values, gradients);
        }
        assertThat(adam.steps()).isEqualTo(50);
        for (int i = 0; i < 3; i++) {
            // 50 steps of at most 1e-2 in float32, and values of up to 3.
            assertThat((double) values[i]).isCloseTo(w[i], Offset.offset(5e-6));
        }
    }

    @Test
    void scalesGradientsFirstAndDoesParts() {
        float[] values = {1, 2, 3, 4};
        float[] gradients = {4, 8, -4, 2};
        Adam parts = new Adam(0.1);
        float[] whole = values.clone();
        for (int t = 0; t < 3; t++) {
            parts.begin(4);
            parts.update(values, gradients, 0.25f, 2, 4);
            parts.update(values, gradients, 0.25f, 0, 2);
        }
        Adam scaled = new Adam(0.1);
        for (int t = 0; t < 3; t++) {
            step(scaled, whole, new float[] {1, 2, -1, 0.5f});
        }
        assertThat(values).isEqualTo(whole);
        assertThat(parts.firstMoments()).isEqualTo(scaled.firstMoments());
    }

    @Test
    void resumesWhereAnotherStopped() {
        Adam one = new Adam(0.1);
        float[] values = {1, 2};
        float[] gradients = {0.5f, -3};
        step(one, values, gradients);
        float[] resumed = values.clone();
        Adam two = new Adam(0.1);
        two.resume(one.steps(), one.firstMoments(), one.secondMoments());
        step(one, values, gradients);
        step(two, resumed, gradients);
        assertThat(resumed).isEqualTo(values);
        assertThat(two.secondMoments()).isEqualTo(one.secondMoments());
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0.9, 0.999, 1e-8, rate: got 0.0",
        "NaN, 0.9, 0.999, 1e-8, rate: got NaN",
        "1e-60, 0.9, 0.999, 1e-8, rate: got 1.0E-60",
        "1e300, 0.9, 0.999, 1e-8, rate: got 1.0E300",
        "1, 1, 0.999, 1e-8, beta1: got 1.0",
        "1, 0.9, -0.1, 1e-8, beta2: got -0.1",
        "1, 0.9, 0.999, 0, epsilon: got 0.0",
    })
    void refusesWhatIsOutOfRange(double rate, double beta1, double beta2, double epsilon, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Adam(rate, beta1, beta2, epsilon))
                .withMessageStartingWith(message);
    }

    @Test
    void refusesMomentsThatDontFit() {
        Adam adam = new Adam(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> adam.resume(1, new float[2], new float[3]))
                .withMessageStartingWith("second: got 3 moments, expected 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> adam.resume(-1, new float[2], new float[2]))
                .withMessage("steps: got -1, expected at least 0");
        adam.resume(1, new float[2], new float[2]);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> adam.begin(3))
                .withMessageStartingWith("adam: got moments of 2 values, expected 3");
        assertThat(adam.steps()).isEqualTo(1);
    }
}
