// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The contenders of {@link Compare} by turns in one process. */
@Command(
        name = "turns",
        sortOptions = false,
        description = {
            "Times the contenders of compare by turns in one process, for machines whose speed changes within seconds. Prints a table in "
                    + "million neuron-steps a second: from the median of the calls, and from the fastest tenth."
        })
final class CompareByTurns implements Callable<Integer> {
    @Option(
            names = "--model",
            converter = Converters.Models.class,
            paramLabel = "NAME",
            description = "The model: one of ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}",
            defaultValue = "qlif")
    private Model model;

    @Option(
            names = "--pass",
            paramLabel = "NAME",
            description = "What is timed: one of ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}",
            defaultValue = "FORWARD")
    private Pass pass;

    @Option(
            names = "--shapes",
            converter = Converters.Extents.class,
            split = ",",
            paramLabel = "TxBxN",
            description = "Shapes, separated by commas. Default: ${DEFAULT-VALUE}",
            defaultValue = "20x128x512,100x32x4096,100x1x128")
    private List<Shape> shapes;

    @Option(
            names = "--contenders",
            split = ",",
            paramLabel = "NAME",
            description = "Contenders, separated by commas: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}",
            defaultValue = "SIMD,NATIVE,C")
    private List<ContenderKind> contenders;

    @Mixin
    private Turns turns;

    @Override
    public Integer call() {
        List<ContenderKind> its = Able.of(contenders).stream()
                .filter(kind -> kind.can(model, pass == Pass.TRAIN_COMPACT ? Pass.TRAIN : pass))
                .toList();
        if (its.isEmpty()) {
            System.err.println("turns: none of " + contenders + " can run " + pass + " of " + model + " here");
            return 1;
        }
        List<String> header = new ArrayList<>(List.of("median; fastest tenth"));
        shapes.forEach(shape -> header.add(shape.inBrackets()));
        Map<ContenderKind, List<String>> rows = new LinkedHashMap<>();
        its.forEach(kind -> rows.put(kind, new ArrayList<>(List.of(kind.title()))));
        for (Shape shape : shapes) {
            Map<String, Turns.Times> times = time(its, Workload.of(model, shape));
            for (ContenderKind kind : its) {
                Turns.Times taken = times.get(kind.name());
                rows.get(kind).add(speed(shape, taken.median()) + "; " + speed(shape, taken.fastest()));
            }
        }
        MarkdownTable table = new MarkdownTable(header);
        rows.values().forEach(table::row);
        System.out.println("Million neuron-steps a second, " + model + ", " + pass + ", " + turns.threads()
                + " threads; " + turns.machine() + ".\n");
        System.out.println(table);
        return 0;
    }

    private Map<String, Turns.Times> time(List<ContenderKind> its, Workload workload) {
        List<Contender> open = new ArrayList<>();
        try {
            Map<String, Runnable> calls = new LinkedHashMap<>();
            for (ContenderKind kind : its) {
                Contender contender = kind.open(workload, turns.threads(), pass);
                open.add(contender);
                calls.put(kind.name(), contender::run);
            }
            return turns.time(calls);
        } finally {
            open.forEach(Contender::close);
        }
    }

    private static String speed(Shape shape, double milliseconds) {
        return MarkdownTable.number(shape.neuronSteps() / milliseconds / 1e3);
    }
}
