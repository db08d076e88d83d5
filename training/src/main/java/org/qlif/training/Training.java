// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.BooleanSupplier;
import org.qlif.NeuronConfig;
import org.qlif.io.OutputFile;
import org.qlif.network.Checkpoint;
import org.qlif.network.DataOrder;

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
    private final OutputFile checkpoint;
    private final String images;
    private final BooleanSupplier stop;
    private final List<EpochResult> epochs = new ArrayList<>();
    private final List<Double> losses = new ArrayList<>();
    private final List<Double> stepMillis = new ArrayList<>();
    private final List<Double> neuronMillis = new ArrayList<>();
    private final List<Double> encodeMillis = new ArrayList<>();

    private Training(TrainingOptions options, TrainingListener listener, BooleanSupplier stop) throws IOException {
        this.options = options;
        this.stop = stop;
        this.listener = listener;
        trainSet = ImageSet.training(options.data());
        testSet = ImageSet.test(options.data(), trainSet);
        trainCount = options.trainImages() == TrainingOptions.DEFAULT_TRAIN_IMAGES
                ? Math.min(options.trainImages(), trainSet.count())
                : trainSet.count("trainImages", options.trainImages());
        testCount = testSet.count("testImages", options.testImages());
        int room = Math.min(trainSet.rows(), trainSet.columns()) - 1;
        if (options.shift() > room) {
            throw new OptionException(
                    "shift",
                    options.shift(),
                    "at most " + room + " for images of " + trainSet.rows() + "x" + trainSet.columns());
        }
        shape = new NetworkShape(
                options.steps(), trainSet.pixelsPerImage(), options.hidden(), Math.max(2, trainSet.maxLabel() + 1));
        images = SavedTraining.checksum(trainSet, trainCount, testSet, testCount);
        if (options.resume() != null) {
            options.resume().requireSame(options, trainCount, testCount, images);
        }
        plot = options.plot() == null ? null : Plots.prepare(options.plot());
        checkpoint = options.checkpoint() == null ? null : OutputFile.prepare("checkpoint", options.checkpoint());
    }

    /**
     * Reads the data, trains, tests after each epoch, and writes the plot if one was requested.
     *
     * @throws IdxException if a data file is missing, damaged or does not fit the others
     * @throws IOException if the plot or the checkpoint can't be written, which is known before training unless the disk fills up meanwhile, or if the
     *     engine can't be loaded
     * @throws OptionException if the options ask for more images than there are, for an engine that is not there, for a network that it has no
     *     room for, or to move images by as much as they are high or wide
     * @throws IllegalArgumentException if the device is unknown, or can't run the network
     * @throws org.qlif.DeviceUnavailableException if the device can't run here
     * @throws TrainingDivergedException if anything that is computed or learned stops being finite
     */
    public static TrainingResult run(TrainingOptions options, TrainingListener listener) throws IOException {
        return run(options, listener, () -> false);
    }

    /**
     * The same, with a way to stop it early.
     *
     * @param stop called after each step; if it returns true, the training is saved, if the options say where, and stops
     * @throws TrainingStoppedException if it stopped
     */
    public static TrainingResult run(TrainingOptions options, TrainingListener listener, BooleanSupplier stop)
            throws IOException {
        Training training = new Training(options, listener, stop);
        try {
            return training.run();
        } catch (IOException | RuntimeException | Error failure) {
            listener.failed();
            throw failure;
        }
    }

    /** The engine that the options name. */
    private TrainingEngine engine() {
        if (options.engine() == TrainingEngine.Name.QLIF) {
            return new KitEngine();
        }
        for (TrainingEngine engine : ServiceLoader.load(TrainingEngine.class)) {
            if (engine.name() == options.engine()) {
                return engine;
            }
        }
        throw new OptionException(
                "engine",
                options.engine(),
                TrainingEngine.Name.QLIF + ", or for that the module training-" + options.engine()
                        + " on the class path, where './qlif train --engine " + options.engine() + "' puts it");
    }

    private TrainingResult run() throws IOException {
        NeuronConfig neuron = options.neuronConfig();
        TrainingTask task = new TrainingTask(
                options,
                trainSet,
                testSet,
                trainCount,
                testCount,
                shape,
                neuron,
                options.neuron().learned());
        try (TrainingRun run = engine().open(task)) {
            listener.started(new TrainingSetup(
                    options,
                    trainCount,
                    testCount,
                    trainSet.rows(),
                    trainSet.columns(),
                    shape.classes(),
                    neuron,
                    options.neuron().learned(),
                    run.device(),
                    run.kernel(),
                    run.engine()));
            DataOrder order = new DataOrder(trainCount, options.seed());
            int first = 1;
            int row = 0;
            TrainingScore trained = new TrainingScore();
            SavedTraining saved = options.resume();
            if (saved != null) {
                first = saved.place().epoch();
                row = saved.place().row();
                trained = saved.score();
                epochs.addAll(saved.epochs());
                losses.addAll(saved.losses());
            }
            for (int epoch = first; epoch <= options.epochs(); epoch++) {
                long start = System.nanoTime();
                train(run, order.epoch(epoch), epoch, row, trained);
                long between = System.nanoTime();
                TrainingRun.Outcome tested = test(run, epoch);
                EpochResult result = new EpochResult(
                        epoch,
                        trained.meanLoss(),
                        trained.accuracy(),
                        tested.loss(),
                        (double) tested.correct() / testCount,
                        (between - start) * 1e-9,
                        (System.nanoTime() - between) * 1e-9);
                epochs.add(result);
                listener.epochEnded(result);
                row = 0;
                trained = new TrainingScore();
            }
            TrainingResult result = new TrainingResult(
                    epochs, losses, median(stepMillis), median(neuronMillis), median(encodeMillis), run.raster());
            if (plot != null) {
                Plots.write(plot, options, result);
            }
            listener.finished(result);
            return result;
        }
    }

    /** Trains on an epoch's rows from {@code row} on, and saves the training before it is tested. */
    private void train(TrainingRun run, int[] order, int epoch, int row, TrainingScore score) throws IOException {
        int steps = Math.ceilDiv(trainCount, options.batch());
        int wholeBatch = Math.min(options.batch(), trainCount);
        for (int step = Math.ceilDiv(row, options.batch()) + 1; step <= steps; step++) {
            int from = (step - 1) * options.batch();
            int[] rows = Arrays.copyOfRange(order, from, Math.min(trainCount, from + options.batch()));
            long start = System.nanoTime();
            TrainingRun.Outcome outcome = run.train(epoch, step, rows);
            long end = System.nanoTime();
            if (outcome.divergence() != null) {
                throw new TrainingDivergedException(epoch, step, outcome.divergence());
            }
            score.add(outcome, rows.length);
            losses.add(outcome.loss());
            if (rows.length == wholeBatch) {
                stepMillis.add((end - start) * 1e-6);
                neuronMillis.add(outcome.neuronNanos() * 1e-6);
                encodeMillis.add(outcome.encodeNanos() * 1e-6);
            }
            listener.stepped(epoch, step, steps, outcome.loss());
            boolean stopping = stop.getAsBoolean();
            if (checkpoint != null && (stopping || step == steps)) {
                Checkpoint.Place place =
                        new Checkpoint.Place(trainCount, options.seed(), options.batch(), epoch, from + rows.length);
                SavedTraining.write(
                        checkpoint, run.checkpoint(), options, place, testCount, images, score, epochs, losses);
            }
            if (stopping) {
                throw new TrainingStoppedException(epoch, step, steps);
            }
        }
    }

    private TrainingRun.Outcome test(TrainingRun run, int epoch) {
        TrainingRun.Outcome outcome = run.test();
        if (outcome.divergence() != null) {
            int lastStep = Math.ceilDiv(trainCount, options.batch());
            throw new TrainingDivergedException(epoch, lastStep, outcome.divergence() + " in the test after it");
        }
        return outcome;
    }

    private static double median(List<Double> values) {
        if (values.isEmpty()) {
            return 0;
        }
        List<Double> sorted = values.stream().sorted().toList();
        return sorted.get(sorted.size() / 2);
    }
}
