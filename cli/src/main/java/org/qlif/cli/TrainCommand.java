package org.qlif.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.qlif.Device;
import org.qlif.training.NeuronPreset;
import org.qlif.training.OptionException;
import org.qlif.training.Training;
import org.qlif.training.TrainingEngine;
import org.qlif.training.TrainingListener;
import org.qlif.training.TrainingOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code qlif train}. */
@Command(
        name = "train",
        description = {
            "Trains a network with one hidden layer of QLIF neurons to tell handwritten digits apart, and tests it"
                    + " after each epoch.",
            "The same options give the same numbers, with engine qlif on every machine and for any number of threads."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif train",
            "  ./qlif train --lr 2e-3 --plot curves.png",
            "  ./qlif train --engine djl",
            "  ./qlif train --set spike_value=SAMPLE --set use_ahp=false",
            "  ./qlif train --neuron default --epochs 1 --train-images 1000 --test-images 1000"
        })
final class TrainCommand implements Callable<Integer> {
    /** The defaults have their place in the training module; here they only show. */
    private static final TrainingOptions DEFAULTS = TrainingOptions.builder().build();

    private static final String SHOW_DEFAULT = " (default: ${DEFAULT-VALUE}).";

    private final Supplier<TrainingListener> listener;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--hidden",
            paramLabel = "N",
            description = "Neurons of the hidden layer, 1 to " + TrainingOptions.MAX_HIDDEN + SHOW_DEFAULT)
    private int hidden = DEFAULTS.hidden();

    @Option(
            names = "--steps",
            paramLabel = "T",
            description = "Time steps that an image is shown, 1 to " + TrainingOptions.MAX_STEPS + SHOW_DEFAULT)
    private int steps = DEFAULTS.steps();

    @Option(
            names = "--batch",
            paramLabel = "B",
            description = "Images that a training step sees, 1 to " + TrainingOptions.MAX_BATCH + SHOW_DEFAULT)
    private int batch = DEFAULTS.batch();

    @Option(
            names = {"--lr", "--learning-rate"},
            paramLabel = "RATE",
            description = "Learning rate of Adam, above 0, at most 1" + SHOW_DEFAULT)
    private double learningRate = DEFAULTS.learningRate();

    @Option(
            names = "--lr-decay",
            paramLabel = "X",
            description = "What the learning rate is multiplied by after each epoch, above 0, at most 1" + SHOW_DEFAULT)
    private double learningRateDecay = DEFAULTS.learningRateDecay();

    @Option(
            names = "--clip-grad",
            paramLabel = "NORM",
            description = "Norm that the gradients together are cut to, above 0, or 0 for no cut" + SHOW_DEFAULT)
    private double clipGrad = DEFAULTS.clipGrad();

    @Option(
            names = "--epochs",
            paramLabel = "N",
            description = "Passes over the training images, 1 to " + TrainingOptions.MAX_EPOCHS + SHOW_DEFAULT)
    private int epochs = DEFAULTS.epochs();

    @Option(
            names = "--shift",
            paramLabel = "PIXELS",
            description = "Move each training image at random, by up to so many pixels down or up and right or left, 0 to "
                    + TrainingOptions.MAX_SHIFT + SHOW_DEFAULT)
    private int shift = DEFAULTS.shift();

    @Option(
            names = "--train-images",
            paramLabel = "N",
            description = "How many training images to use, 1 to as many as there are, 0 for all"
                    + " (default: ${DEFAULT-VALUE}, or all if there are fewer).")
    private int trainImages = DEFAULTS.trainImages();

    @Option(
            names = "--test-images",
            paramLabel = "N",
            description = "How many test images to use, 1 to as many as there are, 0 for all" + SHOW_DEFAULT)
    private int testImages = DEFAULTS.testImages();

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Folder of the four IDX files, gzipped or not (default: data/mnist of the repository).")
    private Path data;

    @Option(
            names = "--neuron",
            paramLabel = "NAME",
            description = "The neuron's settings, one of: ${COMPLETION-CANDIDATES}" + SHOW_DEFAULT)
    private NeuronPreset neuron = DEFAULTS.neuron();

    @Option(
            names = "--tau",
            paramLabel = "X",
            description = "Membrane time constant in time steps, 1 to 1e6" + SHOW_DEFAULT)
    private double tau = DEFAULTS.tau();

    @Mixin
    private SetOption set;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "What every random number follows from, a 64-bit whole number" + SHOW_DEFAULT)
    private long seed = DEFAULTS.seed();

    @Option(
            names = "--engine",
            paramLabel = "NAME",
            description = {
                "What trains: qlif, on the JDK alone, or djl, for the linear layers and Adam of DJL with PyTorch,"
                        + " which it downloads and unpacks on first use, 430 MB" + SHOW_DEFAULT
            })
    private TrainingEngine.Name engine = DEFAULTS.engine();

    @Option(
            names = "--plot",
            paramLabel = "FILE.png",
            description = "Write the learning curves and a spike raster to this file, when all is done.")
    private Path plot;

    @Mixin
    private DeviceOption device;

    @Mixin
    private ThreadsOption threads;

    /** A command whose runs tell {@code listener}. */
    TrainCommand(Supplier<TrainingListener> listener) {
        this.listener = listener;
    }

    @Override
    public Integer call() throws IOException {
        // The kit looks for one that runs the whole network.
        Device chosen = engine == TrainingEngine.Name.QLIF
                ? device.named()
                : device.resolve().device();
        try {
            Training.run(options(chosen), listener.get());
        } catch (OptionException refusal) {
            throw Refusal.of(spec, refusal);
        }
        return 0;
    }

    private TrainingOptions options(Device chosen) {
        return TrainingOptions.builder()
                .data(data == null ? Installation.file(DEFAULTS.data()) : data)
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
                .neuron(neuron)
                .tau(tau)
                .settings(set.settings())
                .seed(seed)
                .engine(engine)
                .plot(plot)
                .device(chosen)
                .threads(threads.options().threads())
                .build();
    }
}
