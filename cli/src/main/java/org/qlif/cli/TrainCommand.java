package org.qlif.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.qlif.Device;
import org.qlif.spi.Printable;
import org.qlif.training.NeuronPreset;
import org.qlif.training.OptionException;
import org.qlif.training.SavedTraining;
import org.qlif.training.Training;
import org.qlif.training.TrainingEngine;
import org.qlif.training.TrainingListener;
import org.qlif.training.TrainingOptions;
import org.qlif.training.TrainingStoppedException;
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
            "  ./qlif train --checkpoint net.safetensors",
            "  ./qlif train --resume net.safetensors --checkpoint net.safetensors --epochs 10",
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

    @Option(
            names = "--checkpoint",
            paramLabel = "FILE",
            description = "Save the training to this file after each epoch, and on Ctrl-C after the step that runs.")
    private Path checkpoint;

    @Option(
            names = "--resume",
            paramLabel = "FILE",
            description =
                    "Go on with a training that was saved, with the numbers that it would have had without the break:"
                            + " options that are not given are as they were, --epochs counts from the start of the first run.")
    private Path resume;

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
            TrainingOptions options = options(chosen);
            if (checkpoint == null) {
                Training.run(options, listener.get());
            } else {
                return runToBeStopped(options);
            }
        } catch (OptionException refusal) {
            throw Refusal.of(spec, refusal);
        }
        return 0;
    }

    private int runToBeStopped(TrainingOptions options) throws IOException {
        try (Interruption interruption = new Interruption()) {
            try {
                Training.run(options, listener.get(), interruption::requested);
                return 0;
            } catch (TrainingStoppedException stopped) {
                // Said before the program may end.
                PrintWriter err = spec.commandLine().getErr();
                err.println("qlif: " + stopped.getMessage() + "; './qlif train --resume " + Printable.path(checkpoint)
                        + "' goes on");
                err.flush();
                return Cli.INTERRUPTED;
            }
        }
    }

    /** Those of a run that is resumed, or the defaults, and what was given beside. */
    private TrainingOptions options(Device chosen) throws IOException {
        TrainingOptions.Builder options = resume == null
                ? TrainingOptions.builder()
                : SavedTraining.read(resume).options();
        options.data(data == null ? Installation.file(DEFAULTS.data()) : data)
                .engine(engine)
                .plot(plot)
                .checkpoint(checkpoint)
                .device(chosen)
                .threads(threads.options().threads());
        given("--hidden", () -> options.hidden(hidden));
        given("--steps", () -> options.steps(steps));
        given("--batch", () -> options.batch(batch));
        given("--lr", () -> options.learningRate(learningRate));
        given("--clip-grad", () -> options.clipGrad(clipGrad));
        given("--epochs", () -> options.epochs(epochs));
        given("--train-images", () -> options.trainImages(trainImages));
        given("--test-images", () -> options.testImages(testImages));
        given("--neuron", () -> options.neuron(neuron));
        given("--tau", () -> options.tau(tau));
        given("--set", () -> options.settings(set.settings()));
        given("--seed", () -> options.seed(seed));
        return options.build();
    }

    private void given(String option, Runnable action) {
        if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
            action.run();
        }
    }
}
