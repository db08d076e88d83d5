// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.util.Arrays;
import org.apache.spark.ml.linalg.DenseVector;
import org.qlif.KernelOptions;
import org.qlif.network.Batch;
import org.qlif.network.Checkpoint;
import org.qlif.network.Loss;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.Trainer;

/** Kernels and memory for the predictions of a task, some rows at a time. Not thread-safe. */
final class Predictor implements AutoCloseable {
    private final int inputs;
    private final int outputs;
    private final byte[] levels;
    private final long[] numbers;
    private final PoissonEncoder encoder;
    private final Loss none;
    private final Trainer trainer;
    private int count;

    /**
     * @param network that predicts
     * @param device it runs on
     * @param threads the number of threads that share the rows
     */
    Predictor(Checkpoint network, String device, int threads) {
        inputs = network.network().inputs();
        outputs = network.network().outputs();
        int most = Trainer.BLOCK * threads;
        levels = new byte[Math.multiplyExact(most, inputs)];
        numbers = new long[most];
        encoder = new PoissonEncoder(levels, inputs, network.steps().orElseThrow()).numbered(numbers);
        none = Loss.crossEntropy(new int[most]);
        trainer = Trainer.builder(network.network())
                .seed(network.seed())
                .device(device)
                .options(KernelOptions.defaults().withThreads(threads))
                .build();
    }

    /** The number of rows that fit. */
    int room() {
        return numbers.length - count;
    }

    /** Adds a row. */
    void add(byte[] row, long number) {
        System.arraycopy(row, 0, levels, count * inputs, inputs);
        numbers[count] = number;
        count++;
    }

    /** The outputs for the rows that were added, which are then removed. */
    DenseVector[] predict() {
        int[] rows = new int[count];
        Arrays.setAll(rows, i -> i);
        float[] all = trainer.outputs(new Batch(encoder, none, rows));
        DenseVector[] each = new DenseVector[count];
        for (int b = 0; b < count; b++) {
            double[] row = new double[outputs];
            for (int c = 0; c < outputs; c++) {
                row[c] = all[b * outputs + c];
            }
            each[b] = new DenseVector(row);
        }
        count = 0;
        return each;
    }

    @Override
    public void close() {
        trainer.close();
    }
}
