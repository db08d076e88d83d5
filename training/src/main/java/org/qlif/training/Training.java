package org.qlif.training;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.QlifConfig;
import org.qlif.Tensor;

/** Trains and tests a network as {@link TrainingOptions} say. The same options give the same numbers on the same machine. */
public final class Training {
    private final TrainingOptions options;
    private final TrainingListener listener;
    private final ImageSet trainSet;
    private final ImageSet testSet;
    private final int trainCount;
    private final int testCount;
    private final NetworkShape shape;
    private final OutputFile plot;
    private final List<EpochResult> epochs = new ArrayList<>();
    private final List<Double> losses = new ArrayList<>();
    private final List<Double> stepMillis = new ArrayList<>();
    private final List<Double> neuronMillis = new ArrayList<>();
    private final List<Double> encodeMillis = new ArrayList<>();

    private Training(TrainingOptions options, TrainingListener listener) throws IOException {
        this.options = options;
        this.listener = listener;
        trainSet = ImageSet.training(options.data());
        testSet = ImageSet.test(options.data(), trainSet);
        trainCount = options.trainImages() == TrainingOptions.DEFAULT_TRAIN_IMAGES
                ? Math.min(options.trainImages(), trainSet.count())
                : count("trainImages", options.trainImages(), trainSet);
        testCount = count("testImages", options.testImages(), testSet);
        shape = new NetworkShape(
                options.steps(), trainSet.pixelsPerImage(), options.hidden(), Math.max(2, trainSet.maxLabel() + 1));
        requireAddressable(options, shape);
        plot = options.plot() == null ? null : Plots.prepare(options.plot());
    }

    /**
     * Reads the data, trains, tests after each epoch, and writes the plot if one was asked for.
     *
     * @throws IdxException if a data file is missing, damaged or does not fit the others
     * @throws IOException if the plot can't be written, which is known before training unless the disk fills up meanwhile, or if the
     *     engine can't be loaded
     * @throws OptionException if the options ask for more images than there are, or for buffers above 2 GiB
     * @throws IllegalArgumentException if the device is unknown
     * @throws org.qlif.DeviceUnavailableException if the device can't run here
     * @throws TrainingDivergedException if anything that is computed or learned stops being finite
     */
    public static TrainingResult run(TrainingOptions options, TrainingListener listener) throws IOException {
        Training training = new Training(options, listener);
        try {
            return training.run();
        } catch (IOException | RuntimeException | Error failure) {
            listener.failed();
            throw failure;
        }
    }

    private static int count(String name, int asked, ImageSet images) {
        if (asked > images.count()) {
            throw new OptionException(
                    name, asked, "at most " + images.count() + ", the number in " + images.labelFile());
        }
        return asked == 0 ? images.count() : asked;
    }

