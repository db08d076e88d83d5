// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.qlif.network.TrainerTest.ENCODER;
import static org.qlif.network.TrainerTest.INPUTS;
import static org.qlif.network.TrainerTest.LABELS;
import static org.qlif.network.TrainerTest.ROWS;
import static org.qlif.network.TrainerTest.STEPS;
import static org.qlif.network.TrainerTest.deep;
import static org.qlif.network.TrainerTest.intensities;
import static org.qlif.network.TrainerTest.on;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.QlifVariable;

/** {@link Trainer#train(Batch, Exchange)}: threads as machines, each of which has the data of its own blocks alone. */
class SharedStepTest {
    /** Machines that are threads of this process: a queue from each to each. */
    private record Threads(int rank, int size, List<BlockingQueue<byte[]>> queues) implements Exchange {
        static List<Threads> group(int size) {
            List<BlockingQueue<byte[]>> queues = new ArrayList<>();
            for (int i = 0; i < size * size; i++) {
                queues.add(new LinkedBlockingQueue<>());
            }
            return IntStream.range(0, size)
                    .mapToObj(rank -> new Threads(rank, size, queues))
                    .toList();
        }

        @Override
        public void exchange(ByteBuffer[] out, ByteBuffer[] in) throws IOException {
            for (int peer = 0; peer < size; peer++) {
                if (peer != rank) {
                    byte[] bytes = new byte[out[peer].remaining()];
                    out[peer].get(bytes);
                    queues.get(rank * size + peer).add(bytes);
                }
            }
            for (int peer = 0; peer < size; peer++) {
                if (peer != rank) {
                    try {
                        byte[] bytes = queues.get(peer * size + rank).take();
                        assertThat(bytes).hasSize(in[peer].remaining());
                        in[peer].put(bytes);
                    } catch (InterruptedException interrupted) {
                        throw new IOException(interrupted);
                    }
                }
            }
        }
    }

    /** The rows of a batch, by their place in it; other machines' data are of no use. */
    private static Batch part(int[] rows, int first, int end) {
        byte[] all = intensities();
        byte[] own = new byte[rows.length * INPUTS];
        long[] numbers = new long[rows.length];
        int[] labels = new int[rows.length];
        for (int i = first * Trainer.BLOCK; i < Math.min(rows.length, end * Trainer.BLOCK); i++) {
            System.arraycopy(all, rows[i] * INPUTS, own, i * INPUTS, INPUTS);
            numbers[i] = rows[i];
            labels[i] = LABELS[rows[i]];
        }
        return new Batch(
                new PoissonEncoder(own, INPUTS, STEPS).numbered(numbers),
                Loss.crossEntropy(labels),
                IntStream.range(0, rows.length).toArray());
    }

    /** Runs of blocks that are subtrees and such that are not, machines without a block, a last block that is not full. */
    @ParameterizedTest
    @CsvSource({"1, 130", "2, 256", "2, 300", "3, 300", "4, 512", "5, 510", "8, 512", "8, 130", "3, 20"})
    void machinesLearnAsOne(int machines, int count) throws Exception {
        Network expected = deep();
        List<StepResult> results = new ArrayList<>();
        int[][] batches = IntStream.range(0, 3)
                .mapToObj(step -> IntStream.range(step, step + count)
                        .map(i -> i * 7 % ROWS)
                        .toArray())
                .toArray(int[][]::new);
        try (Trainer alone = on(expected, 1).build()) {
            for (int[] rows : batches) {
                results.add(alone.train(new Batch(ENCODER, Loss.crossEntropy(LABELS), rows)));
            }
        }
        List<Network> networks = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(machines)) {
            List<Future<?>> runs = new ArrayList<>();
            for (Threads machine : Threads.group(machines)) {
                Network network = deep();
                networks.add(network);
                runs.add(threads.submit(() -> {
                    try (Trainer trainer = on(network, 1 + machine.rank() % 2).build()) {
                        for (int step = 0; step < batches.length; step++) {
                            int blocks = Math.ceilDiv(count, Trainer.BLOCK);
                            int first = Exchange.firstBlock(blocks, machine.rank(), machines);
                            int end = Exchange.firstBlock(blocks, machine.rank() + 1, machines);
                            StepResult result = trainer.train(part(batches[step], first, end), machine);
                            assertThat(result.loss())
                                    .isEqualTo(results.get(step).loss());
                            assertThat(result.right())
                                    .isEqualTo(results.get(step).right());
                            assertThat(result.rows()).isEqualTo(count);
                        }
                    }
                    return null;
                }));
            }
            for (Future<?> run : runs) {
                run.get();
            }
        }
        for (Network network : networks) {
            for (String name : expected.names()) {
                assertThat(network.get(name).toFloatArray())
                        .as(name)
                        .isEqualTo(expected.get(name).toFloatArray());
            }
            for (QlifVariable variable : List.of(QlifVariable.RATE, QlifVariable.HOMEOSTASIS)) {
                assertThat(network.statistics(3).get(variable).toFloatArray())
                        .isEqualTo(expected.statistics(3).get(variable).toFloatArray());
            }
        }
    }

    /** A machine that does not answer any more stops the step, and nothing is learned. */
    @Test
    void aFailedExchangeLearnsNothing() {
        Network network = deep();
        Exchange broken = new Exchange() {
            @Override
            public int rank() {
                return 1;
            }

            @Override
            public int size() {
                return 2;
            }

            @Override
            public void exchange(ByteBuffer[] out, ByteBuffer[] in) throws IOException {
                throw new IOException("machine 0 is gone");
            }
        };
        float[] before = network.get("0.weight").toFloatArray();
        try (Trainer trainer = on(network, 1).build()) {
            Batch batch = part(IntStream.range(0, 64).toArray(), 0, 2);
            assertThatThrownBy(() -> trainer.train(batch, broken))
                    .isInstanceOf(IOException.class)
                    .hasMessage("machine 0 is gone");
            assertThat(trainer.step()).isZero();
        }
        assertThat(network.get("0.weight").toFloatArray()).isEqualTo(before);
    }

    @Test
    void refusesARankOutOfItsRange() {
        try (Trainer trainer = on(deep(), 1).build()) {
            Batch batch = part(IntStream.range(0, 64).toArray(), 0, 2);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> trainer.train(batch, new Threads(2, 2, List.of())))
                    .withMessage("rank of the exchange: got 2, expected 0 to 1, since it has 2 machines");
        }
    }
}
