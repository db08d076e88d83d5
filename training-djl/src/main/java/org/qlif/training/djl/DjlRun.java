// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import java.util.Arrays;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.QlifConfig;
import org.qlif.Tensor;
import org.qlif.training.ImageSet;
import org.qlif.training.NetworkShape;
import org.qlif.training.OptionException;
import org.qlif.training.SpikeRaster;
import org.qlif.training.TrainingOptions;
import org.qlif.training.TrainingRun;
import org.qlif.training.TrainingTask;

/** A run on DJL's PyTorch engine, batch by batch, also in tests. */
final class DjlRun implements TrainingRun {
    private final TrainingTask task;
    private final TrainingOptions options;
    private final NetworkShape shape;
    /** A kernel like the network's own, to describe it and to inspect a call. */
    private final Kernel kernel;

    private final Network network;
    private final SpikeEncoder trainEncoder;
    private final SpikeEncoder testEncoder;

    DjlRun(TrainingTask task) {
        this.task = task;
        options = task.options();
        shape = task.shape();
        trainEncoder = new SpikeEncoder(task.trainSet(), shape.steps());
        testEncoder = new SpikeEncoder(task.testSet(), shape.steps());
        kernel = Kernel.open(
                task.neuron(), options.device(), KernelOptions.defaults().withThreads(options.threads()));
        try {
            network = new Network(
                    shape,
                    (QlifConfig) task.neuron(),
                    task.learned(),
                    options.device(),
                    options.threads(),
                    options.learningRate(),
                    options.clipGrad(),
                    options.seed());
        } catch (Throwable failure) {
            kernel.close();
            throw failure;
        }
    }

    /** The engine's direct buffers are addressed by int. */
    static void requireAddressable(TrainingTask task) {
        TrainingOptions options = task.options();
        NetworkShape shape = task.shape();
        long widest = Math.max(shape.inputs(), shape.hidden());
        long bytes = Tensor.byteSize(DType.F32, options.steps(), options.batch(), widest);
        if (bytes > Integer.MAX_VALUE) {
            throw new OptionException(
                    "batch",
                    options.batch(),
                    "a smaller batch: with " + options.steps() + " steps and a layer of " + widest + " it takes "
                            + bytes + " bytes, and at most " + Integer.MAX_VALUE + " can be addressed");
        }
        long weights = Tensor.byteSize(DType.F32, shape.inputs(), shape.hidden());
        if (weights > Integer.MAX_VALUE) {
            throw new OptionException(
                    "hidden",
                    options.hidden(),
                    "a smaller hidden layer: with images of " + shape.inputs() + " pixels it is " + weights
                            + " bytes of weights, and at most " + Integer.MAX_VALUE + " can be addressed");
        }
    }

    @Override
    public Device device() {
        return kernel.device();
    }

    @Override
    public String kernel() {
        return kernel.description();
    }

    @Override
    public String engine() {
        return TorchEngine.description();
    }

    @Override
    public Outcome train(int epoch, int step, int[] rows) {
        long spikeKey = Seeds.of(options.seed(), Seeds.Purpose.TRAINING_SPIKES, epoch);
        long drawKey = Seeds.of(options.seed(), Seeds.Purpose.TRAINING_DRAWS, epoch);
        long start = System.nanoTime();
        SharedArray spikes = network.spikes(rows.length);
        trainEncoder.encode(spikeKey, rows, 0, rows.length, spikes.segment());
        long encoded = System.nanoTime();
        Network.Outcome outcome =
                network.train(spikes, labels(task.trainSet(), rows), new DrawStream(drawKey, step - 1));
        return new Outcome(
                outcome.loss(), outcome.correct(), outcome.neuronNanos(), encoded - start, outcome.divergence());
    }

    /** Every test sees the same spikes and draws, so that epochs differ only by what was learned. */
    @Override
    public Outcome test() {
        double loss = 0;
        int correct = 0;
        for (int from = 0, batchNumber = 0; from < task.testCount(); from += options.batch(), batchNumber++) {
            int[] rows = inOrder(from, Math.min(task.testCount(), from + options.batch()));
            SharedArray spikes = network.spikes(rows.length);
            testEncoder.encode(testSpikeKey(), rows, 0, rows.length, spikes.segment());
            Network.Outcome outcome = network.test(spikes, labels(task.testSet(), rows), testDraws(batchNumber));
            if (outcome.divergence() != null) {
                return new Outcome(outcome.loss(), outcome.correct(), 0, 0, outcome.divergence());
            }
            loss += outcome.loss() * rows.length;
            correct += outcome.correct();
        }
        return new Outcome(loss / task.testCount(), correct, 0, 0, null);
    }

    @Override
    public SpikeRaster raster() {
        SharedArray input = network.spikes(1);
        testEncoder.encode(testSpikeKey(), inOrder(0, 1), 0, 1, input.segment());
        Tensor spikes = Tensor.zeros(DType.U8, shape.steps(), 1, shape.hidden());
        kernel.forward(network.neuronCall(input, 1).draws(testDraws(0)).spikes(spikes));
        int[] label = {task.testSet().label(0)};
        boolean right = network.test(input, label, testDraws(0)).correct() == 1;
        return new SpikeRaster(shape.steps(), shape.hidden(), spikes.toByteArray(), label[0], right);
    }

    private long testSpikeKey() {
        return Seeds.of(options.seed(), Seeds.Purpose.TEST_SPIKES, 0);
    }

    private DrawStream testDraws(int batchNumber) {
        return new DrawStream(Seeds.of(options.seed(), Seeds.Purpose.TEST_DRAWS, 0), batchNumber);
    }

    private static int[] labels(ImageSet images, int[] rows) {
        return Arrays.stream(rows).map(images::label).toArray();
    }

    private static int[] inOrder(int from, int to) {
        int[] rows = new int[to - from];
        Arrays.setAll(rows, i -> from + i);
        return rows;
    }

    @Override
    public void close() {
        try (kernel;
                network) {
            // Closed in reverse order.
        }
    }
}