    /** The engine's direct buffers are addressed by int. */
    private static void requireAddressable(TrainingOptions options, NetworkShape shape) {
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
            throw new IllegalArgumentException("hidden: got " + shape.hidden() + " with images of " + shape.inputs()
                    + " pixels, which is " + weights + " bytes of weights, expected at most " + Integer.MAX_VALUE
                    + ": take a smaller hidden layer");
        }
    }

    private TrainingResult run() throws IOException {
        TorchEngine.load();
        QlifConfig neuron = options.neuronConfig();
        try (Kernel kernel = Kernel.open(
                        neuron, options.device(), KernelOptions.defaults().withThreads(options.threads()));
                Network network = new Network(
                        shape,
                        neuron,
                        NeuronPreset.LEARNED,
                        kernel,
                        options.threads(),
                        options.learningRate(),
                        options.clipGrad(),
                        options.seed())) {
            listener.started(new TrainingSetup(
                    options,
                    trainCount,
                    testCount,
                    trainSet.rows(),
                    trainSet.columns(),
                    shape.classes(),
                    neuron,
                    NeuronPreset.LEARNED,
                    kernel.device(),
                    kernel.description(),
                    TorchEngine.description()));
            SpikeEncoder trainEncoder = new SpikeEncoder(trainSet, shape.steps());
            SpikeEncoder testEncoder = new SpikeEncoder(testSet, shape.steps());
            for (int epoch = 1; epoch <= options.epochs(); epoch++) {
                long start = System.nanoTime();
                Score trained = train(network, trainEncoder, epoch);
                long between = System.nanoTime();
                Score tested = test(network, testEncoder, epoch);
                EpochResult result = new EpochResult(
                        epoch,
                        trained.meanLoss(),
                        trained.accuracy(),
                        tested.meanLoss(),
                        tested.accuracy(),
                        (between - start) * 1e-9,
                        (System.nanoTime() - between) * 1e-9);
                epochs.add(result);
                listener.epochEnded(result);
            }
            TrainingResult result =
                    new TrainingResult(epochs, losses, median(stepMillis), median(neuronMillis), median(encodeMillis));
            if (plot != null) {
                Plots.write(plot, options, result, raster(network, testEncoder));
            }
            listener.finished(result);
            return result;
        }
    }

    private Score train(Network network, SpikeEncoder encoder, int epoch) {
        int[] order = shuffled(trainCount, Seeds.of(options.seed(), Seeds.Purpose.ORDER, epoch));
        long spikeKey = Seeds.of(options.seed(), Seeds.Purpose.TRAINING_SPIKES, epoch);
        long drawKey = Seeds.of(options.seed(), Seeds.Purpose.TRAINING_DRAWS, epoch);
        int steps = Math.ceilDiv(trainCount, options.batch());
        int wholeBatch = Math.min(options.batch(), trainCount);
        Score score = new Score();
        for (int step = 0; step < steps; step++) {
            long start = System.nanoTime();
            int from = step * options.batch();
            Workspace work = network.trainingWorkspace(Math.min(options.batch(), trainCount - from));
            encoder.encode(spikeKey, order, from, work.batch, work.spikes.segment());
            long encoded = System.nanoTime();
            Network.Outcome outcome =
                    network.train(work, labels(trainSet, order, from, work.batch), new DrawStream(drawKey, step));
            long end = System.nanoTime();
            if (outcome.divergence() != null) {
                throw new TrainingDivergedException(epoch, step + 1, outcome.divergence());
            }
            score.add(outcome, work.batch);
            losses.add(outcome.loss());
            if (work.batch == wholeBatch) {
                stepMillis.add((end - start) * 1e-6);
                neuronMillis.add(outcome.neuronNanos() * 1e-6);
                encodeMillis.add((encoded - start) * 1e-6);
            }
            listener.stepped(epoch, step + 1, steps, outcome.loss());
        }
        return score;
    }

    /** Every test sees the same spikes and draws, so that epochs differ by what was learned alone. */
    private Score test(Network network, SpikeEncoder encoder, int epoch) {
        int[] order = inOrder(testCount);
        Score score = new Score();
        for (int from = 0, batchNumber = 0; from < testCount; from += options.batch(), batchNumber++) {
            Workspace work = network.testWorkspace(Math.min(options.batch(), testCount - from));
            encoder.encode(testSpikeKey(), order, from, work.batch, work.spikes.segment());
            Network.Outcome outcome =
                    network.test(work, labels(testSet, order, from, work.batch), testDraws(batchNumber));
            if (outcome.divergence() != null) {
                int lastStep = Math.ceilDiv(trainCount, options.batch());
                throw new TrainingDivergedException(epoch, lastStep, outcome.divergence() + " in the test after it");
            }
            score.add(outcome, work.batch);
        }
        return score;
    }

    private long testSpikeKey() {
        return Seeds.of(options.seed(), Seeds.Purpose.TEST_SPIKES, 0);
    }

    private DrawStream testDraws(int batchNumber) {
        return new DrawStream(Seeds.of(options.seed(), Seeds.Purpose.TEST_DRAWS, 0), batchNumber);
    }

    /** The hidden layer's spikes for the first test image. */
    private SpikeRaster raster(Network network, SpikeEncoder encoder) {
        Workspace work = network.testWorkspace(1);
        Tensor spikes = Tensor.zeros(DType.U8, shape.steps(), 1, shape.hidden());
        encoder.encode(testSpikeKey(), inOrder(1), 0, 1, work.spikes.segment());
        work.forward.spikes(spikes);
        int[] label = {testSet.label(0)};
        boolean right = network.test(work, label, testDraws(0)).correct() == 1;
        return new SpikeRaster(shape.steps(), shape.hidden(), spikes.toByteArray(), label[0], right);
    }

    private static int[] labels(ImageSet images, int[] order, int from, int batch) {
        int[] labels = new int[batch];
        Arrays.setAll(labels, b -> images.label(order[from + b]));
        return labels;
    }

    private static int[] inOrder(int count) {
        int[] order = new int[count];
        Arrays.setAll(order, i -> i);
        return order;
    }

    private static int[] shuffled(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int[] order = inOrder(count);
        for (int i = count - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int swapped = order[i];
            order[i] = order[j];
            order[j] = swapped;
        }
        return order;
    }

    private static double median(List<Double> values) {
        if (values.isEmpty()) {
            return 0;
        }
        List<Double> sorted = values.stream().sorted().toList();
        return sorted.get(sorted.size() / 2);
    }

    /** Losses and hits over the batches of one pass. */
    private static final class Score {
        private double loss;
        private int correct;
        private int images;

        void add(Network.Outcome outcome, int batch) {
            loss += outcome.loss() * batch;
            correct += outcome.correct();
            images += batch;
        }

        double meanLoss() {
            return loss / images;
        }

        double accuracy() {
            return (double) correct / images;
        }
    }
}
