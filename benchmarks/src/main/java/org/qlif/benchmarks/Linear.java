package org.qlif.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import java.util.concurrent.Callable;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.qlif.io.OutputFile;
import org.qlif.training.Pictures;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times the linear layer over the share of set inputs and draws where a dense product becomes faster. */
@Command(
        name = "linear",
        sortOptions = false,
        description = "Times the linear layer beside PyTorch and C over the share of set inputs, and draws the curves.")
final class Linear implements Callable<Integer> {
    @Option(names = "--help", usageHelp = true, description = "Shows this.")
    private boolean help;

    @Option(
            names = "--layer",
            converter = Converters.Layers.class,
            paramLabel = "TxBxKxM",
            description = "Steps, rows, inputs and outputs. Default: ${DEFAULT-VALUE}",
            defaultValue = "20x128x784x512")
    private LinearShape layer;

    @Option(
            names = "--shares",
            converter = Converters.Positive.class,
            split = ",",
            paramLabel = "PERCENT",
            description = "Shares of set inputs, separated by commas. Default: ${DEFAULT-VALUE}",
            defaultValue = "1,3,13,30,50,100")
    private List<Integer> shares;

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
    private List<LinearContenderKind> contenders = List.of(LinearContenderKind.values());

    @Mixin
    private Repetitions repetitions;

    @Option(
            names = "--into",
            paramLabel = "FILE",
            description =
                    "Markdown file whose block between '<!-- linear:begin -->' and '<!-- linear:end -->' is replaced."
                            + " Default: none, the block is printed.")
    private Path into;

    @Option(
            names = "--plot",
            paramLabel = "FILE.png",
            description =
                    "Where the plot goes. Default: linear.png beside that file, or without one in benchmarks/target")
    private Path plot;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException, RunnerException {
        ReadmeBlock place = new ReadmeBlock("linear");
        OutputFile text = into == null ? null : place.prepare(into);
        if (plot == null) {
            plot = into == null ? Path.of("benchmarks/target/linear.png") : into.resolveSibling("linear.png");
        }
        OutputFile picture = Pictures.prepare("plot", plot);
        List<LinearContenderKind> able = Able.of(contenders);
        if (able.isEmpty()) {
            System.err.println("linear: none of " + contenders + " can run here; nothing is written");
            return 1;
        }
        LinearComparison comparison = new LinearComparison(new Runner(repetitions
                        .apply(new OptionsBuilder()
                                .include(SpikeLinearBenchmark.class.getSimpleName())
                                .param("contender", Contenders.texts(able))
                                .param(SpikeLinearBenchmark.LAYER, layer.toString())
                                .param(SpikeLinearBenchmark.SHARE, Contenders.texts(shares))
                                .param("threads", Contenders.texts(threads)))
                        .shouldFailOnError(true)
                        .build())
                .run());
        Pictures.write(picture, comparison.charts());
        String block = block(comparison);
        if (text == null) {
            System.out.println(block);
        } else {
            place.write(text, block);
            System.out.println(comparison.markdown());
            System.out.println("Written: " + into + ", " + plot);
        }
        return 0;
    }

    private String block(LinearComparison comparison) {
        return """
                Milliseconds of a call at (T, B, K, M) = (%s), over the share of inputs that are set; less is better. All contenders were \
                checked to compute the same before they were timed.

                %s
                ![Milliseconds over the share of set inputs](%s)

                %s, %d cores, %s; %s; %s. Reproduce with `./benchmark %s`.
                """.formatted(
                layer.toString().replace("x", ", "),
                comparison.markdown(),
                plot.getFileName(),
                Machine.processor(),
                Machine.cores(),
                Machine.operatingSystem(),
                Machine.jdk(),
                LocalDate.now(),
                String.join(" ", spec.root().commandLine().getParseResult().originalArgs()));
    }
}
