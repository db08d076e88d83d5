package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.DType;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.StatePolicy;
import org.qlif.Tape;
import org.qlif.Tensor;

/** The layer: what it keeps between calls, and that it is the kernel underneath. */
final class QlifLayerTest {
    private static final int STEPS = 6;
    private static final int BATCH = 3;
    private static final int NEURONS = 21;

    private static float[] current(int steps) {
        Random random = new Random(11);
        float[] values = new float[steps * BATCH * NEURONS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (2 + 2 * random.nextGaussian());
        }
        return values;
    }

    private static Tensor input(int steps) {
        return Tensor.of(current(steps), steps, BATCH, NEURONS);
    }

    private static Tensor step(int t) {
        float[] all = current(STEPS);
        float[] one = new float[BATCH * NEURONS];
        System.arraycopy(all, t * one.length, one, 0, one.length);
        return Tensor.of(one, 1, BATCH, NEURONS);
    }

    private static QlifLayer.Builder layer() {
        return QlifLayer.builder(NEURONS).device("cpu:scalar").threads(1).seed(42);
    }

    @Test
    void streamsStepByStepAsInOneRun() {
        try (QlifLayer whole = layer().state(StatePolicy.STREAM).build();
                QlifLayer stream = layer().state(StatePolicy.STREAM).build()) {
            float[] expected = whole.forward(input(STEPS)).voltages().toFloatArray();
            for (int t = 0; t < STEPS; t++) {
                float[] row = stream.forward(step(t)).voltages().toFloatArray();
                for (int e = 0; e < row.length; e++) {
                    assertThat(row[e]).isEqualTo(expected[t * row.length + e]);
                }
            }
            assertThat(stream.state().step()).isEqualTo(STEPS);
        }
    }

    @Test
    void keepsTheBatchMeanOfRateAndHomeostasis() {
        QlifConfig quick = QlifConfig.builder()
                .homeostasis(h -> h.withTau(5).withLearningRate(0.1))
                .build();
        try (QlifLayer keep = layer().config(quick).state(StatePolicy.KEEP).build();
                QlifLayer stream =
                        layer().config(quick).state(StatePolicy.STREAM).build()) {
            keep.forward(input(STEPS));
            stream.forward(input(STEPS));
            for (QlifVariable variable : QlifVariable.values()) {
                float[] kept = keep.state().get(variable).toFloatArray();
                float[] exact = stream.state().get(variable).toFloatArray();
                if (variable != QlifVariable.RATE && variable != QlifVariable.HOMEOSTASIS) {
                    assertThat(kept).isEqualTo(exact);
                    continue;
                }
                for (int n = 0; n < NEURONS; n++) {
                    double sum = 0;
                    for (int b = 0; b < BATCH; b++) {
                        sum += exact[b * NEURONS + n];
                    }
                    for (int b = 0; b < BATCH; b++) {
                        assertThat(kept[b * NEURONS + n]).isEqualTo((float) (sum / BATCH));
                    }
                }
            }
        }
    }

