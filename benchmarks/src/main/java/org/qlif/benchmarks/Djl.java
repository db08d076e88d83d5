// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.DoubleUnaryOperator;
import org.qlif.benchmarks.DjlBlockBenchmark.Neurons;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@link DjlBlockBenchmark} by turns in one process: what a block costs over the kernel's calls around the same graph. */
@Command(
        name = "djl",
        sortOptions = false,
        description = {
            "Times a block in DJL against the kernel's calls around the same graph, forward and backward, by turns in one process, and prints"
                    + " a table in milliseconds. With OMP_WAIT_POLICY=passive in the environment the engine's idle threads don't take a"
                    + " processor from the kernel."
        })
final class Djl implements Callable<Integer> {
    @Option(
            names = "--shape",
            converter = Converters.Extents.class,
            paramLabel = "TxBxN",
            description = "The shape. Default: ${DEFAULT-VALUE}",
            defaultValue = "20x128x512")
    private Shape shape;

    @Option(
            names = "--neurons",
            split = ",",
            paramLabel = "NAME",
            description = "Configurations, separated by commas: ${COMPLETION-CANDIDATES}. Default: all.")
    private List<Neurons> neurons = List.of(Neurons.values());

    @Mixin
    private Turns turns;

    @Override
    public Integer call() {
        Optional<String> obstacle = TorchContender.obstacle();
        if (obstacle.isPresent()) {
            System.err.println("djl: " + obstacle.orElseThrow());
            return 1;
        }
        MarkdownTable table = new MarkdownTable(List.of(
                "ms: median; fastest tenth", "block", "kernel and graph apart", "the graph alone", "block over apart"));
        for (Neurons each : neurons) {
            Map<String, Turns.Times> times = time(each);
            Turns.Times block = times.get("block");
            Turns.Times apart = times.get("apart");
            table.row(List.of(
                    each.name(),
                    block.shown(DoubleUnaryOperator.identity()),
                    apart.shown(DoubleUnaryOperator.identity()),
                    times.get("engine").shown(DoubleUnaryOperator.identity()),
                    over(block.median(), apart.median()) + "; " + over(block.fastest(), apart.fastest())));
        }
        System.out.println("Forward and backward at " + shape.inBrackets() + ", " + turns.threads()
                + " threads, OMP_WAIT_POLICY=" + System.getenv().getOrDefault("OMP_WAIT_POLICY", "") + "; "
                + turns.machine() + ".\n");
        System.out.println(table);
        return 0;
    }

    private Map<String, Turns.Times> time(Neurons each) {
        DjlBlockBenchmark benchmark = new DjlBlockBenchmark();
        benchmark.neurons = each;
        benchmark.shape = shape.toString();
        benchmark.threads = turns.threads();
        benchmark.open();
        try {
            Map<String, Runnable> calls = new LinkedHashMap<>();
            calls.put("block", benchmark::block);
            calls.put("apart", benchmark::apart);
            calls.put("engine", benchmark::engine);
            return turns.time(calls);
        } finally {
            benchmark.close();
        }
    }

    private static String over(double time, double least) {
        return String.format(Locale.ROOT, "%+.1f %%", 100 * (time / least - 1));
    }
}
