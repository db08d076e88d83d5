// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.qlif.Device;
import org.qlif.NeuronConfig;

/**
 * What to train and how. Values are checked when the record is made; a message gives the name, the value and the range. Use {@link
 * #builder()}, which starts from the defaults.
 *
 * @param data the folder of the four IDX files, gzipped or not
 * @param hidden the neurons of the hidden layer, 1 to {@value #MAX_HIDDEN}
 * @param steps T, the time steps an image is shown, 1 to {@value #MAX_STEPS}
 * @param batch the images of a training step, 1 to {@value #MAX_BATCH}
 * @param learningRate of Adam, for weights and neuron parameters alike; above 0, at most 1
 * @param learningRateDecay the factor applied to the learning rate after each epoch; above 0, at most 1
 * @param clipGrad the norm to which all gradients together are clipped; 0 for no clipping
 * @param epochs passes over the training images, 1 to {@value #MAX_EPOCHS}
 * @param shift the maximum random shift of a training image, in pixels, vertically and horizontally; 0 to {@value #MAX_SHIFT}
 * @param trainImages how many of the first training images to use; 0 for all. If there are fewer, the option is refused once the data has
 *     been read, except for the default, {@value #DEFAULT_TRAIN_IMAGES}, which then means all
 * @param testImages how many of the first test images to use; 0 for all. If there are fewer, the option is refused once the data has been
 *     read
 * @param seed the seed of all random numbers: initial weights, order, spike trains, the neurons' draws
 * @param engine what trains
 * @param threads for the engine and the kernel, 1 to {@value #MAX_THREADS}
 * @param device where the neurons run, and with engine {@code qlif} the whole network
 * @param neuron which neuron
 * @param tau the neurons' membrane time constant in time steps, 1 to 1e6
 * @param settings changes of the neuron's configuration, each a text such as {@code use_ahp=false}
 * @param plot the file for a PNG of the curves and of a spike raster; null for none
 * @param checkpoint the file in which the training is saved after each epoch's steps and when it stops; null for none
 * @param resume the training to resume, of which everything that affects the numbers must be unchanged; null for a new one
 */
