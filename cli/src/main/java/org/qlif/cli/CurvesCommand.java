// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.QlifConfig;
import org.qlif.io.OutputFile;
import org.qlif.training.CurvePlots;
import org.qlif.training.NeuronCurves;
import org.qlif.training.NeuronCurves.Curve;
import org.qlif.training.Pictures;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code qlif curves}. */
@Command(
        name = "curves",
        description = {
            "Plots how neurons respond: their firing rate under a constant current ("
                    + CurvesCommand.RATES + ") and the spike probability over the gap between potential and threshold ("
                    + CurvesCommand.PROBABILITIES + "). Prints some of the points.",
            "--set changes the neuron of the first curve, which has the default settings.",
            "'./qlif curves --out docs' makes the figures in docs/model.md. The same options give the same numbers on"
                    + " every device."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif curves",
            "  ./qlif curves --out docs",
            "  ./qlif curves --set angle_map=TANH --set homeostasis_enabled=false",
            "  ./qlif curves --steps 100 --rows 16 --device cpu:scalar"
        })
final class CurvesCommand implements Callable<Integer> {
    static final String RATES = "firing-rate.png";
    static final String PROBABILITIES = "spike-probability.png";

    private static final int MAX_STEPS = 1_000_000;
    private static final int MAX_ROWS = 1024;

    /** Only every n-th point is printed. */
    private static final int PRINTED = 5;

    /** From this number of steps per curve on, it takes seconds. */
    private static final long MANY_NEURON_STEPS = 50_000_000;

    /** Those that take long. */
    private static final int RATE_CURVES = 2 * NeuronCurves.RATES;

    private static final List<Double> CURRENTS = NeuronCurves.points(-5, 10, 10);
    private static final List<Double> CURRENTS_NEAR = NeuronCurves.points(0, 2, 50);
    private static final List<Double> GAPS = NeuronCurves.points(-10, 10, 10);
    private static final List<Double> GAPS_NEAR = NeuronCurves.points(-1, 1, 20);

    private final Supplier<Progress> progress;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            defaultValue = ".",
            description = "Folder for the plots (default: the current folder).")
    private Path folder;

    @Option(
            names = "--steps",
            paramLabel = "T",
            defaultValue = "1000",
            description = "Time steps whose spikes are counted, 1 to " + MAX_STEPS + " (default: ${DEFAULT-VALUE}).")
    private int steps;

    @Option(
            names = "--rows",
            paramLabel = "B",
            defaultValue = "64",
            description = "Neurons counted for each current, 1 to " + MAX_ROWS + " (default: ${DEFAULT-VALUE}).")
    private int rows;

    @Mixin
    private SetOption set;

    @Mixin
    private DeviceOption device;

    @Mixin
    private ThreadsOption threads;

    /** A command that reports the progress of many steps. */
    CurvesCommand(Supplier<Progress> progress) {
        this.progress = progress;
    }

    @Override
    public Integer call() throws IOException {
        require("--steps", steps, MAX_STEPS);
        require("--rows", rows, MAX_ROWS);
        QlifConfig neuron = (QlifConfig) set.applied(QlifConfig.defaults());
        Device chosen = device.resolve().device();
        KernelOptions options = threads.options();
        OutputFile rates = Pictures.prepare("--out", folder.resolve(RATES));
        OutputFile probabilities = Pictures.prepare("--out", folder.resolve(PROBABILITIES));

        List<Curve> wide;
        List<Curve> near;
        long neuronSteps = (long) steps * rows * (CURRENTS.size() + CURRENTS_NEAR.size());
        try (Progress.Bar bar = progress.get().bar("curves", neuronSteps < MANY_NEURON_STEPS ? 0 : RATE_CURVES)) {
            AtomicInteger done = new AtomicInteger();
            Runnable reached = () -> bar.reached(done.incrementAndGet());
            wide = NeuronCurves.firingRates(chosen, options, neuron, CURRENTS, steps, rows, reached);
            near = NeuronCurves.firingRates(chosen, options, neuron, CURRENTS_NEAR, steps, rows, reached);
        }
        CurvePlots.writeRates(rates, wide, near);
        List<Curve> decisions = NeuronCurves.probabilities(chosen, options, neuron, GAPS);
        CurvePlots.writeProbabilities(probabilities, decisions, NeuronCurves.calibrated(chosen, options, GAPS_NEAR));

        PrintWriter out = spec.commandLine().getOut();
        out.println("Spikes in 100 steps under a constant current I; " + rows + " neurons each, the first " + steps
                + " steps:");
        print(out, "I", "%.1f", wide, 100, "%.2f");
        out.println();
        out.println("Near the threshold:");
        print(out, "I", "%.1f", near, 100, "%.2f");
        out.println();
        out.println("Spike probability over the gap:");
        print(out, "gap", "%.1f", decisions, 1, "%.4f");
        out.println();
        out.println("Written: " + rates + ", " + probabilities);
        out.flush();
        return 0;
    }

    private void require(String name, int value, int most) {
        if (value < 1 || value > most) {
            throw new ParameterException(
                    spec.commandLine(), name + ": got " + value + ", expected a whole number from 1 to " + most);
        }
    }

    private static void print(
            PrintWriter out, String x, String xFormat, List<Curve> curves, double scale, String yFormat) {
        List<List<String>> table = new ArrayList<>();
        List<String> header = new ArrayList<>(List.of(x));
        curves.forEach(curve -> header.add(curve.name()));
        table.add(header);
        List<Double> points = curves.getFirst().x();
        for (int i = 0; i < points.size(); i += PRINTED) {
            int point = i;
            List<String> row = new ArrayList<>(List.of(text(xFormat, points.get(i))));
            curves.forEach(curve -> row.add(text(yFormat, scale * curve.y().get(point))));
            table.add(row);
        }
        Table.print(out, table);
    }

    private static String text(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
