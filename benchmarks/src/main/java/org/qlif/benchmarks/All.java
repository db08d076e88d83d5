// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Runs every benchmark, with allocations counted, and writes JSON, CSV and a table. */
@Command(
        name = "all",
        sortOptions = false,
        description = "Runs every benchmark and writes the scores. Takes two hours with the default repetitions.")
final class All implements Callable<Integer> {
    @Option(names = "--help", usageHelp = true, description = "Shows this.")
    private boolean help;

    @Mixin
    private Repetitions repetitions;

    @Option(
            names = "--out",
            paramLabel = "FOLDER",
            description = "The folder for scores.json, scores.csv and scores.md. Default: ${DEFAULT-VALUE}",
            defaultValue = "benchmarks/target/scores")
    private Path out;

    @Override
    public Integer call() throws IOException, RunnerException {
        Files.createDirectories(out);
        List<RunResult> results = new ArrayList<>();
        results.addAll(run(options()
                .exclude(ContenderBenchmark.class.getSimpleName())
                .exclude(SpikeLinearBenchmark.class.getSimpleName())));
        results.addAll(run(options()
                .include(SpikeLinearBenchmark.class.getSimpleName())
                .param(
                        "contender",
                        Able.of(List.of(LinearContenderKind.values())).stream()
                                .map(Enum::name)
                                .toArray(String[]::new))));
        List<ContenderKind> able = Able.of(List.of(ContenderKind.values()));
        for (Model model : Model.values()) {
            for (Pass pass : List.of(Pass.FORWARD, Pass.TRAIN)) {
                String[] its = able.stream()
                        .filter(kind -> kind.can(model, pass))
                        .map(Enum::name)
                        .toArray(String[]::new);
                results.addAll(run(options()
                        .include(Contenders.method(pass))
                        .param(Contenders.MODEL, model.name())
                        .param("contender", its)));
            }
        }
        ResultFormatFactory.getInstance(
                        ResultFormatType.JSON, out.resolve("scores.json").toString())
                .writeOut(results);
        List<Score> scores = Score.of(results);
        Files.writeString(out.resolve("scores.csv"), ScoreTable.csv(scores));
        Files.writeString(out.resolve("scores.md"), ScoreTable.markdown(scores));
        System.out.println(ScoreTable.markdown(scores));
        System.out.println("Written: " + out + "/scores.json, .csv, .md");
        return 0;
    }

    private ChainedOptionsBuilder options() {
        return repetitions.apply(new OptionsBuilder().addProfiler(GCProfiler.class));
    }

    private static Collection<RunResult> run(ChainedOptionsBuilder options) throws RunnerException {
        return new Runner(options.build()).run();
    }
}