public record TrainingOptions(
        Path data,
        int hidden,
        int steps,
        int batch,
        double learningRate,
        double learningRateDecay,
        double clipGrad,
        int epochs,
        int shift,
        int trainImages,
        int testImages,
        long seed,
        TrainingEngine.Name engine,
        int threads,
        Device device,
        NeuronPreset neuron,
        double tau,
        List<String> settings,
        Path plot,
        Path checkpoint,
        SavedTraining resume) {
    /** The maximum number of neurons of the hidden layer. */
    public static final int MAX_HIDDEN = 65_536;

    /** The maximum number of time steps for which an image is shown. */
    public static final int MAX_STEPS = 1000;

    /** The maximum number of images of a training step. */
    public static final int MAX_BATCH = 4096;

    /** The maximum shift of a training image in pixels. */
    public static final int MAX_SHIFT = 8;

    /** The maximum number of passes over the training images. */
    public static final int MAX_EPOCHS = 1000;

    /** The maximum number of threads. */
    public static final int MAX_THREADS = 1024;

    /** The number of training images that are used by default, or all if there are fewer. */
    public static final int DEFAULT_TRAIN_IMAGES = 5000;

    /** Checks every component. */
    public TrainingOptions {
        Objects.requireNonNull(data, "data");
        if (data.toString().isEmpty()) {
            throw new OptionException("data", "''", "a folder; '.' is the current one");
        }
        requireWithin("hidden", hidden, 1, MAX_HIDDEN);
        requireWithin("steps", steps, 1, MAX_STEPS);
        requireWithin("batch", batch, 1, MAX_BATCH);
        // Checked in float32, in which the engine computes: a smaller rate would be 0 there, and nothing would be
        // learned.
        if (!((float) learningRate > 0 && learningRate <= 1)) {
            throw new OptionException("learningRate", learningRate, "above 0 in float32, at most 1");
        }
        if (!(learningRateDecay > 0 && learningRateDecay <= 1)) {
            throw new OptionException("learningRateDecay", learningRateDecay, "above 0, at most 1");
        }
        if (!(clipGrad == 0 || (float) clipGrad > 0 && Float.isFinite((float) clipGrad))) {
            throw new OptionException("clipGrad", clipGrad, "a finite norm > 0 in float32, or 0 for no clipping");
        }
        requireWithin("epochs", epochs, 1, MAX_EPOCHS);
        requireWithin("shift", shift, 0, MAX_SHIFT);
        requireAtLeastZero("trainImages", trainImages);
        requireAtLeastZero("testImages", testImages);
        Objects.requireNonNull(engine, "engine");
        requireWithin("threads", threads, 1, MAX_THREADS);
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(neuron, "neuron");
        if (!(tau >= 1 && tau <= 1e6)) {
            throw new OptionException("tau", tau, "1 to 1e6 time steps");
        }
        settings = List.copyOf(settings);
        try {
            neuron.config(tau, settings);
        } catch (IllegalArgumentException refusal) {
            throw new OptionException("set", refusal);
        }
        if (plot != null && !plot.toString().endsWith(".png")) {
            throw new OptionException("plot", plot, "a path that ends in .png");
        }
        if (engine != TrainingEngine.Name.QLIF && (checkpoint != null || resume != null)) {
            throw new OptionException(
                    "engine", engine, TrainingEngine.Name.QLIF + ", whose trainings alone can be saved");
        }
    }

    /** A builder that starts from the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * A builder that starts from settings for all training images, chosen on a sixth of them that was held out: ten epochs, a learning rate
     * that falls by a quarter after each, and images shifted by up to a pixel.
     */
    public static Builder full() {
        return builder()
                .trainImages(0)
                .epochs(10)
                .learningRate(2e-3)
                .learningRateDecay(0.75)
                .shift(1);
    }

    /** The learning rate of an epoch, counted from 1. It does not depend on how many epochs there are. */
    public double learningRate(int epoch) {
        return learningRate * StrictMath.pow(learningRateDecay, epoch - 1);
    }

    /** A builder that starts from these options. */
    Builder toBuilder() {
        return builder()
                .data(data)
                .hidden(hidden)
                .steps(steps)
                .batch(batch)
                .learningRate(learningRate)
                .learningRateDecay(learningRateDecay)
                .clipGrad(clipGrad)
                .epochs(epochs)
                .shift(shift)
                .trainImages(trainImages)
                .testImages(testImages)
                .seed(seed)
                .engine(engine)
                .threads(threads)
                .device(device)
                .neuron(neuron)
                .tau(tau)
                .settings(settings)
                .plot(plot)
                .checkpoint(checkpoint)
                .resume(resume);
    }

    /** The hidden layer's configuration. */
    public NeuronConfig neuronConfig() {
        return neuron.config(tau, settings);
    }

    private static void requireWithin(String name, int value, int min, int max) {
        if (value < min || value > max) {
            throw new OptionException(name, value, min + " to " + max);
        }
    }

    private static void requireAtLeastZero(String name, int value) {
        if (value < 0) {
            throw new OptionException(name, value, "at least 0, where 0 stands for all");
        }
    }

    /** Builds {@link TrainingOptions}; the setters have the names of the components and are checked by {@link #build()}. */
    public static final class Builder {
        private Path data = Path.of("data", "mnist");
        private int hidden = 512;
        private int steps = 20;
        private int batch = 128;
        private double learningRate = 5e-4;
        private double learningRateDecay = 1;
        private double clipGrad = 0.5;
        private int epochs = 5;
        private int shift;
        private int trainImages = DEFAULT_TRAIN_IMAGES;
        private int testImages;
        private long seed = 1;
        private TrainingEngine.Name engine = TrainingEngine.Name.QLIF;
        private int threads = Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
        private Device device = Device.AUTO;
        private NeuronPreset neuron = NeuronPreset.SNAPSHOT_2025_08_24;
        private double tau = 2;
        private List<String> settings = List.of();
        private Path plot;
        private Path checkpoint;
        private SavedTraining resume;

        private Builder() {}

        /** Sets the folder of the IDX files. */
        public Builder data(Path data) {
            this.data = data;
            return this;
        }

        /** Sets the neurons of the hidden layer. */
        public Builder hidden(int hidden) {
            this.hidden = hidden;
            return this;
        }

        /** Sets the time steps an image is shown. */
        public Builder steps(int steps) {
            this.steps = steps;
            return this;
        }

        /** Sets the images of a training step. */
        public Builder batch(int batch) {
            this.batch = batch;
            return this;
        }

        /** Sets Adam's learning rate. */
        public Builder learningRate(double learningRate) {
            this.learningRate = learningRate;
            return this;
        }

        /** Sets the factor applied to the learning rate after each epoch. */
        public Builder learningRateDecay(double learningRateDecay) {
            this.learningRateDecay = learningRateDecay;
            return this;
        }

        /** Sets the norm to which the gradients are clipped. */
        public Builder clipGrad(double clipGrad) {
            this.clipGrad = clipGrad;
            return this;
        }

        /** Sets the passes over the training images. */
        public Builder epochs(int epochs) {
            this.epochs = epochs;
            return this;
        }

        /** Sets the maximum shift of a training image in pixels. */
        public Builder shift(int shift) {
            this.shift = shift;
            return this;
        }

        /** Sets how many training images to use; 0 for all. */
        public Builder trainImages(int trainImages) {
            this.trainImages = trainImages;
            return this;
        }

        /** Sets how many test images to use; 0 for all. */
        public Builder testImages(int testImages) {
            this.testImages = testImages;
            return this;
        }

        /** Sets the seed of all random numbers. */
        public Builder seed(long seed) {
            this.seed = seed;
            return this;
        }

        /** Sets the engine. */
        public Builder engine(TrainingEngine.Name engine) {
            this.engine = engine;
            return this;
        }

        /** Sets the threads of engine and kernel. */
        public Builder threads(int threads) {
            this.threads = threads;
            return this;
        }

        /** Sets the device of the neurons, or of the whole network. */
        public Builder device(Device device) {
            this.device = device;
            return this;
        }

        /** Sets the neuron. */
        public Builder neuron(NeuronPreset neuron) {
            this.neuron = neuron;
            return this;
        }

        /** Sets the membrane time constant in time steps. */
        public Builder tau(double tau) {
            this.tau = tau;
            return this;
        }

        /** Sets changes of the neuron's configuration: see {@link NeuronConfig#with}. */
        public Builder settings(List<String> settings) {
            this.settings = settings;
            return this;
        }

        /** Sets the plot's file; null for none. */
        public Builder plot(Path plot) {
            this.plot = plot;
            return this;
        }

        /** Sets the file in which the training is saved; null for none. */
        public Builder checkpoint(Path checkpoint) {
            this.checkpoint = checkpoint;
            return this;
        }

        /** Sets the training to resume; see {@link SavedTraining#options}. */
        Builder resume(SavedTraining resume) {
            this.resume = resume;
            return this;
        }

        /** The options, checked. */
        public TrainingOptions build() {
            return new TrainingOptions(
                    data,
                    hidden,
                    steps,
                    batch,
                    learningRate,
                    learningRateDecay,
                    clipGrad,
                    epochs,
                    shift,
                    trainImages,
                    testImages,
                    seed,
                    engine,
                    threads,
                    device,
                    neuron,
                    tau,
                    settings,
                    plot,
                    checkpoint,
                    resume);
        }
    }
}
