// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.qlif.ConfigOption;
import org.qlif.Device;
import org.qlif.NeuronConfig;
import org.qlif.io.OutputFile;
import org.qlif.simulation.Preset;
import org.qlif.simulation.Samples;
import org.qlif.simulation.Signal;
import org.qlif.simulation.Simulation;
import org.qlif.simulation.Traces;
import org.qlif.simulation.Waveform;
import org.qlif.spi.Printable;
import org.qlif.training.Pictures;
import org.qlif.training.SimulationPlot;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code qlif simulate}. */
@Command(
        name = "simulate",
        description = {
            "Runs neurons over an input current and shows what they do: input, potential, threshold, spikes and every"
                    + " trace of the model, at each step.",
            "The same options give the same numbers on every device."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        footerHeading = "%nSignals, for --current and --modulation:%n",
        footer = {
            "  constant  the amplitude (2), all the time",
            "  ramp      a rise from 0 to the amplitude (2) in a window, 0 before and after; the window begins",
            "            at start (0.25) and is length (0.5) long, as fractions of the run",
            "  step      the amplitude (2) in such a window",
            "  sine      amplitude (1), periods (2)",
            "  poisson   events as high as the amplitude (5), with probability rate (0.2) at each step",
            "  noise     normal numbers with standard deviation amplitude (1) around the offset (1)",
            "Append settings: poisson,rate=0.5,amplitude=3. All but constant have an offset; all but noise have",
            "a noise, the standard deviation of added noise. With independent=false all neurons see the same",
            "random numbers.",
            "",
            "Files:",
            "  .npy          an array (T), (T, N) or (T, 1, N)",
            "  .safetensors  one such tensor alone, or 'input' ('external_modulation' for --modulation)",
            "  .csv          a line for each step with a number for each neuron; a line of names and a first",
            "                column 'time' are optional; or a file written by --output or the live page",
            "Values for one neuron apply to all.",
            "",
            "Examples:",
            "  ./qlif simulate",
            "  ./qlif simulate --set tau=30 --plot neuron.png",
            "  ./qlif simulate --neuron 2025-08-24 --current poisson,rate=0.3 --neurons 100 --plot raster.svg",
            "  ./qlif simulate --model lif --current step,amplitude=0.3 --output traces.csv",
            "  ./qlif simulate --input current.npy --modulation sine --output traces.npz --json",
            "  ./qlif simulate --config neuron.json --seed 7"
        })
final class SimulateCommand implements Callable<Integer> {
    private static final String DEFAULT_SIGNAL = "ramp";

    private static final String SHOW_DEFAULT = " (default: ${DEFAULT-VALUE}).";

    private final Supplier<Progress> progress;

    @Spec
    private CommandSpec spec;

    @Option(
            names = {"--neuron", "--model"},
            paramLabel = "NAME",
            converter = PresetConverter.class,
            description = "The neuron to start from, one of: ${COMPLETION-CANDIDATES} (default: default, which is also"
                    + " called qlif). --set decision=SIGMOID selects the classic mode of a snapshot, as in"
                    + " ./qlif train --no-quantum.")
    private Preset neuron;

    @Option(
            names = "--config",
            paramLabel = "FILE.json",
            description = "Change options of the neuron by a JSON object with their names in docs/model.md, such as"
                    + " {\"tau\": 30, \"use_ahp\": false}; \"model\" can say QLIF or LIF.")
    private Path config;

    @Mixin
    private SetOption set;

    @Option(
            names = "--current",
            paramLabel = "SIGNAL",
            description = "The input current, one of the signals below (default: " + DEFAULT_SIGNAL + ").")
    private String current;

    @Option(
            names = "--input",
            paramLabel = "FILE",
            description = "Read the input current from a .npy, .csv or .safetensors file instead.")
    private Path input;

    @Option(
            names = "--modulation",
            paramLabel = "SIGNAL|FILE",
            defaultValue = "none",
            description = "The external modulation: none, one of the signals below, or a file" + SHOW_DEFAULT)
    private String modulation;

    @Option(names = "--steps", paramLabel = "T", description = "Time steps (default: those of the file, or else 500).")
    private Integer steps;

    @Option(
            names = "--neurons",
            paramLabel = "N",
            description = "Neurons (default: those of the file, or else 10). T times N is at most "
                    + Simulation.MOST_NEURON_STEPS + ".")
    private Integer neurons;

    @Option(
            names = "--seed",
            paramLabel = "S",
            defaultValue = "42",
            description = "Seed of all random numbers, a 64-bit integer" + SHOW_DEFAULT)
    private long seed;

    @Option(
            names = "--output",
            paramLabel = "FILE",
            description =
                    "Write the traces: .csv, .npz and .safetensors hold all, .npy one; can be given several times.")
    private List<Path> outputs = List.of();

    @Option(
            names = "--trace",
            paramLabel = "NAME",
            defaultValue = Traces.MEMBRANE,
            description = "The trace for .npy files: input, v, spikes, spike_values, threshold, p ..." + SHOW_DEFAULT)
    private String trace;

    @Option(names = "--plot", paramLabel = "FILE", description = "Plot the run to a .png or .svg file.")
    private Path plot;

    @Option(
            names = "--show",
            paramLabel = "N",
            defaultValue = "0",
            description = "Neuron whose potential and traces are plotted, from 0" + SHOW_DEFAULT)
    private int shown;

    @Mixin
    private DeviceOption device;

    @Mixin
    private ThreadsOption threads;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    /** A command that reports the progress of long files. */
    SimulateCommand(Supplier<Progress> progress) {
        this.progress = progress;
    }

    @Override
    public Integer call() throws IOException {
        requireEnd("--plot", plot == null || isPicture(plot), plot, ".png or .svg");
        for (Path output : outputs) {
            requireEnd("--output", TraceFile.isNamed(output), output, ".csv, .npy, .npz or .safetensors");
        }
        if (input != null && current != null) {
            throw refusal("--input, --current: both given, expected one of them");
        }
        requireEnd(
                "--input", input == null || SignalFile.isNamed(input.toString()), input, ".npy, .csv or .safetensors");
        requireDistinctFiles();
        NeuronConfig chosen = config();
        Device where = device.resolve().device();
        Simulation simulation = simulation(chosen).device(where).options(threads.options());
        requireTrace(chosen);
        requireUse("--trace", outputs.stream().anyMatch(TraceFile::holdsOne), "--output FILE.npy");
        if (shown < 0 || shown >= simulation.neurons()) {
            throw refusal("--show: got " + shown + ", expected a whole number from 0 to " + (simulation.neurons() - 1));
        }
        requireUse("--show", plot != null, "--plot");
        OutputFile picture = plot == null ? null : Pictures.prepare("--plot", plot);
        List<TraceFile> files = new ArrayList<>();
        for (Path output : outputs) {
            files.add(TraceFile.prepare("--output", output));
        }

        Traces traces = simulation.run();
        for (TraceFile file : files) {
            file.write(traces, trace, progress.get());
        }
        if (picture != null) {
            SimulationPlot.write(picture, traces, shown, title(traces));
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            // NaN and infinities don't exist in JSON; they become null.
            out.println(new GsonBuilder()
                    .serializeNulls()
                    .disableHtmlEscaping()
                    .create()
                    .toJson(report(traces)));
        } else {
            print(out, traces, files);
        }
        out.flush();
        return 0;
    }

    private void requireDistinctFiles() {
        DistinctFiles files = new DistinctFiles(spec).read("--input", input).read("--config", config);
        if (SignalFile.isNamed(modulation)) {
            files.read("--modulation", modulationFile());
        }
        outputs.forEach(output -> files.written("--output", output));
        files.written("--plot", plot);
    }

    private static boolean isPicture(Path file) {
        return Pictures.isSvg(file) || file.toString().toLowerCase(Locale.ROOT).endsWith(".png");
    }

    private void requireEnd(String option, boolean fits, Path file, String expected) {
        if (!fits) {
            throw refusal(option + ": got " + Printable.path(file) + ", expected a name that ends in " + expected);
        }
    }

    /** Refuses an option that would do nothing. */
    private void requireUse(String option, boolean used, String by) {
        if (!used && spec.commandLine().getParseResult().hasMatchedOption(option)) {
            throw refusal(option + ": only valid with " + by);
        }
    }

    private ParameterException refusal(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    private NeuronConfig config() throws IOException {
        if (config == null) {
            Preset preset = neuron == null ? Preset.DEFAULT : neuron;
            return set.applied(() -> preset.config(set.settings()));
        }
        ConfigFile file = ConfigFile.read(config);
        Preset byDefault = "LIF".equals(file.model()) ? Preset.LIF : Preset.DEFAULT;
        Preset preset = neuron == null ? byDefault : neuron;
        if (file.model() != null && !file.model().equals(preset.config().model())) {
            throw refusal("--config: " + Printable.path(config) + ": model: got '" + Printable.text(file.model())
                    + "', expected "
                    + (neuron == null ? "QLIF or LIF" : preset.config().model() + ", as --neuron is"));
        }
        try {
            preset.config(file.settings());
        } catch (IllegalArgumentException refusal) {
            throw new ParameterException(
                    spec.commandLine(), "--config: " + Printable.path(config) + ": " + refusal.getMessage(), refusal);
        }
        // Together, since either may set a snapshot's decision.
        Set<String> names = set.settings().stream().map(SimulateCommand::name).collect(Collectors.toSet());
        List<String> settings = new ArrayList<>(file.settings());
        settings.removeIf(setting -> names.contains(name(setting)));
        settings.addAll(set.settings());
        return set.applied(() -> preset.config(settings));
    }

    /** The name of the option in a setting. */
    private static String name(String setting) {
        return setting.split("=", 2)[0];
    }

    private Simulation simulation(NeuronConfig chosen) throws IOException {
        Simulation simulation = Simulation.of(chosen).seed(seed);
        if (input != null) {
            Samples samples = SignalFile.read(input, Traces.INPUT);
            note("--input", samples);
            requireSize("--input", samples);
            simulation = simulation.current(samples);
        } else {
            simulation = simulation.current(waveform("--current", current == null ? DEFAULT_SIGNAL : current));
        }
        try {
            simulation = steps == null ? simulation : simulation.steps(steps);
            simulation = neurons == null ? simulation : simulation.neurons(neurons);
            simulation = modulated(simulation);
            simulation.check();
            return simulation;
        } catch (IllegalArgumentException refused) {
            throw Refusal.of(spec, refused);
        }
    }

    private Simulation modulated(Simulation simulation) throws IOException {
        if (modulation.equals("none")) {
            return simulation;
        }
        if (!SignalFile.isNamed(modulation)) {
            return simulation.modulation(waveform("--modulation", modulation));
        }
        Samples samples = SignalFile.read(modulationFile(), Traces.EXTERNAL_MODULATION);
        note("--modulation", samples);
        Simulation modulated = simulation.modulation(samples);
        // Used if nothing else sets the length of the run or its number of neurons.
        if (input == null && steps == null) {
            modulated = modulated.steps(samples.steps());
        }
        boolean alike = !(simulation.current() instanceof Samples current) || current.neurons() == 1;
        if (alike && neurons == null && samples.neurons() != 1) {
            modulated = modulated.neurons(samples.neurons());
        }
        return modulated;
    }

    private Path modulationFile() {
        try {
            return Path.of(modulation);
        } catch (InvalidPathException invalid) {
            throw new ParameterException(spec.commandLine(), "--modulation: " + invalid.getMessage(), invalid);
        }
    }

    private Waveform waveform(String option, String text) {
        try {
            return Waveform.parse(text);
        } catch (IllegalArgumentException refused) {
            throw new ParameterException(spec.commandLine(), option + ": " + refused.getMessage(), refused);
        }
    }

    private void requireSize(String option, Samples samples) {
        if (steps != null && steps != samples.steps()) {
            throw refusal(
                    "--steps: got " + steps + ", expected " + samples.steps() + ", as many as " + option + " has");
        }
        if (neurons != null && samples.neurons() != 1 && neurons != samples.neurons()) {
            throw refusal("--neurons: got " + neurons + ", expected " + samples.neurons() + ", as many as " + option
                    + " has");
        }
    }

    /** Numbers that are not finite are allowed, but rarely intended. */
    private void note(String option, Samples samples) {
        if (samples.notFinite() > 0) {
            PrintWriter err = spec.commandLine().getErr();
            err.println("qlif: " + option + ": " + samples.notFinite() + " of "
                    + (long) samples.steps() * samples.neurons()
                    + " values are not finite; from there on, neither are their neurons");
            err.flush();
        }
    }

    /** A check before the run; only the run knows its traces for certain. */
    private void requireTrace(NeuronConfig chosen) {
        List<String> names = new ArrayList<>(List.of(Traces.INPUT));
        if (!modulation.equals("none")) {
            names.add(Traces.EXTERNAL_MODULATION);
        }
        names.addAll(List.of(Traces.MEMBRANE, Traces.SPIKES, Traces.SPIKE_VALUES, Traces.THRESHOLD));
        chosen.traces().stream()
                .map(each -> each.symbol())
                .filter(symbol -> !names.contains(symbol))
                .forEach(names::add);
        if (!names.contains(trace)) {
            throw refusal("--trace: got '" + Printable.text(trace) + "', expected one of " + String.join(", ", names));
        }
    }

    /** The neuron as it was requested, which is shorter than its whole configuration. */
    private String title(Traces traces) {
        Simulation run = traces.simulation();
        StringJoiner asked = new StringJoiner(" ");
        asked.add(neuron == null || neuron == Preset.DEFAULT ? run.config().model() : neuron.toString());
        if (config != null) {
            asked.add(String.valueOf(config.getFileName()));
        }
        set.settings().forEach(asked::add);
        return Printable.text(asked.toString(), 50) + " · " + Printable.text(source(input, run.current()), 45) + " · "
                + traces.neurons() + (traces.neurons() == 1 ? " neuron · " : " neurons · ")
                + String.format(Locale.ROOT, "%.1f spikes in 100 steps", 100 * traces.firingRate());
    }

    private void print(PrintWriter out, Traces traces, List<TraceFile> files) {
        Simulation run = traces.simulation();
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("neuron", run.config().toString()));
        rows.add(List.of("input", source(input, run.current())));
        if (run.modulation() != null) {
            rows.add(List.of(
                    "modulation",
                    run.modulation() instanceof Samples
                            ? modulation
                            : run.modulation().toString()));
        }
        rows.add(List.of("run", traces.steps() + " steps, " + traces.neurons() + " neurons, seed " + run.seed()));
        rows.add(List.of("device", traces.device().text()));
        rows.add(List.of(
                "spikes",
                traces.spikeCount()
                        + String.format(Locale.ROOT, ", %.2f in 100 steps of a neuron", 100 * traces.firingRate())));
        Table.print(out, rows);
        out.println();
        List<List<String>> table = new ArrayList<>();
        table.add(List.of("trace", "least", "mean", "greatest", "last"));
        for (String name : traces.names()) {
            TraceSummary summary = TraceSummary.of(traces, name);
            table.add(List.of(
                    name,
                    number(summary.least()),
                    number(summary.mean()),
                    number(summary.greatest()),
                    number(summary.last())));
        }
        Table.print(out, table);
        List<String> written = new ArrayList<>();
        files.forEach(file -> written.add(file.toString()));
        if (plot != null) {
            written.add(plot.toString());
        }
        if (!written.isEmpty()) {
            out.println();
            out.println("Written: " + String.join(", ", written));
        }
    }

    private static String source(Path file, Signal signal) {
        return file == null ? signal.toString() : file.toString();
    }

    private static String number(double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, "%.4g", value) : "none";
    }

    private Map<String, Object> report(Traces traces) {
        Simulation run = traces.simulation();
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("config", run.config().toString());
        report.put("settings", settings(run.config()));
        report.put("current", source(input, run.current()));
        Signal modulated = run.modulation();
        report.put("modulation", modulated instanceof Samples || modulated == null ? modulation : modulated.toString());
        report.put("steps", traces.steps());
        report.put("neurons", traces.neurons());
        report.put("seed", run.seed());
        report.put("device", traces.device().text());
        report.put("spikes", traces.spikeCount());
        report.put("firing_rate", traces.firingRate());
        report.put("spike_counts", TraceSummary.spikeCounts(traces));
        Map<String, Object> summaries = new LinkedHashMap<>();
        for (String name : traces.names()) {
            summaries.put(name, TraceSummary.of(traces, name).report());
        }
        report.put("traces", summaries);
        return report;
    }

    /** What {@code --config} would read for the same neuron: all options, the model first. */
    private static Map<String, Object> settings(NeuronConfig config) {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("model", config.model());
        for (ConfigOption option : config.options()) {
            String text = option.text(config);
            settings.put(
                    option.name(),
                    switch (option.kind()) {
                        case FLAG -> Boolean.valueOf(text);
                        case WHOLE -> Integer.valueOf(text);
                        case NUMBER -> text.equals(ConfigOption.DERIVED) ? text : Double.valueOf(text);
                        case CHOICE -> text;
                    });
        }
        return settings;
    }

    /** Reads a preset's name; also qlif, an obvious name for the default beside lif. */
    static final class PresetConverter implements ITypeConverter<Preset> {
        @Override
        public Preset convert(String text) {
            String name = text.toLowerCase(Locale.ROOT);
            try {
                return name.equals("qlif") ? Preset.DEFAULT : Preset.of(name);
            } catch (IllegalArgumentException unknown) {
                throw new TypeConversionException(unknown.getMessage().replaceFirst("^preset: ", ""));
            }
        }
    }
}
