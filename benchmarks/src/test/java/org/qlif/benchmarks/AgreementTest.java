// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class AgreementTest {
    static Stream<Arguments> contenders() {
        return Stream.of(ContenderKind.values())
                .flatMap(kind -> Stream.of(Model.values())
                        .flatMap(model -> Stream.of(Pass.FORWARD, Pass.TRAIN)
                                .filter(pass -> kind.can(model, pass))
                                .flatMap(pass ->
                                        Stream.of(1, 2).map(threads -> Arguments.of(kind, model, pass, threads)))));
    }

    @ParameterizedTest
    @MethodSource("contenders")
    void everyContenderComputesTheSame(ContenderKind kind, Model model, Pass pass, int threads) {
        Optional<String> obstacle = kind.obstacle();
        assumeTrue(obstacle.isEmpty(), () -> kind + " is not tested here: " + obstacle.orElseThrow());

        assertThatCode(() -> Agreement.require(kind, model, threads, pass)).doesNotThrowAnyException();
    }

    /** Longer than a segment of the backward pass, and blocks that are not full, on both sides of a row's end. */
    @ParameterizedTest
    @EnumSource(
            value = Model.class,
            names = {"LIF", "PLAIN_LIF"})
    void cComputesLongRunsToo(Model model) {
        Optional<String> obstacle = ContenderKind.C.obstacle();
        assumeTrue(obstacle.isEmpty(), obstacle::orElseThrow);
        Workload workload = Workload.of(model, new Shape(150, 3, 300));
        try (KernelContender yardstick = new KernelContender("cpu:scalar", workload, 1, Pass.TRAIN, Storage.HEAP);
                Contender contender = ContenderKind.C.open(workload, 2, Pass.TRAIN)) {
            Contender.Answer expected = yardstick.answer(null, null);
            Contender.Answer got = contender.answer(null, null);
            // A spike that falls the other way takes its neuron along for a while.
            assertThat(share(got, expected)).isLessThan(0.001);
            assertThat(worst(got.gradInput(), expected.gradInput(), 0.002)).isLessThan(1e-3f);
        }
    }

    private static double share(Contender.Answer got, Contender.Answer expected) {
        return IntStream.range(0, expected.spikes().length)
                        .filter(i -> got.spikes()[i] != expected.spikes()[i])
                        .count()
                / (double) expected.spikes().length;
    }

    /** The largest difference but for a share {@code left} of all, as a share of the largest value. */
    private static float worst(float[] got, float[] expected, double left) {
        float[] differences = new float[expected.length];
        float largest = 0;
        for (int i = 0; i < expected.length; i++) {
            differences[i] = Math.abs(got[i] - expected[i]);
            largest = Math.max(largest, Math.abs(expected[i]));
        }
        Arrays.sort(differences);
        return differences[(int) ((1 - left) * (differences.length - 1))] / largest;
    }

    /** Each model's input is of its scale: neurons fire, and not at every step. */
    @ParameterizedTest
    @EnumSource(Model.class)
    void theWorkloadMakesNeuronsFire(Model model) {
        Workload workload = Workload.of(model, new Shape(20, 8, 128));
        try (KernelContender kernel = new KernelContender("cpu:scalar", workload, 1, Pass.FORWARD, Storage.HEAP)) {
            kernel.run();
            int spikes = 0;
            for (byte spike : kernel.spikes()) {
                spikes += spike;
            }
            assertThat((double) spikes / workload.shape().neuronSteps()).isBetween(0.01, 0.5);
        }
    }

    /** Memory that autograd reads must last as long, however often Java clears its own. */
    @Test
    void tensorsOutliveTheCollectionOfGarbage() throws InterruptedException {
        Optional<String> obstacle = ContenderKind.TORCH.obstacle();
        assumeTrue(obstacle.isEmpty(), obstacle::orElseThrow);
        AtomicBoolean done = new AtomicBoolean();
        Thread collector = new Thread(() -> {
            while (!done.get()) {
                System.gc();
                LockSupport.parkNanos(5_000_000);
            }
        });
        collector.start();
        try {
            Agreement.require(ContenderKind.TORCH, Model.QLIF, 1, Pass.TRAIN);
        } finally {
            done.set(true);
            collector.join();
        }
    }

    @Test
    void aDifferenceIsNamed() {
        float[] expected = {1f, 2f};

        assertThatThrownBy(() -> Agreement.requireClose(
                        ContenderKind.C, "voltages", new float[] {1f, Float.NaN}, expected, 1e-5f))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("C does not compute")
                .hasMessageContaining("voltages[1]: got NaN, expected 2.0");
        assertThatThrownBy(() ->
                        Agreement.requireClose(ContenderKind.TORCH, "voltages", new float[] {1f}, expected, 1e-5f))
                .hasMessageContaining("got 1 values, expected 2");
    }
}
