package org.qlif.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.qlif.io.OutputFile;
import org.qlif.training.Pictures;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times all contenders in one run and writes table, plot and the block of the README. */
@Command(
        name = "compare",
        sortOptions = false,
        description = "Times our kernels beside tensor operations on PyTorch and C, and writes a table and a plot.")
final class Compare implements Callable<Integer> {
    @Option(names = "--help", usageHelp = true, description = "Shows this.")
    private boolean help;

    @Option(
            names = "--model",
            converter = Converters.Models.class,
            paramLabel = "NAME",
            description = "What runs: one of ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}",
            defaultValue = "qlif")
    private Model model;

    @Option(
            names = "--shapes",
            converter = Converters.Extents.class,
            split = ",",
            paramLabel = "TxBxN",
            description = "Shapes, separated by commas. Default: ${DEFAULT-VALUE}",
            defaultValue = "20x128x512,40x128x256,100x32x4096,100x1x128")
    private List<Shape> shapes;

    @Option(
            names = "--threads",
            converter = Converters.Positive.class,
            split = ",",
            paramLabel = "COUNT",
            description = "Numbers of threads, separated by commas. Default: ${DEFAULT-VALUE}",
            defaultValue = "1,2")
    private List<Integer> threads;

    @Option(
            names = "--contenders",
            split = ",",
            paramLabel = "NAME",
            description = "Some of ${COMPLETION-CANDIDATES}, separated by commas. Default: all that can run here.")
    private List<ContenderKind> contenders = List.of(ContenderKind.values());

    @Mixin
    private Repetitions repetitions;

    @Option(
            names = "--readme",
            paramLabel = "FILE",
            description =
                    "Markdown file whose block between '<!-- performance:begin -->' and '<!-- performance:end -->' is"
                            + " replaced ('performance-lif' for --model lif, and so on). Default: none, the block is printed.")
    private Path readme;

    @Option(
            names = "--plot",
            paramLabel = "FILE.png",
            description =
                    "Where the plot goes. Default: docs/performance.png (performance-lif.png for --model lif, and so"
                            + " on) beside the README, or without one in benchmarks/target")
    private Path plot;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException, RunnerException {
        String name = model == Model.QLIF ? "performance" : "performance-" + model;
        ReadmeBlock place = new ReadmeBlock(name);
        OutputFile text = readme == null ? null : place.prepare(readme);
        if (plot == null) {
            plot = readme == null
                    ? Path.of("benchmarks/target", name + ".png")
                    : readme.resolveSibling("docs").resolve(name + ".png");
        }
        if (!plot.toString().endsWith(".png")) {
            throw new IllegalArgumentException("plot: got " + plot + ", expected a path that ends in .png");
        }
        OutputFile picture = Pictures.prepare("plot", plot);
        List<ContenderKind> able = Able.of(contenders);
        List<Score> scores = new ArrayList<>();
        for (Pass pass : List.of(Pass.FORWARD, Pass.TRAIN)) {
            List<ContenderKind> its =
                    able.stream().filter(kind -> kind.can(model, pass)).toList();
            if (!its.isEmpty()) {
                scores.addAll(run(pass, its));
            }
        }
        if (scores.isEmpty()) {
            System.err.println("compare: none of " + contenders + " can run " + model + " here; nothing is written");
            return 1;
        }
        Comparison comparison = new Comparison(scores);
        SpeedPlot.write(comparison, picture);
        // The operations that it counts are the default QLIF's.
        boolean counted = model == Model.QLIF && able.contains(ContenderKind.SIMD);
        String block = block(comparison, counted ? ceiling().describe(comparison) : "");
        if (readme == null) {
            System.out.println(block);
        } else {
            place.write(text, block);
            System.out.println(comparison.markdown());
            System.out.println("Written: " + readme + ", " + plot);
        }
        return 0;
    }

    private List<Score> run(Pass pass, List<ContenderKind> its) throws RunnerException {
        return Score.of(run(new OptionsBuilder()
                .include(Contenders.method(pass))
                .param(Contenders.MODEL, model.name())
                .param("contender", Contenders.texts(its))
                .param(NeuronBenchmark.SHAPE, Contenders.texts(shapes))
                .param("threads", Contenders.texts(threads))));
    }

    private Ceiling ceiling() throws RunnerException {
        String name = CeilingBenchmark.class.getSimpleName() + ".fma";
        RunResult result = run(new OptionsBuilder().include(name)).iterator().next();
        return new Ceiling(result.getPrimaryResult().getStatistics().getPercentile(50));
    }

    private Collection<RunResult> run(ChainedOptionsBuilder options) throws RunnerException {
        return new Runner(repetitions.apply(options).shouldFailOnError(true).build()).run();
    }

    private String block(Comparison comparison, String ceiling) {
        Path from = readme == null ? Path.of("") : readme.toAbsolutePath().getParent();
        Path image = from.toAbsolutePath()
                .normalize()
                .relativize(plot.toAbsolutePath().normalize());
        List<String> flags =
                Arrays.asList(NeuronBenchmark.class.getAnnotation(Fork.class).jvmArgsAppend());
        return """
                Million neuron-steps a second, more is better; a neuron-step is one (t, b, n). %s All contenders were checked to \
                compute the same before they were timed.

                %s
                %s![Million neuron-steps a second](%s)

                %s, %d cores, %s; %s; `%s`; %s. Reproduce with `%s`.
                """.formatted(
                        model.description(),
                        comparison.markdown(),
                        ceiling.isEmpty() ? "" : ceiling + "\n\n",
                        image.toString().replace('\\', '/'),
                        Machine.processor(),
                        Machine.cores(),
                        Machine.operatingSystem(),
                        Machine.jdk(),
                        String.join(" ", flags),
                        LocalDate.now(),
                        command());
    }

    private String command() {
        return "./benchmark "
                + String.join(" ", spec.root().commandLine().getParseResult().originalArgs());
    }
}
