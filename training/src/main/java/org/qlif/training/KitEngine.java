// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.Arrays;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.NeuronParameter;
import org.qlif.Qlif;
import org.qlif.Tensor;
import org.qlif.network.Adam;
import org.qlif.network.Batch;
import org.qlif.network.Checkpoint;
import org.qlif.network.DivergenceException;
import org.qlif.network.Loss;
import org.qlif.network.Network;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.StepResult;
import org.qlif.network.Trainer;

/** The network kit, on the JDK alone. */
final class KitEngine implements TrainingEngine {
    /** The index of the neurons' layer in the network. */
    private static final int NEURONS = 1;

    @Override
    public Name name() {
        return Name.QLIF;
    }

    @Override
    public TrainingRun open(TrainingTask task) {
        requireAddressable(task);
        return new Run(task);
    }

    /** Throws unless arrays can hold all learned values, and what is between two layers for a block of rows. */
    private static void requireAddressable(TrainingTask task) {
        NetworkShape shape = task.shape();
        long most = Integer.MAX_VALUE - 8;
        long hidden = shape.hidden();
        long learned = (shape.inputs() + 1L + task.learned().size() + shape.classes()) * hidden + shape.classes();
        long block = shape.steps() * (long) Trainer.BLOCK * hidden;
        if (Math.max(learned, block) > most) {
            throw new OptionException(
                    "hidden",
                    shape.hidden(),
                    "a smaller hidden layer: with images of " + shape.inputs() + " pixels and " + shape.steps()
                            + " steps it needs an array of " + Math.max(learned, block)
                            + " numbers, and an array has at most "
                            + most);
        }
    }

    private static final class Run implements TrainingRun {
        private final TrainingTask task;
        private final PoissonEncoder trainImages;
        private final PoissonEncoder testImages;
        private final Loss trainLoss;
        private final Loss testLoss;
        private final Adam adam;
        private final Trainer trainer;

        Run(TrainingTask task) {
            this.task = task;
            NetworkShape shape = task.shape();
            TrainingOptions options = task.options();
            trainImages = encoder(task.trainSet(), shape).moved(task.trainSet().columns(), options.shift());
            testImages = encoder(task.testSet(), shape);
            trainLoss = loss(task.trainSet());
            testLoss = loss(task.testSet());
            SavedTraining saved = options.resume();
            adam = saved == null ? new Adam(options.learningRate()) : saved.adam();
            trainer = (saved == null ? fresh(task).adam(adam) : saved.takeTrainer())
                    .device(options.device().text())
                    .options(KernelOptions.defaults().withThreads(options.threads()))
                    .build();
        }

        private static Trainer.Builder fresh(TrainingTask task) {
            NetworkShape shape = task.shape();
            TrainingOptions options = task.options();
            Network network = Network.builder(shape.inputs())
                    .linear(shape.hidden())
                    .neurons(task.neuron(), task.learned().toArray(NeuronParameter[]::new))
                    .readout(shape.classes())
                    .seed(options.seed())
                    .build();
            return Trainer.builder(network).clip(options.clipGrad()).seed(options.seed());
        }

        private static PoissonEncoder encoder(ImageSet images, NetworkShape shape) {
            return new PoissonEncoder(images.pixels(), shape.inputs(), shape.steps());
        }

        private static Loss loss(ImageSet images) {
            return Loss.crossEntropy(
                    IntStream.range(0, images.count()).map(images::label).toArray());
        }

        @Override
        public Device device() {
            return trainer.device();
        }

        @Override
        public String kernel() {
            return trainer.description();
        }

        @Override
        public String engine() {
            return "the network kit of QLIF " + Qlif.version();
        }

        @Override
        public Outcome train(int epoch, int step, int[] rows) {
            adam.setRate(task.options().learningRate(epoch));
            return outcome(() -> trainer.train(new Batch(trainImages, trainLoss, rows)));
        }

        @Override
        public Outcome test() {
            int[] rows = new int[task.testCount()];
            Arrays.setAll(rows, i -> i);
            return outcome(() -> trainer.test(new Batch(testImages, testLoss, rows)));
        }

        private static Outcome outcome(Supplier<StepResult> step) {
            try {
                StepResult result = step.get();
                return new Outcome(
                        result.loss(),
                        result.right(),
                        result.times().neurons(),
                        result.times().encoding(),
                        null);
            } catch (DivergenceException divergence) {
                return new Outcome(Double.NaN, 0, 0, 0, divergence.getMessage());
            }
        }

        @Override
        public Checkpoint checkpoint() {
            return Checkpoint.of(trainer);
        }

        @Override
        public SpikeRaster raster() {
            Batch first = new Batch(testImages, testLoss, new int[1]);
            return new SpikeRaster(
                    task.shape().steps(),
                    task.shape().hidden(),
                    trainer.spikes(first, NEURONS).toByteArray(),
                    task.testSet().label(0),
                    trainer.test(first).right() == 1,
                    inputCounts(trainer.inputSpikes(first)),
                    task.testSet().columns());
        }

        private int[] inputCounts(Tensor bits) {
            long[] words = bits.toLongArray();
            int stepWords = words.length / task.shape().steps();
            int[] counts = new int[task.shape().inputs()];
            for (int t = 0; t < task.shape().steps(); t++) {
                for (int k = 0; k < counts.length; k++) {
                    counts[k] += (int) (words[t * stepWords + (k >> 6)] >>> k & 1);
                }
            }
            return counts;
        }

        @Override
        public void close() {
            trainer.close();
        }
    }
}
