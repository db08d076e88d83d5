// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.qlif.Device;
import org.qlif.spi.Printable;
import org.qlif.training.Comparison;
import org.qlif.training.EpochResult;
import org.qlif.training.OptionException;
import org.qlif.training.SavedTraining;
import org.qlif.training.Training;
import org.qlif.training.TrainingEngine;
import org.qlif.training.TrainingOptions;
import org.qlif.training.TrainingResult;
import org.qlif.training.TrainingStoppedException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code qlif train}. */
@Command(
        name = "train",
        description = {
            "Trains a network with one hidden layer of QLIF neurons to classify handwritten digits, and tests it"
                    + " after each epoch.",
            "The same options give the same numbers; with the engine qlif also on every machine and for any number of threads."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif train",
            "  ./qlif train --full --plot",
            "  ./qlif train --compare --plot compare.png",
            "  ./qlif train --lr 2e-3 --plot curves.png",
            "  ./qlif train --engine djl",
            "  ./qlif train --checkpoint net.safetensors",
            "  ./qlif train --resume net.safetensors --checkpoint net.safetensors --epochs 10",
            "  ./qlif train --set spike_value=SAMPLE --set use_ahp=false",
            "  ./qlif train --neuron default --epochs 1 --train-images 1000 --test-images 1000"
        })
final class TrainCommand implements Callable<Integer> {
    /** The training module defines the defaults; here they are only displayed. */
    private static final TrainingOptions DEFAULTS = TrainingOptions.builder().build();

    private static final String SHOW_DEFAULT = " (default: ${DEFAULT-VALUE}).";

    private static final Gson JSON = new GsonBuilder().serializeNulls().create();

