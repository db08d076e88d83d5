package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class AgreementTest {
    static Stream<Arguments> contenders() {
        return Stream.of(ContenderKind.values())
                .flatMap(kind -> Stream.of(Pass.FORWARD, Pass.TRAIN)
                        .filter(kind::can)
                        .flatMap(pass -> Stream.of(1, 2).map(threads -> Arguments.of(kind, pass, threads))));
    }

    @ParameterizedTest
    @MethodSource("contenders")
    void everyContenderComputesTheSame(ContenderKind kind, Pass pass, int threads) {
        Optional<String> obstacle = kind.obstacle();
        assumeTrue(obstacle.isEmpty(), () -> kind + " is not tested here: " + obstacle.orElseThrow());

        assertThatCode(() -> Agreement.require(kind, threads, pass)).doesNotThrowAnyException();
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
            Agreement.require(ContenderKind.TORCH, 1, Pass.TRAIN);
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
