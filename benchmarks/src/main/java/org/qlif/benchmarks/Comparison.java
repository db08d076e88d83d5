// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** The scores of a run of {@link ContenderBenchmark}, looked up by what was varied. */
final class Comparison {
    private record Key(ContenderKind kind, Shape shape, Pass pass, int threads) {}

    private final Map<Key, Double> speeds = new HashMap<>();
    private final List<Shape> shapes = new ArrayList<>();
    private final TreeSet<Integer> threads = new TreeSet<>();

    /** Shapes keep the order in which they come. */
    Comparison(List<Score> scores) {
        for (Score score : scores) {
            Shape shape = Shape.parse(score.parameter("shape"));
            int count = Integer.parseInt(score.parameter("threads"));
            Pass pass = score.benchmark().endsWith(".train") ? Pass.TRAIN : Pass.FORWARD;
            speeds.put(
                    new Key(ContenderKind.valueOf(score.parameter("contender")), shape, pass, count),
                    score.millionsPerSecond());
            if (!shapes.contains(shape)) {
                shapes.add(shape);
            }
            threads.add(count);
        }
    }

    /** The shapes compared. */
    List<Shape> shapes() {
        return shapes;
    }

    /** The numbers of threads, ascending. */
    List<Integer> threads() {
        return List.copyOf(threads);
    }

    /** The passes compared. */
    List<Pass> passes() {
        return Arrays.stream(Pass.values())
                .filter(pass -> speeds.keySet().stream().anyMatch(key -> key.pass == pass))
                .toList();
    }

    /** Who was timed in {@code pass}. */
    List<ContenderKind> contenders(Pass pass) {
        return Arrays.stream(ContenderKind.values())
                .filter(kind -> speeds.keySet().stream().anyMatch(key -> key.pass == pass && key.kind == kind))
                .toList();
    }

    /** Millions of neuron-steps a second, or NaN if that was not timed. */
    double millionsPerSecond(ContenderKind kind, Shape shape, Pass pass, int threads) {
        return speeds.getOrDefault(new Key(kind, shape, pass, threads), Double.NaN);
    }

    /** A Markdown table of each pass. */
    String markdown() {
        StringBuilder text = new StringBuilder();
        for (Pass pass : passes()) {
            List<String> header = new ArrayList<>(List.of(pass == Pass.FORWARD ? "Forward" : "Forward + backward"));
            header.add("threads");
            shapes.forEach(
                    shape -> header.add("(" + shape.steps() + ", " + shape.batch() + ", " + shape.neurons() + ")"));
            MarkdownTable table = new MarkdownTable(header);
            for (ContenderKind kind : contenders(pass)) {
                for (int count : threads()) {
                    List<String> cells = new ArrayList<>(List.of(kind.title(), Integer.toString(count)));
                    shapes.forEach(
                            shape -> cells.add(MarkdownTable.number(millionsPerSecond(kind, shape, pass, count))));
                    table.row(cells);
                }
            }
            text.append(text.isEmpty() ? "" : "\n").append(table);
        }
        return text.toString();
    }
}
