// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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

    /** Each way of the neurons that come after a layer. */
    @ParameterizedTest
    @ValueSource(strings = {"qlif", "lif"})
    void everyWayHasTheSameSpikes(String model) {
        byte[] expected = spikes(model, FusionBenchmark.Way.APART);
        assertThat(expected).contains(1).contains(0);
        for (FusionBenchmark.Way way : FusionBenchmark.Way.values()) {
            assertThat(spikes(model, way)).as(way.toString()).isEqualTo(expected);
        }
    }

    private static byte[] spikes(String model, FusionBenchmark.Way way) {
        FusionBenchmark benchmark = new FusionBenchmark();
        benchmark.model = model;
        benchmark.layer = "7x6x131x70";
        benchmark.way = way;
        benchmark.device = "cpu:simd";
        benchmark.open();
        benchmark.call();
        byte[] spikes = benchmark.spikes();
        benchmark.close();
        return spikes;
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