    @Test
    void anEpisodeDrawsItsOwnNumbersAndASeedRepeatsThemAll() {
        try (QlifLayer first = layer().build();
                QlifLayer second = layer().build();
                QlifLayer kept = layer().state(StatePolicy.KEEP).build()) {
            float[] run0 = first.forward(input(STEPS)).voltages().toFloatArray();
            float[] run1 = first.forward(input(STEPS)).voltages().toFloatArray();
            assertThat(run1).isNotEqualTo(run0);
            assertThat(second.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(run0);
            assertThat(kept.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(run0);
            kept.reset();
            assertThat(kept.state()).isNull();
            assertThat(kept.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(run1);
        }
    }

    @Test
    void returnsWhatWasAskedFor() {
        QlifConfig expected =
                QlifConfig.builder().spikeValue(QlifConfig.SpikeValue.EXPECTED).build();
        try (QlifLayer layer = layer().config(expected)
                .spikes(DType.BIT)
                .voltages(false)
                .traces(QlifTrace.PROBABILITY)
                .build()) {
            QlifLayer.Output output = layer.forward(input(STEPS));
            assertThat(output.spikes().type()).isEqualTo(DType.BIT);
            assertThat(output.voltages()).isNull();
            assertThat(output.traces()).containsOnlyKeys(QlifTrace.PROBABILITY);
            assertThat(output.spikeValues().toFloatArray())
                    .isEqualTo(output.traces().get(QlifTrace.PROBABILITY).toFloatArray());
        }
        try (QlifLayer layer = layer().build()) {
            QlifLayer.Output output = layer.forward(input(STEPS));
            assertThat(output.spikeValues()).isSameAs(output.spikes());
            assertThat(output.traces()).isEmpty();
        }
    }

    @Test
    void trainsThroughModulationAndShapesThatChange() {
        try (QlifLayer layer = layer().training(Tape.Mode.COMPACT).build()) {
            for (int steps : new int[] {STEPS, STEPS, 2}) {
                Tensor modulation = Tensor.of(new float[] {0.3f}, 1);
                layer.forward(input(steps), modulation);
                Tensor ones = Tensor.zeros(DType.F32, steps, BATCH, NEURONS);
                ones.fill(1f);
                QlifLayer.Gradients gradients = layer.backward(ones, ones);
                assertThat(gradients.input().elements()).isEqualTo((long) steps * BATCH * NEURONS);
                assertThat(gradients.modulation().getFloat(0)).isFinite().isNotZero();
                assertThat(gradients.parameters().get(QlifParameter.TAU).toFloatArray())
                        .hasSize(NEURONS);
            }
        }
    }

    @Test
    void layersWithOneSeedShareNoEpisode() {
        List<float[]> runs = new ArrayList<>();
        for (int stream = 0; stream < 3; stream++) {
            try (QlifLayer layer = layer().stream(stream).build();
                    QlifLayer kept =
                            layer().stream(stream).state(StatePolicy.KEEP).build()) {
                for (int episode = 0; episode < 3; episode++) {
                    float[] run = layer.forward(input(STEPS)).voltages().toFloatArray();
                    assertThat(runs)
                            .as("stream %d, episode %d", stream, episode)
                            .doesNotContain(run);
                    runs.add(run);
                    assertThat(kept.forward(input(STEPS)).voltages().toFloatArray())
                            .isEqualTo(run);
                    kept.reset();
                }
            }
        }
    }

    private static boolean drawsAsOneThat(QlifLayer one, QlifLayer other) {
        return Arrays.equals(
                one.forward(input(STEPS)).voltages().toFloatArray(),
                other.forward(input(STEPS)).voltages().toFloatArray());
    }

    /** Whoever gives no seed gets numbers that no other layer has; the seed that was made up repeats them. */
    @Test
    void layersWithoutASeedDrawTheirOwnNumbers() {
        QlifLayer.Builder seedless =
                QlifLayer.builder(NEURONS).device("cpu:scalar").threads(1);
        try (QlifLayer first = seedless.build();
                QlifLayer second = seedless.build();
                QlifLayer again = layer().seed(first.seed()).build()) {
            float[] run = first.forward(input(STEPS)).voltages().toFloatArray();
            assertThat(second.seed()).isNotEqualTo(first.seed());
            assertThat(second.forward(input(STEPS)).voltages().toFloatArray()).isNotEqualTo(run);
            assertThat(again.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(run);
        }
    }

    @Test
    void layersDrawTheSameNumbersForTheSameSeedAndStreamOnly() {
        try (QlifLayer same = layer().stream(1).build();
                QlifLayer twin = layer().stream(1).build()) {
            assertThat(same.seed()).isEqualTo(42);
            assertThat(drawsAsOneThat(same, twin)).isTrue();
        }
        try (QlifLayer first = layer().stream(1).build();
                QlifLayer second = layer().stream(2).build()) {
            assertThat(drawsAsOneThat(first, second)).isFalse();
        }
        try (QlifLayer first = layer().seed(1).build();
                QlifLayer second = layer().seed(2).build()) {
            assertThat(drawsAsOneThat(first, second)).isFalse();
        }
    }

    /** The gradients are of what the forward call read; a parameter that is another object since is noticed. */
    @Test
    void refusesABackwardCallWhoseParametersWereReplaced() {
        try (QlifLayer layer = layer().training(Tape.Mode.VOLTAGE).build()) {
            layer.forward(input(STEPS));
            layer.parameters().set(QlifParameter.ETA, Tensor.zeros(DType.F32, NEURONS));
            assertThatThrownBy(() -> layer.backward(null, null))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("tape");
        }
    }

    /** A call that was refused leaves the layer as it was: what follows has the bits of a layer that never saw it. */
    @ParameterizedTest
    @EnumSource(
            value = StatePolicy.class,
            names = {"KEEP", "STREAM"})
    void worksOnAfterARefusedCall(StatePolicy policy) {
        Tensor current = Tensor.zeros(DType.F32, 20, 4, NEURONS);
        current.fill(2f);
        Tensor other = Tensor.zeros(DType.F32, 20, 2, NEURONS);
        for (boolean reset : new boolean[] {true, false}) {
            try (QlifLayer layer =
                            layer().state(policy).training(Tape.Mode.VOLTAGE).build();
                    QlifLayer unspoiled =
                            layer().state(policy).training(Tape.Mode.VOLTAGE).build()) {
                layer.forward(current);
                unspoiled.forward(current);
                for (int i = 0; i < 2; i++) {
                    assertThatThrownBy(() -> layer.forward(other))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("input")
                            .hasMessageContaining("B = 4")
                            .hasMessageContaining("reset()");
                }
                if (reset) {
                    layer.reset();
                    unspoiled.reset();
                }
                assertThat(layer.forward(current).voltages().toFloatArray())
                        .isEqualTo(unspoiled.forward(current).voltages().toFloatArray());
                assertThat(layer.backward(current, null).input().toFloatArray())
                        .isEqualTo(unspoiled.backward(current, null).input().toFloatArray());
                assertThat(layer.state().step()).isEqualTo(reset ? 20 : 40);
                layer.reset();
                assertThat(layer.forward(other).voltages().toFloatArray()).hasSize(20 * 2 * NEURONS);
            }
        }
    }

    @Test
    void refusesWhatDoesNotFit() {
        assertThatThrownBy(() -> QlifLayer.builder(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("neurons");
        assertThatThrownBy(() -> layer().spikes(DType.I64))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("spikes: got I64, expected a type of [F32, U8, BIT]");
        try (QlifLayer layer = layer().build()) {
            assertThatThrownBy(() -> layer.forward(Tensor.zeros(DType.F32, 2, 3, NEURONS + 1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("input")
                    .hasMessageContaining("(T, B, 21)");
            assertThatThrownBy(() -> layer.backward(null, null))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("training");
        }
        QlifLayer closed = layer().build();
        closed.close();
        closed.close();
        assertThatThrownBy(() -> closed.forward(input(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        try (QlifLayer layer = layer().training(Tape.Mode.VOLTAGE).build()) {
            assertThatThrownBy(() -> layer.backward(null, null))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("forward");
        }
    }

    @Test
    void tellsWhatAnOptimizerIsToChange() {
        try (QlifLayer usual = QlifLayer.builder(3).device("cpu:scalar").build();
                QlifLayer told = QlifLayer.builder(3)
                        .device("cpu:scalar")
                        .learn(QlifParameter.TAU, QlifParameter.V_TH)
                        .build();
                QlifLayer nothing =
                        QlifLayer.builder(3).device("cpu:scalar").learn().build()) {
            assertThat(usual.learnable())
                    .containsExactlyInAnyOrder(QlifParameter.V_TH, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS);
            assertThat(told.learnable()).containsExactlyInAnyOrder(QlifParameter.TAU, QlifParameter.V_TH);
            assertThat(nothing.learnable()).isEmpty();
        }
    }
}
