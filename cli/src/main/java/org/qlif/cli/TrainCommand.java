package org.qlif.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.qlif.Device;
import org.qlif.spi.Printable;
import org.qlif.training.OptionException;
import org.qlif.training.SavedTraining;
import org.qlif.training.Training;
import org.qlif.training.TrainingEngine;
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

    private final Supplier<Progress> progress;

    @Spec
    private CommandSpec spec;

    @Mixin
    private TrainingArguments arguments = new TrainingArguments(DEFAULTS);

    @Option(
            names = "--shift",
            paramLabel = "PIXELS",
            description =
                    "Move each training image at random, by up to so many pixels down or up and right or left, 0 to "
                            + TrainingOptions.MAX_SHIFT + SHOW_DEFAULT)
    private int shift = DEFAULTS.shift();

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

    /** A command that tells its progress there. */
    TrainCommand(Supplier<Progress> progress) {
        this.progress = progress;
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
                Training.run(options, progress.get().training());
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
                Training.run(options, progress.get().training(), interruption::requested);
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
        if (spec.commandLine().getParseResult().hasMatchedOption("--shift")) {
            options.shift(shift);
        }
        return arguments
                .applyTo(spec, options)
                .engine(engine)
                .plot(plot)
                .checkpoint(checkpoint)
                .device(chosen)
                .build();
    }
}
