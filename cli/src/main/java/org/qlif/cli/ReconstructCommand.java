// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import com.google.gson.Gson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.qlif.training.OptionException;
import org.qlif.training.Reconstruction;
import org.qlif.training.ReconstructionResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code qlif reconstruct}. */
@Command(
        name = "reconstruct",
        description = {
            "Trains a spiking autoencoder to reconstruct handwritten digits, once with QLIF and once with LIF neurons: images as"
                    + " Poisson spikes, a layer of neurons, and a linear decoder of their mean spike values.",
            "A test after each epoch gives the binary cross-entropy per pixel against the intensities. The same options"
                    + " give the same numbers on every machine and for any number of threads."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif reconstruct --plot reconstruction.png",
            "  ./qlif reconstruct --epochs 2 --train-images 5000 --json",
            "  ./qlif reconstruct --set spike_value=SAMPLE"
        })
final class ReconstructCommand implements Callable<Integer> {
    private final Supplier<Progress> progress;

    @Spec
    private CommandSpec spec;

    @Mixin
    private TrainingArguments arguments =
            new TrainingArguments(Reconstruction.defaults().build());

    @Option(
            names = "--plot",
            paramLabel = "FILE.png",
            arity = "0..1",
            fallbackValue = "reconstruction.png",
            description =
                    "Write the curves, and images beside their reconstructions, to this file, when all is done (without a name: reconstruction.png).")
    private Path plot;

    @Option(
            names = "--json",
            description =
                    "Print one JSON object in the last line: the test's binary cross-entropy after the last epoch.")
    private boolean json;

    @Mixin
    private DeviceOption device;

    /** A command that reports its progress there. */
    ReconstructCommand(Supplier<Progress> progress) {
        this.progress = progress;
    }

    @Override
    public Integer call() throws IOException {
        ReconstructionResult result;
        try {
            result = Reconstruction.run(
                    arguments
                            .applyTo(spec, Reconstruction.defaults())
                            .plot(plot)
                            .device(device.named())
                            .build(),
                    progress.get().reconstruction());
        } catch (OptionException refusal) {
            throw Refusal.of(spec, refusal);
        }
        if (json) {
            Map<String, Map<String, Double>> report = new LinkedHashMap<>();
            result.epochs().keySet().forEach(name -> report.put(name, Map.of("test_bce", result.testBce(name))));
            spec.commandLine().getOut().println(new Gson().toJson(report));
        }
        return 0;
    }
}
