package org.qlif.cli;

import java.nio.file.Path;
import org.qlif.training.NeuronPreset;
import org.qlif.training.TrainingOptions;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options that say what network is trained and how, alike in every command that trains one. */
final class TrainingArguments {
    private static final String SHOW_DEFAULT = " (default: ${DEFAULT-VALUE}).";

    private final TrainingOptions defaults;

    @Option(
            names = "--hidden",
            paramLabel = "N",
            description = "Neurons of the hidden layer, 1 to " + TrainingOptions.MAX_HIDDEN + SHOW_DEFAULT)
    private int hidden;

    @Option(
            names = {"--steps", "--T"},
            paramLabel = "T",
            description = "Time steps that an image is shown, 1 to " + TrainingOptions.MAX_STEPS + SHOW_DEFAULT)
    private int steps;

    @Option(
            names = {"--batch", "--batch-size"},
            paramLabel = "B",
            description = "Images that a training step sees, 1 to " + TrainingOptions.MAX_BATCH + SHOW_DEFAULT)
    private int batch;

    @Option(
            names = {"--lr", "--learning-rate"},
            paramLabel = "RATE",
            description = "Learning rate of Adam, above 0, at most 1" + SHOW_DEFAULT)
    private double learningRate;

    @Option(
            names = {"--lr-decay", "--learning-rate-decay"},
            paramLabel = "X",
            description = "What the learning rate is multiplied by after each epoch, above 0, at most 1" + SHOW_DEFAULT)
    private double learningRateDecay;

    @Option(
            names = "--clip-grad",
            paramLabel = "NORM",
            description = "Norm that the gradients together are cut to, above 0, or 0 for no cut" + SHOW_DEFAULT)
    private double clipGrad;

    @Option(
            names = "--epochs",
            paramLabel = "N",
            description = "Passes over the training images, 1 to " + TrainingOptions.MAX_EPOCHS + SHOW_DEFAULT)
    private int epochs;

    @Option(
            names = "--train-images",
            paramLabel = "N",
            description = "How many training images to use, 1 to as many as there are, 0 for all" + SHOW_DEFAULT)
    private int trainImages;

    @Option(
            names = "--test-images",
            paramLabel = "N",
            description = "How many test images to use, 1 to as many as there are, 0 for all" + SHOW_DEFAULT)
    private int testImages;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Folder of the four IDX files, gzipped or not (default: data/mnist of the repository).")
    private Path data;

    @Option(
            names = "--neuron",
            paramLabel = "NAME",
            description = "The neuron's settings, one of: ${COMPLETION-CANDIDATES}" + SHOW_DEFAULT)
    private NeuronPreset neuron;

    @Option(
            names = "--tau",
            paramLabel = "X",
            description = "Membrane time constant in time steps, 1 to 1e6" + SHOW_DEFAULT)
    private double tau;

    @Mixin
    private SetOption set;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "What every random number follows from, a 64-bit whole number" + SHOW_DEFAULT)
    private long seed;

    @Mixin
    private ThreadsOption threads;

    /** Options whose defaults, which have their place in the training module, are these. */
    TrainingArguments(TrainingOptions defaults) {
        this.defaults = defaults;
        hidden = defaults.hidden();
        steps = defaults.steps();
        batch = defaults.batch();
        learningRate = defaults.learningRate();
        learningRateDecay = defaults.learningRateDecay();
        clipGrad = defaults.clipGrad();
        epochs = defaults.epochs();
        trainImages = defaults.trainImages();
        testImages = defaults.testImages();
        neuron = defaults.neuron();
        tau = defaults.tau();
        seed = defaults.seed();
    }

    /** What was given. */
    TrainingOptions.Builder builder() {
        return TrainingOptions.builder()
                .data(data == null ? Installation.file(defaults.data()) : data)
                .hidden(hidden)
                .steps(steps)
                .batch(batch)
                .learningRate(learningRate)
                .learningRateDecay(learningRateDecay)
                .clipGrad(clipGrad)
                .epochs(epochs)
                .trainImages(trainImages)
                .testImages(testImages)
                .neuron(neuron)
                .tau(tau)
                .seed(seed)
                .settings(set.settings())
                .threads(threads.options().threads());
    }
}
