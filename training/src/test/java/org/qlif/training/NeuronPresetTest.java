// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Tape;
import org.qlif.Tensor;

class NeuronPresetTest {
    private static final int STEPS = 70;
    private static final int BATCH = 3;
    private static final int NEURONS = 40;

    /** What a run of {@code config} gives for thresholds within the bounds. */
    private record Run(float[] values, float[] gradInput, float[] gradVTh) {
        static Run of(QlifConfig config) {
            Random random = new Random(5);
            Parameters parameters = Parameters.perNeuron(config, NEURONS);
            parameters.set(QlifParameter.V_TH, numbers(random, 0.5f, 2, NEURONS));
            Parameters gradients = Parameters.none(config);
            gradients.set(QlifParameter.V_TH, Tensor.zeros(DType.F32, NEURONS));
            Tensor values = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
            Tensor gradInput = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
            try (Kernel kernel = Kernel.open(config, "cpu");
                    Tape tape = kernel.newTape(Tape.Mode.COMPACT, STEPS, BATCH, NEURONS)) {
                Forward forward = new Forward()
                        .input(numbers(random, -1, 3, STEPS, BATCH, NEURONS))
                        .parameters(parameters)
                        .draws(new DrawStream(1, 0))
                        .spikeValues(values)
                        .tape(tape);
                kernel.forward(forward);
                kernel.backward(new Backward(forward)
                        .gradSpikeValues(numbers(random, -1, 1, STEPS, BATCH, NEURONS))
                        .gradInput(gradInput)
                        .gradParameters(gradients));
            }
            return new Run(
                    values.toFloatArray(),
                    gradInput.toFloatArray(),
                    gradients.get(QlifParameter.V_TH).toFloatArray());
        }

        private static Tensor numbers(Random random, float from, float to, long... extents) {
            Tensor tensor = Tensor.zeros(DType.F32, extents);
            for (long i = 0; i < tensor.elements(); i++) {
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat(from, to));
            }
            return tensor;
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = NeuronPreset.class,
            names = {"SNAPSHOT_2025_08_15", "SNAPSHOT_2025_08_24"})
    void aThresholdThatTakesNoStepsNeedNotAdapt(NeuronPreset preset) {
        QlifConfig config = (QlifConfig) preset.config(2, List.of());
        assertThat(config.adaptiveThreshold().enabled()).isFalse();
        Run fixed = Run.of(config);
        Run adaptive = Run.of(config.toBuilder()
                .adaptiveThreshold(threshold -> threshold.on())
                .build());
        assertThat(fixed.values()).isEqualTo(adaptive.values());
        assertClose(fixed.gradInput(), adaptive.gradInput());
        assertClose(fixed.gradVTh(), adaptive.gradVTh());
    }

    private static void assertClose(float[] actual, float[] expected) {
        float largest = 0;
        for (float value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        assertThat(largest).isPositive();
        assertThat(actual).containsExactly(expected, within(1e-5f * largest));
    }
}
