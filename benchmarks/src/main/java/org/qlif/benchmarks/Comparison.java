// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** The scores of a run of {@link ContenderBenchmark}, by the varied parameters. */
final class Comparison {
    private record Key(ContenderKind kind, Shape shape, Pass pass, int threads) {}

    private final Map<Key, Score> scores = new HashMap<>();
    private final List<Shape> shapes = new ArrayList<>();
    private final TreeSet<Integer> threads = new TreeSet<>();

    /** Shapes keep the order in which they come. */
    Comparison(List<Score> all) {
        for (Score score : all) {
            Shape shape = Shape.parse(score.parameter("shape"));
            int count = Integer.parseInt(score.parameter("threads"));
            Pass pass = score.benchmark().endsWith(".train") ? Pass.TRAIN : Pass.FORWARD;
            scores.put(new Key(ContenderKind.valueOf(score.parameter("contender")), shape, pass, count), score);
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
                .filter(pass -> scores.keySet().stream().anyMatch(key -> key.pass == pass))
                .toList();
    }

    /** The contenders timed in {@code pass}. */
    List<ContenderKind> contenders(Pass pass) {
        return Arrays.stream(ContenderKind.values())
                .filter(kind -> scores.keySet().stream().anyMatch(key -> key.pass == pass && key.kind == kind))
                .toList();
    }

    /** Millions of neuron-steps per second, or NaN if this was not timed. */
    double millionsPerSecond(ContenderKind kind, Shape shape, Pass pass, int threads) {
        Score score = scores.get(new Key(kind, shape, pass, threads));
        return score == null ? Double.NaN : score.millionsPerSecond();
    }

    /** The spread of the iterations: half their range, relative to the speed; NaN if this was not timed. */
    double spread(ContenderKind kind, Shape shape, Pass pass, int threads) {
        Score score = scores.get(new Key(kind, shape, pass, threads));
        return score == null ? Double.NaN : score.spread();
    }

    /** A Markdown table for each pass. */
    String markdown() {
        StringBuilder text = new StringBuilder();
        for (Pass pass : passes()) {
            List<String> header = new ArrayList<>(List.of(pass == Pass.FORWARD ? "Forward" : "Forward + backward"));
            header.add("threads");
            shapes.forEach(shape -> header.add(shape.inBrackets()));
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
