// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LossTest {
    private static final float[] LOGITS = {9, 9, 0.5f, -1.25f, 2, 9, 9};
    private static final int AT = 2;
    private static final double EXACT = 1e-15;

    private static double of(Loss loss, int row, float... logits) {
        return loss.of(row, logits, 0, logits.length, null, 1);
    }

    @Test
    void crossEntropyIsThatOfSoftmax() {
        Loss loss = Loss.crossEntropy(new int[] {0, 2, 1});
        double sum = Math.exp(0.5) + Math.exp(-1.25) + Math.exp(2);
        assertThat(loss.of(0, LOGITS, AT, 3, null, 1)).isCloseTo(Math.log(sum) - 0.5, Offset.offset(EXACT));
        assertThat(loss.of(1, LOGITS, AT, 3, null, 1)).isCloseTo(Math.log(sum) - 2, Offset.offset(EXACT));
        assertThat(of(loss, 0, new float[10])).isCloseTo(Math.log(10), Offset.offset(EXACT));
        assertThat(loss.isRight(1, LOGITS, AT, 3)).isTrue();
        assertThat(loss.isRight(2, LOGITS, AT, 3)).isFalse();
        assertThat(loss.isRight(0, new float[3], 0, 3)).isTrue();
        assertThat(loss.isRight(1, new float[3], 0, 3)).isFalse();
    }

    @Test
    void crossEntropyOfFarLogitsIsFinite() {
        Loss loss = Loss.crossEntropy(new int[] {0, 1});
        assertThat(of(loss, 0, 3e38f, -3e38f)).isZero();
        assertThat(of(loss, 1, 2e4f, -2e4f)).isEqualTo(4e4);
        assertThat(of(loss, 0, Float.NaN, 0)).isNaN();
    }

    @Test
    void intensitiesAreTargetsFromZeroToOne() {
        byte[] intensities = {0, 1, 127, (byte) 128, (byte) 254, (byte) 255};
        float[] targets = {0, 1 / 255f, 127 / 255f, 128 / 255f, 254 / 255f, 1};
        float[] logits = {-3, 0.5f, 2};
        for (int row = 0; row < 2; row++) {
            float[] gradient = new float[3];
            float[] expected = new float[3];
            Loss loss = Loss.binaryCrossEntropy(intensities, 3);
            Loss same = Loss.binaryCrossEntropy(targets, 3);
            assertThat(loss.rows()).isEqualTo(2);
            assertThat(loss.of(row, logits, 0, 3, gradient, 0.5)).isEqualTo(same.of(row, logits, 0, 3, expected, 0.5));
            assertThat(gradient).isEqualTo(expected);
            assertThat(loss.isRight(row, logits, 0, 3)).isEqualTo(same.isRight(row, logits, 0, 3));
        }
    }

    @Test
    void binaryCrossEntropyIsThatOfSigmoid() {
        Loss loss = Loss.binaryCrossEntropy(new float[] {1, 0, 0.25f, 0, 1, 0}, 3);
        double expected = 0;
        double[] targets = {1, 0, 0.25};
        for (int i = 0; i < 3; i++) {
            double p = 1 / (1 + Math.exp(-LOGITS[AT + i]));
            expected -= targets[i] * Math.log(p) + (1 - targets[i]) * Math.log(1 - p);
        }
        assertThat(loss.of(0, LOGITS, AT, 3, null, 1)).isCloseTo(expected / 3, Offset.offset(EXACT));
        assertThat(loss.rows()).isEqualTo(2);
        assertThat(of(loss, 1, -1e4f, 1e4f, -1e4f)).isZero();
        assertThat(of(loss, 1, 1e4f, 1e4f, -1e4f)).isCloseTo(1e4 / 3, Offset.offset(1e-9));
        assertThat(loss.isRight(1, new float[] {0, 1, -1}, 0, 3)).isTrue();
        assertThat(loss.isRight(1, new float[] {0.1f, 1, -1}, 0, 3)).isFalse();
        assertThat(loss.isRight(0, new float[] {1, 0, 0}, 0, 3)).isTrue();
    }

    /** Central differences in float64 of a float32 argument: h is a power of two, so z ± h are exact. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void gradientIsTheSlope(boolean binary) {
        Loss loss = binary ? Loss.binaryCrossEntropy(new float[] {1, 0, 0.25f}, 3) : Loss.crossEntropy(new int[] {1});
        float[] gradient = new float[LOGITS.length];
        double weight = 1.0 / 7;
        loss.of(0, LOGITS, AT, 3, gradient, weight);
        assertThat(gradient[1]).isZero();
        assertThat(gradient[5]).isZero();
        float h = 0x1p-10f;
        for (int i = AT; i < AT + 3; i++) {
            float[] up = LOGITS.clone();
            float[] down = LOGITS.clone();
            up[i] += h;
            down[i] -= h;
            double slope = (loss.of(0, up, AT, 3, null, 1) - loss.of(0, down, AT, 3, null, 1)) / (2 * h) * weight;
            // The third derivative is at most 1/8: h^2/6 of it; float32 rounds to 2^-24 of the value.
            assertThat((double) gradient[i]).isCloseTo(slope, Offset.offset(1e-7));
        }
    }

    @Test
    void refusesWhatIsNoTarget() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Loss.crossEntropy(new int[] {0, -1}))
                .withMessage("labels[1]: got -1, expected at least 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Loss.crossEntropy(new int[] {0, 3}).requireOutputs(3))
                .withMessageContainingAll("loss: got label 3", "0 to 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Loss.binaryCrossEntropy(new float[] {0, 1.5f}, 2))
                .withMessage("targets[1]: got 1.5, expected 0 to 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Loss.binaryCrossEntropy(new float[] {Float.NaN}, 1))
                .withMessageStartingWith("targets[0]: got NaN");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Loss.binaryCrossEntropy(new byte[3], 2))
                .withMessage("intensities: got 3, expected a multiple of 2, the outputs of a row");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Loss.binaryCrossEntropy(new float[3], 2))
                .withMessageStartingWith("targets: got 3, expected a multiple of 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Loss.binaryCrossEntropy(new float[4], 2).requireOutputs(3))
                .withMessageContaining("expected 3");
    }
}
