// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.stream.IntStream;
import org.apache.spark.sql.SparkSession;
import org.qlif.KernelOptions;
import org.qlif.NeuronParameter;
import org.qlif.network.Adam;
import org.qlif.network.Batch;
import org.qlif.network.DataOrder;
import org.qlif.network.Loss;
import org.qlif.network.Network;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.Trainer;
import org.qlif.simulation.Preset;
import org.qlif.training.ImageSet;

/**
 * What a training step costs on Spark, docs/spark.md, run by {@code spark/measure}: as a task for each slot of this process ({@code local TASKS BATCH
 * EPOCHS}), as two executors of one core ({@code cluster BATCH EPOCHS}), or without Spark ({@code plain THREADS BATCH EPOCHS}); or of exchanges of
 * short messages ({@code exchange TASKS ROUNDS}). The network is that
 * of {@code ./qlif train}. How long steps take is in the log of the first task.
 */
final class StepCost {
    private static final int ROWS = 8192;

    private StepCost() {}

    public static void main(String[] args) throws Exception {
        int[] numbers = Arrays.stream(args).skip(1).mapToInt(Integer::parseInt).toArray();
        switch (args[0]) {
            case "local" -> {
                try (SparkSession spark = Sessions.local(numbers[0])) {
                    fit(spark, numbers[1], numbers[2]);
                }
            }
            case "cluster" -> {
                Path home = Files.createTempDirectory("spark");
                try (Cluster cluster = new Cluster(home)) {
                    fit(cluster.spark(), numbers[0], numbers[1]);
                    cluster.logs().forEach(System.err::println);
                }
            }
            case "exchange" -> exchange(numbers[0], numbers[1]);
            case "plain" -> plain(numbers[0], numbers[1], numbers[2]);
            default -> throw new IllegalArgumentException("got " + args[0]);
        }
    }

    /** How long messages take that are too short for their bytes to count. */
    private static void exchange(int tasks, int rounds) throws Exception {
        String[] messages = new String[tasks];
        CyclicBarrier together = new CyclicBarrier(tasks);
        List<Thread> threads = new ArrayList<>();
        for (int task = 0; task < tasks; task++) {
            int rank = task;
            threads.add(Thread.ofPlatform().start(() -> {
                try (Mesh mesh =
                        Mesh.join(rank, tasks, "127.0.0.1", message -> gather(rank, message, messages, together), "")) {
                    ByteBuffer[] out = new ByteBuffer[tasks];
                    ByteBuffer[] in = new ByteBuffer[tasks];
                    Arrays.setAll(out, _ -> ByteBuffer.allocateDirect(64));
                    Arrays.setAll(in, _ -> ByteBuffer.allocateDirect(64));
                    long start = 0;
                    for (int round = -rounds; round < rounds; round++) {
                        start = round == 0 ? System.nanoTime() : start;
                        for (int peer = 0; peer < tasks; peer++) {
                            out[peer].clear();
                            in[peer].clear();
                        }
                        mesh.exchange(out, in);
                    }
                    if (rank == 0) {
                        System.err.printf(
                                "an exchange of %d tasks took %.0f us%n",
                                tasks, (System.nanoTime() - start) * 1e-3 / rounds);
                    }
                } catch (IOException failure) {
                    throw new UncheckedIOException(failure);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private static String[] gather(int rank, String message, String[] messages, CyclicBarrier together) {
        messages[rank] = message;
        try {
            together.await();
        } catch (InterruptedException | BrokenBarrierException broken) {
            throw new IllegalStateException(broken);
        }
        return messages;
    }

    private static void fit(SparkSession spark, int batch, int epochs) throws Exception {
        new SpikingClassifier()
                .setIdCol("id")
                .setFeatureMax(255)
                .setBatchSize(batch)
                .setMaxIter(epochs)
                .fit(Digits.train(spark, ROWS, 2));
    }

    private static void plain(int threads, int batch, int epochs) throws Exception {
        ImageSet images = ImageSet.training(Digits.FOLDER);
        PoissonEncoder encoder = new PoissonEncoder(images.pixels(), Digits.PIXELS, 20);
        Loss loss = Loss.crossEntropy(
                IntStream.range(0, images.count()).map(images::label).toArray());
        Preset preset = Preset.SNAPSHOT_2025_08_24;
        Network network = Network.builder(Digits.PIXELS)
                .linear(512)
                .neurons(preset.trained(2, List.of()), preset.learned().toArray(NeuronParameter[]::new))
                .readout(10)
                .seed(1)
                .build();
        DataOrder order = new DataOrder(ROWS, 1);
        try (Trainer trainer = Trainer.builder(network)
                .adam(new Adam(5e-4))
                .clip(0.5)
                .seed(1)
                .device("cpu")
                .options(KernelOptions.defaults().withThreads(threads))
                .build()) {
            for (int epoch = 1; epoch <= epochs; epoch++) {
                int[] rows = order.epoch(epoch);
                long start = System.nanoTime();
                double sum = 0;
                for (int from = 0; from < ROWS; from += batch) {
                    int[] some = Arrays.copyOfRange(rows, from, Math.min(ROWS, from + batch));
                    sum += trainer.train(new Batch(encoder, loss, some)).loss() * some.length;
                }
                int steps = Math.ceilDiv(ROWS, batch);
                System.err.printf(
                        "epoch %d of %d: loss %.4f; a step took %.2f ms%n",
                        epoch, epochs, sum / ROWS, (System.nanoTime() - start) * 1e-6 / steps);
            }
        }
    }
}