    private final Supplier<Progress> progress;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--full",
            description = "Train on all images: 10 epochs, learning rate 0.002 times 0.75 after"
                    + " each, images moved by a pixel. Other options can change these settings.")
    private boolean full;

    @Mixin
    private TrainingArguments arguments = new TrainingArguments(DEFAULTS);

    @Option(
            names = "--shift",
            paramLabel = "PIXELS",
            description = "Move each training image at random by up to this many pixels in each direction, 0 to "
                    + TrainingOptions.MAX_SHIFT + SHOW_DEFAULT)
    private int shift = DEFAULTS.shift();

    @Option(
            names = "--engine",
            paramLabel = "NAME",
            description = {
                "Training engine: qlif, on the JDK alone, or djl, with the linear layers and Adam of DJL with PyTorch,"
                        + " which is downloaded and unpacked on first use, 430 MB" + SHOW_DEFAULT
            })
    private TrainingEngine.Name engine = DEFAULTS.engine();

    @Option(
            names = "--plot",
            paramLabel = "FILE.png",
            arity = "0..1",
            fallbackValue = "training.png",
            description =
                    "Write the learning curves and a spike raster to this file, when all is done (without a name: training.png).")
    private Path plot;

    @Option(
            names = "--checkpoint",
            paramLabel = "FILE",
            description = "Save the training to this file after each epoch, and on Ctrl-C after the current step.")
    private Path checkpoint;

    @Option(
            names = "--resume",
            paramLabel = "FILE",
            description =
                    "Resume a saved training, with the same numbers as without the interruption. Options that you do not give keep"
                            + " their saved values, except --data, --device, --threads, --engine, --plot"
                            + " and --checkpoint, which have their defaults; --epochs counts from the start of the first run.")
    private Path resume;

    @Option(
            names = "--compare",
            description =
                    "Train QLIF, QLIF without the qubit (see --no-quantum), without dynamic spike probability, and LIF, one after the other;"
                            + " --plot draws them side by side.")
    private boolean compare;

    @Option(
            names = "--json",
            description = "Print the results as one JSON object in the last line; accuracies are from 0 to 1.")
    private boolean json;

    @Mixin
    private DeviceOption device;

    /** A command that reports its progress there. */
    TrainCommand(Supplier<Progress> progress) {
        this.progress = progress;
    }

    @Override
    public Integer call() throws IOException {
        if (full && resume != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--full: only valid for a new training; --resume continues with the saved settings");
        }
        new DistinctFiles(spec).read("--resume", resume).written("--plot", plot);
        // A checkpoint may replace the file that the training was resumed from.
        new DistinctFiles(spec).read("--plot", plot).written("--checkpoint", checkpoint);
        // The network kit chooses one that runs the whole network.
        Device chosen = engine == TrainingEngine.Name.QLIF
                ? device.named()
                : device.resolve().device();
        try {
            TrainingOptions options = options(chosen);
            if (compare) {
                compare(options);
            } else if (checkpoint == null) {
                report(Training.run(options, progress.get().training()));
            } else {
                return runToBeStopped(options);
            }
        } catch (OptionException refusal) {
            throw Refusal.of(spec, refusal);
        }
        return 0;
    }

    private void compare(TrainingOptions options) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        Map<String, TrainingResult> results = Comparison.run(
                options,
                name -> {
                    out.println("[COMPARE] " + name);
                    out.flush();
                },
                progress.get().training());
        List<List<String>> table = new ArrayList<>();
        table.add(List.of("variant", "test accuracy", "training step"));
        results.forEach((name, result) -> table.add(List.of(
                name,
                String.format(
                        Locale.ROOT, "%.2f%%", 100 * result.epochs().getLast().testAccuracy()),
                String.format(Locale.ROOT, "%.1f ms", result.stepMillis()))));
        Table.print(out, table);
        if (json) {
            Map<String, Object> report = new LinkedHashMap<>();
            results.forEach((name, result) -> report.put(name, summary(result)));
            out.println(JSON.toJson(report));
        }
    }

    private void report(TrainingResult result) {
        if (json) {
            spec.commandLine().getOut().println(JSON.toJson(summary(result)));
        }
    }

    /** The output for scripts. */
    private static Map<String, Object> summary(TrainingResult result) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("test_accuracy", result.epochs().getLast().testAccuracy());
        report.put("train_accuracy", result.epochs().getLast().accuracy());
        report.put("train_loss", result.epochs().getLast().loss());
        report.put("epochs", result.epochs().stream().map(TrainCommand::summary).toList());
        report.put("step_ms", result.isTimed() ? result.stepMillis() : null);
        return report;
    }

    private static Map<String, Object> summary(EpochResult epoch) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("epoch", epoch.epoch());
        report.put("train_loss", epoch.loss());
        report.put("train_accuracy", epoch.accuracy());
        report.put("test_loss", epoch.testLoss());
        report.put("test_accuracy", epoch.testAccuracy());
        report.put("train_seconds", epoch.trainSeconds());
        report.put("test_seconds", epoch.testSeconds());
        return report;
    }

    private int runToBeStopped(TrainingOptions options) throws IOException {
        try (Interruption interruption = new Interruption()) {
            try {
                report(Training.run(options, progress.get().training(), interruption::requested));
                return 0;
            } catch (TrainingStoppedException stopped) {
                // Printed before the program may exit.
                PrintWriter err = spec.commandLine().getErr();
                err.println("qlif: " + stopped.getMessage() + "; to go on: " + resumption());
                err.flush();
                return Cli.INTERRUPTED;
            }
        }
    }

    /** The command that resumes the saved training and keeps saving it. The file does not contain the path of the images. */
    private String resumption() {
        String file = shellWord(checkpoint);
        Path data = arguments.data();
        return "./qlif train --resume " + file + " --checkpoint " + file
                + (data == null ? "" : " --data " + shellWord(data));
    }

    /** A path, quoted for a shell. */
    static String shellWord(Path path) {
        String text = Printable.path(path);
        return text.matches("[\\w./:@%+=,-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }

    /** The options of a resumed run, or the defaults, with those on the command line. */
    private TrainingOptions options(Device chosen) throws IOException {
        TrainingOptions.Builder options;
        if (resume != null) {
            options = SavedTraining.read(resume).options();
        } else {
            options = full ? TrainingOptions.full() : TrainingOptions.builder();
        }
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
