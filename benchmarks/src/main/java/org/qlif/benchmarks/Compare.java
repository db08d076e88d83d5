// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Times all contenders in one run and writes a table and a plot. */
@Command(
        name = "compare",
        sortOptions = false,
        description =
                "Compares our kernels with tensor operations on PyTorch and with C, and writes a table and a plot.")
final class Compare implements Callable<Integer> {
    @Mixin
    private Cases cases;

    @Option(
            names = "--contenders",
            split = ",",
            paramLabel = "NAME",
            description = "Contenders, separated by commas: ${COMPLETION-CANDIDATES}. Default: all that can run here.")
    private List<ContenderKind> contenders = List.of(ContenderKind.values());

    @Mixin
    private Report report;

    @Override
    public Integer call() throws IOException, RunnerException {
        Model model = cases.model();
        report.prepare(model == Model.QLIF ? "performance" : "performance-" + model);
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
        SpeedPlot.write(comparison, report.picture());
        // The ceiling counts the default QLIF's operations.
        boolean counted = model == Model.QLIF && able.contains(ContenderKind.SIMD);
        report.write(
                "Million neuron-steps a second, more is better; a neuron-step is one (t, b, n). " + model.description(),
                comparison.markdown(),
                counted ? ceiling().describe(comparison) : "",
                "Million neuron-steps a second");
        return 0;
    }

    private List<Score> run(Pass pass, List<ContenderKind> its) throws RunnerException {
        return Score.of(report.run(new OptionsBuilder()
                .include(Contenders.method(pass))
                .param(Contenders.MODEL, cases.model().name())
                .param("contender", Contenders.texts(its))
                .param(NeuronBenchmark.SHAPE, Contenders.texts(cases.shapes()))
                .param("threads", report.threads())));
    }

    private Ceiling ceiling() throws RunnerException {
        String name = CeilingBenchmark.class.getSimpleName() + ".fma";
        RunResult result =
                report.run(new OptionsBuilder().include(name)).iterator().next();
        return new Ceiling(result.getPrimaryResult().getStatistics().getPercentile(50));
    }
}
