// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Useful ranges of parameters, and the values that are moved there. */
class ClampTest {
    private static final float INFINITY = Float.POSITIVE_INFINITY;
    private static final QlifConfig CONFIG = QlifConfig.builder()
            .dt(0.5)
            .adaptiveThreshold(threshold -> threshold.withBounds(0.25, 3))
            .build();

    /** What becomes of {@code values}, of which {@code moves} are expected to move. */
    private static float[] clamped(NeuronConfig config, NeuronParameter parameter, int moves, float... values) {
        Parameters parameters = Parameters.none(config).set(parameter, Tensor.of(values, values.length));
        assertThat(parameters.clamp(config)).isEqualTo(moves);
        assertThat(parameters.clamp(config)).isZero();
        parameters.requireValid(config);
        return values;
    }

    @Test
    void movesWhatIsOutsideToTheNearestUsefulValue() {
        assertThat(clamped(CONFIG, QlifParameter.V_TH, 3, 0.1f, 1, 9, -INFINITY))
                .containsExactly(0.25f, 1, 3, 0.25f);
        assertThat(clamped(CONFIG, QlifParameter.TAU, 3, -3, 0.5f, 7, 0.4f, INFINITY))
                .containsExactly(0.5f, 0.5f, 7, 0.5f, 5e5f);
        assertThat(clamped(CONFIG, QlifParameter.ETA, 2, -0.1f, 0.2f, 2)).containsExactly(0, 0.2f, 1);
        assertThat(clamped(CONFIG, QlifParameter.Q_SCALE, 2, -1, 0.7f, 1e9f)).containsExactly(1e-3f, 0.7f, 1e3f);
        float turn = (float) (CONFIG.qubit().leak() + Math.PI);
        assertThat(clamped(CONFIG, QlifParameter.Q_BIAS, 1, 0.3f, 9)).containsExactly(0.3f, turn);
    }

    @Test
    void aThresholdThatDoesNotAdaptMayBeAnything() {
        assertThat(clamped(QlifConfig.plainLif(), QlifParameter.V_TH, 1, -3, 50, INFINITY))
                .containsExactly(-3, 50, Float.MAX_VALUE);
    }

    @Test
    void keepsRatesOfLif() {
        LifConfig config = LifConfig.defaults();
        float most = config.parameterRange(LifParameter.TAU_MEM_INV).most();
        assertThat(clamped(config, LifParameter.TAU_MEM_INV, 2, -1, 100, 5000)).containsExactly(most / 1e6f, 100, most);
        assertThat(clamped(config, LifParameter.V_TH, 0, -1, 100)).containsExactly(-1, 100);
    }

    /** A useful value is legal, whatever the options. */
    @ParameterizedTest
    @ValueSource(doubles = {1e-44, 1e-30, 1e-3, 1, 1e6, 1e38})
    void usefulRangesAreLegal(double dt) {
        LifConfig lif = LifConfig.builder()
                .dt(dt)
                .tauSynInv(0.5 / dt > 1e38 ? 1e38 : 0.5 / dt)
                .tauMemInv(0.5 / dt > 1e38 ? 1e38 : 0.5 / dt)
                .build();
        QlifConfig qlif = QlifConfig.builder()
                .dt(dt)
                .tau(Math.min(20 * dt, 3e38))
                .refractoriness(r -> r.withTau(Math.min(20 * dt, 3e38)))
                .ahp(a -> a.withTau(Math.min(20 * dt, 3e38)))
                .homeostasis(h -> h.withTau(Math.min(20 * dt, 3e38)))
                .dynamicProbability(d -> d.withTauAdapt(Math.min(20 * dt, 3e38)))
                .build();
        for (NeuronConfig config : List.of(lif, qlif)) {
            for (NeuronParameter parameter : config.parameters()) {
                ParameterRange legal = config.parameterRange(parameter);
                ParameterRange useful = config.usefulRange(parameter);
                assertThat(legal.contains(useful.least()))
                        .as("%s %s", config, parameter)
                        .isTrue();
                assertThat(legal.contains(useful.most()))
                        .as("%s %s", config, parameter)
                        .isTrue();
                assertThat(useful.contains(config.defaultValue(parameter)))
                        .as("%s %s", config, parameter)
                        .isTrue();
            }
        }
    }

    @Test
    void refusesWhatItCannotMoveAndChangesNothing() {
        Parameters parameters = Parameters.perNeuron(CONFIG, 2);
        parameters.get(QlifParameter.V_TH).fill(9);
        parameters.get(QlifParameter.Q_BIAS).setFloat(1, Float.NaN);
        assertThatThrownBy(() -> parameters.clamp(CONFIG))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("q_bias: got NaN at index 1, expected a number");
        assertThatThrownBy(() -> parameters.clamp(LifConfig.defaults()))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("another model");
        MemorySegment fixed = MemorySegment.ofArray(new float[] {7}).asReadOnly();
        parameters.set(QlifParameter.Q_BIAS, Tensor.of(DType.F32, fixed, 1));
        assertThatThrownBy(() -> parameters.clamp(CONFIG))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("q_bias: got read-only memory, expected writable");
        try (Arena arena = Arena.ofConfined()) {
            parameters.set(QlifParameter.Q_BIAS, Tensor.on(Device.of("cuda:0"), DType.F32, arena.allocate(4, 4), 1));
            assertThatThrownBy(() -> parameters.clamp(CONFIG))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("cuda:0");
        }
        assertThat(parameters.get(QlifParameter.V_TH).toFloatArray()).containsOnly(9);
        assertThatThrownBy(() -> ParameterRange.FINITE.nearest(Float.NaN))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("value: got NaN, expected a number");
        assertThatThrownBy(() -> new ParameterRange(2, 1, "none"))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("least <= most");
    }
}
