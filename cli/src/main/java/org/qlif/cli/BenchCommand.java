// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import com.google.gson.Gson;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code qlif bench}. */
@Command(
        name = "bench",
        description = {
            "Measures neuron-steps per second; a neuron-step is one time step of one neuron in one batch row.",
            "qlif: QLIF with every feature of the default configuration on, the kernel drawing its own random numbers."
                    + " lif: the current-based LIF neuron, the usual baseline. plain-lif: QLIF with every"
                    + " option off, a LIF neuron without synaptic current. The last two draw nothing.",
            "forward: one call that writes spikes as bytes. train: a forward call that writes spike values and records"
                    + " a tape of potentials, then a backward call that computes the gradients of the input and of all"
                    + " parameters.",
            "Tensors lie on the Java heap; for a GPU, in its own memory, so that no copies are timed."
        },
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        sortOptions = false,
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif bench",
            "  ./qlif bench --model lif",
            "  ./qlif bench --set readout=MULTI_QUBIT --set quantum_wires=8",
            "  ./qlif bench --mode train --device cpu:simd --threads 1",
            "  ./qlif bench --shape 100,32,4096 --json"
        })
final class BenchCommand implements Runnable {
    private final Benchmark.Timing timing;
    private final Supplier<Progress> progress;

    @Spec
    private CommandSpec spec;

    @Mixin
    private DeviceOption device;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            defaultValue = "qlif",
            description = "One of: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private BenchWorkload.Model model;

    @Mixin
    private SetOption set;

    @Option(
            names = "--mode",
            paramLabel = "MODE",
            defaultValue = "forward",
            description = "One of: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private BenchWorkload.Mode mode;

    @Option(
            names = "--shape",
            paramLabel = "T,B,N",
            defaultValue = "20,128,512",
            converter = Shape.Converter.class,
            description =
                    "Time steps, batch rows, neurons, each at least 1, their product at most 2147483639 (default: ${DEFAULT-VALUE}).")
    private Shape shape;

    @Mixin
    private ThreadsOption threads;

    @Option(names = "--json", description = "Print one JSON object; neuron_steps_per_second is the median.")
    private boolean json;

    /**
     * @param timing how long it measures
     * @param progress reports the progress of the warm-up
     */
    BenchCommand(Benchmark.Timing timing, Supplier<Progress> progress) {
        this.timing = timing;
        this.progress = progress;
    }

    @Override
    public void run() {
        Device chosen = device.resolve().device();
        KernelOptions options = threads.options();
        NeuronConfig config = set.applied(model.config());
        try (BenchWorkload workload = new BenchWorkload(model, config, mode, chosen, options, shape)) {
            Progress.Bar bar =
                    progress.get().bar("warm-up", timing.warmupLimit().toMillis());
            Benchmark.Result result = Benchmark.measure(workload, shape.neuronSteps(), timing, bar);
            PrintWriter out = spec.commandLine().getOut();
            if (json) {
                out.println(new Gson().toJson(report(chosen, config, workload, options.threads(), result)));
            } else {
                print(out, chosen, config, workload, options.threads(), result);
            }
            out.flush();
        }
    }

    private Map<String, Object> report(
            Device chosen, NeuronConfig config, BenchWorkload workload, int threads, Benchmark.Result result) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("neuron_steps_per_second", result.median());
        report.put("min_neuron_steps_per_second", result.min());
        report.put("max_neuron_steps_per_second", result.max());
        report.put("samples", result.samples());
        report.put("warmup_seconds", result.warmupSeconds());
        report.put("warmup_settled", result.settled());
        report.put("device", chosen.text());
        report.put("description", workload.description());
        report.put("memory", workload.memory());
        report.put("model", model.toString());
        report.put("config", config.toString());
        report.put("mode", mode.toString());
        report.put("shape", List.of(shape.steps(), shape.batch(), shape.neurons()));
        report.put("threads", threads);
        report.put("java_version", Runtime.version().toString());
        report.put("os_name", System.getProperty("os.name"));
        report.put("os_arch", System.getProperty("os.arch"));
        report.put("processors", Runtime.getRuntime().availableProcessors());
        return report;
    }

    private void print(
            PrintWriter out,
            Device chosen,
            NeuronConfig config,
            BenchWorkload workload,
            int threads,
            Benchmark.Result result) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("median", millions(result.median()) + " M neuron-steps/s"));
        rows.add(List.of("slowest", millions(result.min())));
        rows.add(List.of("fastest", millions(result.max())));
        rows.add(List.of(
                "samples",
                String.format(
                        Locale.ROOT,
                        "%d of at least %d ms, after %.1f s of warm-up%s",
                        result.samples(),
                        timing.sample().toMillis(),
                        result.warmupSeconds(),
                        result.settled() ? "" : " (the speed had not settled: is the machine busy?)")));
        rows.add(List.of("model", model.toString()));
        rows.add(List.of("config", config.toString()));
        rows.add(List.of("mode", mode.toString()));
        rows.add(List.of("shape", "T=" + shape.steps() + " B=" + shape.batch() + " N=" + shape.neurons()));
        rows.add(List.of("device", chosen + ": " + workload.description()));
        rows.add(List.of("memory", workload.memory()));
        rows.add(List.of("threads", Integer.toString(threads)));
        Table.print(out, rows);
    }

    private static String millions(double rate) {
        return String.format(Locale.ROOT, "%.1f", rate * 1e-6);
    }
}
