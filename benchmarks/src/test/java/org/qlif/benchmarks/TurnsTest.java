// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TurnsTest {
    @Test
    void theMedianAndTheFastestTenthAreOfSortedCalls() {
        List<Double> taken =
                IntStream.range(0, 100).mapToObj(i -> (double) (i * 37 % 100)).toList();
        assertThat(Turns.Times.of(taken)).isEqualTo(new Turns.Times(100, 50, 10));
    }

    @Test
    void everyContenderHasARow() {
        String printed = printed(
                "turns --contenders SCALAR,SIMD --shapes 3x2x64,5x2x64 --seconds 1 --threads 1 --model lif --pass TRAIN");
        assertThat(printed.lines())
                .anySatisfy(
                        line -> assertThat(line).startsWith("Million neuron-steps a second, lif, TRAIN, 1 threads; "))
                .anySatisfy(line -> assertThat(line).matches("\\| QLIF cpu:scalar .*( \\| +[0-9.]+; [0-9.]+){2} \\|"))
                .anySatisfy(line -> assertThat(line).matches("\\| QLIF cpu:simd .*( \\| +[0-9.]+; [0-9.]+){2} \\|"));
    }

    @Test
    void aBlockIsSetAgainstTheKernelAndTheGraph() {
        assumeTrue(TorchContender.obstacle().isEmpty(), () -> "PyTorch can't run here");
        assertThat(printed("djl --neurons PLAIN_LIF --shape 3x2x64 --seconds 1 --threads 1")
                        .lines())
                .anySatisfy(line -> assertThat(line)
                        .matches("\\| PLAIN_LIF *( \\| +[0-9.]+; [0-9.]+){3} \\| +[-+][0-9.]+ %; [-+][0-9.]+ % \\|"));
    }

    private static String printed(String command) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream before = System.out;
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertThat(Benchmarks.commandLine().execute(command.split(" "))).isZero();
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
