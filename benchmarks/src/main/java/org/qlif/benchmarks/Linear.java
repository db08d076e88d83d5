// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.qlif.training.Pictures;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Times the linear layer over the share of set inputs, and plots where a dense product becomes faster. */
@Command(
        name = "linear",
        sortOptions = false,
        description = "Compares the linear layer with PyTorch and C over the share of set inputs, and draws curves.")
final class Linear implements Callable<Integer> {
    @Option(
            names = "--layer",
            converter = Converters.Layers.class,
            paramLabel = "TxBxKxM",
            description = "Steps, rows of the batch, inputs and outputs. Default: ${DEFAULT-VALUE}",
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
            names = "--contenders",
            split = ",",
            paramLabel = "NAME",
            description = "Contenders, separated by commas: ${COMPLETION-CANDIDATES}. Default: all that can run here.")
    private List<LinearContenderKind> contenders = List.of(LinearContenderKind.values());

    @Mixin
    private Report report;

    @Override
    public Integer call() throws IOException, RunnerException {
        report.prepare("linear");
        List<LinearContenderKind> able = Able.of(contenders);
        if (able.isEmpty()) {
            System.err.println("linear: none of " + contenders + " can run here; nothing is written");
            return 1;
        }
        LinearComparison comparison = new LinearComparison(report.run(new OptionsBuilder()
                .include(SpikeLinearBenchmark.class.getSimpleName())
                .param("contender", Contenders.texts(able))
                .param(SpikeLinearBenchmark.LAYER, layer.toString())
                .param(SpikeLinearBenchmark.SHARE, Contenders.texts(shares))
                .param("threads", report.threads())));
        Pictures.write(report.picture(), comparison.charts());
        report.write(
                "Milliseconds of a call at (T, B, K, M) = (" + layer.toString().replace("x", ", ")
                        + "), over the share of inputs that are set; less is better.",
                comparison.markdown(),
                "",
                "Milliseconds over the share of set inputs");
        return 0;
    }
}
