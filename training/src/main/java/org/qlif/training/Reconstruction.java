// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.io.OutputFile;
import org.qlif.network.Adam;
import org.qlif.network.Batch;
import org.qlif.network.DataOrder;
import org.qlif.network.DivergenceException;
import org.qlif.network.Loss;
import org.qlif.network.Network;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.StepResult;
import org.qlif.network.Trainer;

/**
 * A spiking autoencoder: images as Poisson spikes, a layer of spiking neurons, and a linear decoder of the mean of their spike values over time,
 * which learns the intensities of the pixels by binary cross-entropy. It is trained and tested with QLIF, then with LIF neurons, all else
 * equal. The same options give the same numbers on every machine and for any number of threads.
 */
public final class Reconstruction {
    /** The maximum number of images in the picture: the first of each class. */
    private static final int SHOWN = 10;

    private final TrainingOptions options;
    private final ReconstructionListener listener;
    private final ImageSet trainSet;
    private final ImageSet testSet;
    private final int trainCount;
    private final int testCount;
    private final OutputFile plot;
    private final Map<String, List<ReconstructionResult.Epoch>> epochs = new LinkedHashMap<>();
    private final Map<String, float[]> pictures = new LinkedHashMap<>();

    /** Options that start from the defaults of a reconstruction: 256 hidden neurons, 40 time steps, all images, ten epochs. */
    public static TrainingOptions.Builder defaults() {
        return TrainingOptions.builder()
                .hidden(256)
                .steps(40)
                .epochs(10)
                .trainImages(0)
                .learningRate(2e-3)
                .learningRateDecay(0.8);
    }

    private Reconstruction(TrainingOptions options, ReconstructionListener listener) throws IOException {
        this.options = options;
        this.listener = listener;
        if (options.neuron() == NeuronPreset.LIF) {
            throw new OptionException("neuron", options.neuron(), "QLIF neurons, which are compared with LIF neurons");
        }
        if (options.shift() != 0) {
            throw new OptionException("shift", options.shift(), "0: the targets are not moved");
        }
        if (options.engine() != TrainingEngine.Name.QLIF) {
            throw new OptionException("engine", options.engine(), TrainingEngine.Name.QLIF.toString());
        }
        if (options.checkpoint() != null || options.resume() != null) {
            throw new OptionException("checkpoint", options.checkpoint(), "none: a reconstruction is not saved");
        }
        trainSet = ImageSet.training(options.data());
        testSet = ImageSet.test(options.data(), trainSet);
        trainCount = trainSet.count("trainImages", options.trainImages());
        testCount = testSet.count("testImages", options.testImages());
        plot = options.plot() == null ? null : Plots.prepare(options.plot());
    }

    /**
     * Reads the data, trains and tests each network, and writes the picture if one was requested.
     *
     * @throws IdxException if a data file is missing, damaged or does not fit the others
     * @throws IOException if the picture can't be written, which is known before training unless the disk fills up meanwhile
     * @param options of both networks and their training; both have the options' seed. Neuron and settings are those of the first network
     * @throws OptionException if the options ask for more images than there are, another engine, or LIF in the place of QLIF
     * @throws IllegalArgumentException if the device is unknown, or can't run the network
     * @throws org.qlif.DeviceUnavailableException if the device can't run here
     * @throws TrainingDivergedException if anything that is computed or learned stops being finite
     */
    public static ReconstructionResult run(TrainingOptions options, ReconstructionListener listener)
            throws IOException {
        Reconstruction reconstruction = new Reconstruction(options, listener);
        try {
            return reconstruction.run();
        } catch (IOException | RuntimeException | Error failure) {
            listener.failed();
            throw failure;
        }
    }

    private ReconstructionResult run() throws IOException {
        listener.started(options, trainCount, testCount);
        int pixels = trainSet.pixelsPerImage();
        Loss trainLoss = Loss.binaryCrossEntropy(trainSet.pixels(), pixels);
        Loss testLoss = Loss.binaryCrossEntropy(testSet.pixels(), pixels);
        PoissonEncoder trainImages = new PoissonEncoder(trainSet.pixels(), pixels, options.steps());
        PoissonEncoder testImages = new PoissonEncoder(testSet.pixels(), pixels, options.steps());
        Batch tested =
                new Batch(testImages, testLoss, IntStream.range(0, testCount).toArray());
        int[] shown = firstOfEachClass();
        for (NeuronPreset neuron : List.of(options.neuron(), NeuronPreset.LIF)) {
            String name = neuron == NeuronPreset.LIF ? "lif" : "qlif";
            Adam adam = new Adam(options.learningRate(1));
            try (Trainer trainer = trainer(neuron, adam)) {
                listener.networkStarted(name, config(neuron).toString(), trainer.device(), trainer.description());
                List<ReconstructionResult.Epoch> done = new ArrayList<>();
                for (int epoch = 1; epoch <= options.epochs(); epoch++) {
                    adam.setRate(options.learningRate(epoch));
                    done.add(epoch(name, trainer, epoch, trainImages, trainLoss, tested));
                    listener.epochEnded(name, done.getLast());
                }
                epochs.put(name, done);
                pictures.put(name, trainer.outputs(new Batch(testImages, testLoss, shown)));
            }
        }
        ReconstructionResult result = new ReconstructionResult(epochs);
        if (plot != null) {
            ReconstructionPlots.write(plot, options, result, testSet, shown, pictures);
        }
        listener.finished(result);
        return result;
    }

    private ReconstructionResult.Epoch epoch(
            String name, Trainer trainer, int epoch, PoissonEncoder images, Loss loss, Batch tested) {
        int[] order = new DataOrder(trainCount, options.seed()).epoch(epoch);
        int steps = Math.ceilDiv(trainCount, options.batch());
        double sum = 0;
        int step = 0;
        long start = System.nanoTime();
        try {
            for (int from = 0; from < trainCount; from += options.batch()) {
                step++;
                int[] rows = Arrays.copyOfRange(order, from, Math.min(trainCount, from + options.batch()));
                StepResult result = trainer.train(new Batch(images, loss, rows));
                sum += result.loss() * rows.length;
                listener.stepped(name, epoch, step, steps, result.loss());
            }
            long between = System.nanoTime();
            double testBce = trainer.test(tested).loss();
            return new ReconstructionResult.Epoch(
                    epoch, sum / trainCount, testBce, (between - start) * 1e-9, (System.nanoTime() - between) * 1e-9);
        } catch (DivergenceException divergence) {
            throw new TrainingDivergedException(epoch, step, name + ": " + divergence.getMessage());
        }
    }

    private Trainer trainer(NeuronPreset neuron, Adam adam) {
        int pixels = trainSet.pixelsPerImage();
        Network network = Network.builder(pixels)
                .linear(options.hidden())
                .neurons(config(neuron), neuron.learned().toArray(NeuronParameter[]::new))
                .readout(pixels)
                .seed(options.seed())
                .build();
        return Trainer.builder(network)
                .adam(adam)
                .clip(options.clipGrad())
                .seed(options.seed())
                .device(options.device().text())
                .options(KernelOptions.defaults().withThreads(options.threads()))
                .build();
    }

    private NeuronConfig config(NeuronPreset neuron) {
        return neuron.config(options.tau(), neuron == NeuronPreset.LIF ? List.of() : options.settings());
    }

    private int[] firstOfEachClass() {
        return IntStream.rangeClosed(0, testSet.maxLabel())
                .flatMap(label -> IntStream.range(0, testCount)
                        .filter(image -> testSet.label(image) == label)
                        .limit(1))
                .limit(SHOWN)
                .toArray();
    }
}
