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
    /** The title of the row of {@link CeilingContender}, which counts the default QLIF's operations. */
    private static final String CEILING = "Ceiling: multiply-adds for every operation";

    @Mixin
    private Cases cases;

    @Option(
            names = "--pass",
            paramLabel = "NAME",
            description = "What is timed: one of ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}",
            defaultValue = "FORWARD")
    private Pass pass;

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
        Model model = cases.model();
        List<Shape> shapes = cases.shapes();
        List<ContenderKind> its = Able.of(contenders).stream()
                .filter(kind -> kind.can(model, pass == Pass.TRAIN_COMPACT ? Pass.TRAIN : pass))
                .toList();
        if (its.isEmpty()) {
            System.err.println("turns: none of " + contenders + " can run " + pass + " of " + model + " here");
            return 1;
        }
        List<String> header = new ArrayList<>(List.of("median; fastest tenth"));
        shapes.forEach(shape -> header.add(shape.inBrackets()));
        Map<String, List<String>> rows = new LinkedHashMap<>();
        its.forEach(kind -> rows.put(kind.title(), new ArrayList<>()));
        if (model == Model.QLIF) {
            rows.put(CEILING, new ArrayList<>());
        }
        for (Shape shape : shapes) {
            time(its, Workload.of(model, shape), rows);
        }
        MarkdownTable table = new MarkdownTable(header);
        rows.forEach((title, cells) -> {
            cells.addFirst(title);
            table.row(cells);
        });
        System.out.println("Million neuron-steps a second, " + model + ", " + pass + ", " + turns.threads()
                + " threads; " + turns.machine() + ".\n");
        System.out.println(table);
        return 0;
    }

    /** Adds a cell to each row. */
    private void time(List<ContenderKind> its, Workload workload, Map<String, List<String>> rows) {
        List<Contender> open = new ArrayList<>();
        try (CeilingContender ceiling = new CeilingContender(turns.threads())) {
            Map<String, Runnable> calls = new LinkedHashMap<>();
            for (ContenderKind kind : its) {
                Contender contender = kind.open(workload, turns.threads(), pass);
                open.add(contender);
                calls.put(kind.title(), contender::run);
            }
            if (rows.containsKey(CEILING)) {
                calls.put(CEILING, ceiling::run);
            }
            int neuronSteps = workload.shape().neuronSteps();
            turns.time(calls)
                    .forEach((title, times) -> rows.get(title)
                            .add(times.shown(milliseconds -> title.equals(CEILING)
                                    ? ceiling.millionsPerSecond(pass, milliseconds)
                                    : neuronSteps / milliseconds / 1e3)));
        } finally {
            open.forEach(Contender::close);
        }
    }
}
