// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.qlif.io.OutputFile;
import org.qlif.training.Pictures;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Shared by commands that compare contenders: how they measure, and where they write the table and the plot. */
final class Report {
    @Option(names = "--help", usageHelp = true, description = "Shows this.")
    private boolean help;

    @Option(
            names = "--threads",
            converter = Converters.Positive.class,
            split = ",",
            paramLabel = "COUNT",
            description = "Numbers of threads, separated by commas. Default: ${DEFAULT-VALUE}",
            defaultValue = "1,2")
    private List<Integer> threads;

    @Mixin
    private Repetitions repetitions;

    @Option(
            names = "--into",
            paramLabel = "FILE",
            description =
                    "Markdown file whose block between '<!-- NAME:begin -->' and '<!-- NAME:end -->' is replaced, NAME as the"
                            + " plot's. Default: none, the block is printed.")
    private Path file;

    @Option(
            names = "--plot",
            paramLabel = "FILE.png",
            description =
                    "Where the plot goes. Default: NAME.png beside that file, in its folder docs if there is one, or without a"
                            + " file in benchmarks/target. NAME is performance, performance-lif for --model lif, and so on, or linear.")
    private Path plot;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    private MarkdownBlock block;
    /** Null if the block is printed. */
    private OutputFile text;

    private OutputFile picture;

    /** Throws if the block {@code name} could not be written; called before a long run. */
    void prepare(String name) throws IOException {
        block = new MarkdownBlock(name);
        text = file == null ? null : block.prepare(file);
        if (plot == null) {
            plot = folder().resolve(name + ".png");
        }
        if (!plot.toString().endsWith(".png")) {
            throw new IllegalArgumentException("plot: got " + plot + ", expected a path that ends in .png");
        }
        picture = Pictures.prepare("plot", plot);
    }

    private Path folder() {
        if (file == null) {
            return Path.of("benchmarks/target");
        }
        Path docs = file.resolveSibling("docs");
        return Files.isDirectory(docs) ? docs : file.resolveSibling("");
    }

    /** The numbers of threads to measure with: a parameter of the benchmarks. */
    String[] threads() {
        return Contenders.texts(threads);
    }

    /** Measures with the requested repetitions. */
    Collection<RunResult> run(ChainedOptionsBuilder options) throws RunnerException {
        return new Runner(repetitions.apply(options).shouldFailOnError(true).build()).run();
    }

    /** The file for the plot. */
    OutputFile picture() {
        return picture;
    }

    /**
     * Writes or prints the results, with the machine and the command.
     *
     * @param introduction what the numbers are
     * @param table the numbers, in Markdown
     * @param remark a remark on them; may be empty
     * @param title the plot's title
     */
    void write(String introduction, String table, String remark, String title) throws IOException {
        Path from = (file == null ? Path.of("") : file.resolveSibling("")).toAbsolutePath();
        Path image = from.normalize().relativize(plot.toAbsolutePath().normalize());
        String content = """
                %s All contenders were checked to compute the same before they were timed.

                %s
                %s![%s](%s)

                %s, %d cores, %s; %s; `%s`; %s. Reproduce with `./benchmark %s`.
                """.formatted(
                introduction,
                table,
                remark.isEmpty() ? "" : remark + "\n\n",
                title,
                image.toString().replace('\\', '/'),
                Machine.processor(),
                Machine.cores(),
                Machine.operatingSystem(),
                Machine.jdk(),
                String.join(
                        " ",
                        Arrays.asList(
                                NeuronBenchmark.class.getAnnotation(Fork.class).jvmArgsAppend())),
                LocalDate.now(),
                String.join(" ", spec.root().commandLine().getParseResult().originalArgs()));
        if (text == null) {
            System.out.println(content);
        } else {
            block.write(text, content);
            System.out.println(table);
            System.out.println("Written: " + file + ", " + plot);
        }
    }
}
