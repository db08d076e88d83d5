package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class LinearTest {
    static Stream<Arguments> contenders() {
        return Stream.of(LinearContenderKind.values())
                .flatMap(kind -> Stream.of(LinearWork.values()).map(work -> Arguments.of(kind, work)));
    }

    /** At extents that fill no word, no panel and no block. */
    @ParameterizedTest
    @MethodSource("contenders")
    void everyContenderComputesTheSame(LinearContenderKind kind, LinearWork work) {
        Optional<String> obstacle = kind.obstacle();
        assumeTrue(obstacle.isEmpty(), () -> kind + " is not tested here: " + obstacle.orElseThrow());
        for (int share : new int[] {3, 100}) {
            SpikeLinearBenchmark benchmark = new SpikeLinearBenchmark();
            benchmark.contender = kind;
            benchmark.work = work;
            benchmark.share = share;
            benchmark.layer = "3x37x131x77";
            benchmark.threads = 2;
            assertThatCode(benchmark::open).doesNotThrowAnyException();
            assertThat(benchmark.call()).isNotNull();
            benchmark.close();
        }
    }

    /** Whatever the group, a row's spikes are its own. */
    @ParameterizedTest
    @ValueSource(strings = {"qlif", "lif"})
    void groupsOfRowsChangeNoBit(String model) {
        FusionBenchmark whole = fused(model, 0);
        byte[] expected = whole.spikes().getFirst();
        assertThat(expected).contains(1).contains(0);
        for (int rows : new int[] {1, 4, 32}) {
            FusionBenchmark parts = fused(model, rows);
            int from = 0;
            for (byte[] spikes : parts.spikes()) {
                int width = spikes.length / 7;
                for (int t = 0; t < 7; t++) {
                    assertThat(Arrays.copyOfRange(spikes, t * width, (t + 1) * width))
                            .isEqualTo(Arrays.copyOfRange(expected, t * 6 * 70 + from, t * 6 * 70 + from + width));
                }
                from += width;
            }
            assertThat(from).isEqualTo(6 * 70);
        }
    }

    private static FusionBenchmark fused(String model, int rows) {
        FusionBenchmark benchmark = new FusionBenchmark();
        benchmark.model = model;
        benchmark.layer = "7x6x131x70";
        benchmark.rows = rows;
        benchmark.device = "cpu:simd";
        benchmark.open();
        benchmark.call();
        benchmark.close();
        return benchmark;
    }

    @Test
    void aDifferenceIsNamed() {
        LinearWorkload workload = new LinearWorkload(LinearShape.parse("1x2x3x4"), 50);
        assertThatThrownBy(() -> workload.require("somebody", LinearWork.FORWARD, new float[8]))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("somebody does not compute the layer: FORWARD[");
    }

    @Test
    void showsTimesAsATableAndAsCurves() {
        LinearComparison comparison = new LinearComparison()
                .add(LinearContenderKind.SIMD, LinearWork.FORWARD, 13, 1, 3.5)
                .add(LinearContenderKind.SIMD, LinearWork.FORWARD, 100, 1, 12.5)
                .add(LinearContenderKind.C, LinearWork.FORWARD, 13, 1, 3);
        assertThat(comparison.markdown().lines())
                .anySatisfy(line -> assertThat(line).containsSubsequence("ms", "contender", "threads", "13 %", "100 %"))
                .anySatisfy(line -> assertThat(line).containsSubsequence("Forward", "cpu:simd", "1", "3.50", "12.5"))
                .anySatisfy(line -> assertThat(line).containsSubsequence("gcc", "1", "3.00", "–"));
        assertThat(comparison.charts()).hasSize(1);
        assertThat(comparison.charts().getFirst().getSeriesCollection()).hasSize(2);
    }
}
