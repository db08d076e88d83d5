// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Scores as text, one line each, and as CSV. */
final class ScoreTable {
    private static final List<String> MEASURES =
            List.of("M neuron-steps/s", "error %", "us/call", "ns/neuron-step", "B/call");

    private ScoreTable() {}

    /** A Markdown table for each benchmark. */
    static String markdown(List<Score> scores) {
        StringBuilder text = new StringBuilder();
        Set<String> benchmarks = new LinkedHashSet<>();
        scores.forEach(score -> benchmarks.add(score.benchmark()));
        for (String benchmark : benchmarks) {
            List<Score> its = scores.stream()
                    .filter(score -> score.benchmark().equals(benchmark))
                    .toList();
            List<String> names = List.copyOf(its.getFirst().parameters().keySet());
            List<String> header = new ArrayList<>(names);
            header.addAll(MEASURES);
            MarkdownTable table = new MarkdownTable(header);
            for (Score score : its) {
                List<String> cells = new ArrayList<>();
                names.forEach(name -> cells.add(score.parameter(name)));
                measures(score).forEach(value -> cells.add(MarkdownTable.number(value)));
                table.row(cells);
            }
            text.append(text.isEmpty() ? "" : "\n")
                    .append(benchmark)
                    .append("\n\n")
                    .append(table);
        }
        return text.toString();
    }

    /** One line for each score; all parameters are in one column, since benchmarks have different ones. */
    static String csv(List<Score> scores) {
        StringBuilder text = new StringBuilder("benchmark,parameters,")
                .append(String.join(",", MEASURES))
                .append('\n');
        for (Score score : scores) {
            List<String> parameters = new ArrayList<>();
            score.parameters().forEach((name, value) -> parameters.add(name + "=" + value));
            text.append(score.benchmark()).append(',').append(String.join(" ", parameters));
            for (double value : measures(score)) {
                text.append(',').append(Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%.6g", value));
            }
            text.append('\n');
        }
        return text.toString();
    }

    private static List<Double> measures(Score score) {
        return List.of(
                score.millionsPerSecond(),
                100 * score.error(),
                score.microseconds(),
                score.nanosecondsPerNeuronStep(),
                score.allocated());
    }
}
