// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.qlif.NeuronConfig;

/** The tables of options in docs/model.md, which the build copies beside this class, for the texts of the page. */
final class ModelDocs {
    private static final String FILE = "model.md";
    private static final Pattern ROW =
            Pattern.compile("\\| `([a-z_]+)` \\| `([a-zA-Z().]+)` \\| ([^|]+) \\| ([^|]*) \\| ([^|]+) \\|");

    /** The Java method of a derived value, which is useless on a page. */
    private static final Pattern ACCESSOR = Pattern.compile(": `[a-zA-Z]+\\(\\)`$");

    /**
     * A row of a table.
     *
     * @param group the option's group in Java, such as {@code qubit}; empty if it has none
     * @param isSwitch whether the option turns its group on and off
     * @param range its legal values, for the page; empty for a switch
     * @param meaning one line
     */
    record Row(String group, boolean isSwitch, String range, String meaning) {}

    private ModelDocs() {}

    /** The rows of a model's table, by the names of the options, in order. */
    static Map<String, Row> rows(NeuronConfig model) {
        String heading = "| option | `" + model.getClass().getSimpleName() + "` |";
        Map<String, Row> rows = new LinkedHashMap<>();
        List<Matcher> matching = lines().stream()
                .dropWhile(line -> !line.startsWith(heading))
                .skip(2)
                .map(ROW::matcher)
                .takeWhile(Matcher::matches)
                .toList();
        for (Matcher row : matching) {
            String accessor = row.group(2);
            int dot = accessor.indexOf("()");
            boolean grouped = accessor.indexOf('.') >= 0;
            rows.put(
                    row.group(1),
                    new Row(
                            grouped ? accessor.substring(0, dot) : "",
                            accessor.endsWith(".enabled()"),
                            row.group(4).strip(),
                            ACCESSOR.matcher(row.group(5).strip())
                                    .replaceFirst("")
                                    .replace("`", "")));
        }
        return rows;
    }

    private static List<String> lines() {
        try (InputStream file = ModelDocs.class.getResourceAsStream(FILE)) {
            if (file == null) {
                throw new IllegalStateException("this build is incomplete: it lacks docs/" + FILE);
            }
            return new BufferedReader(new InputStreamReader(file, StandardCharsets.UTF_8))
                    .lines()
                    .toList();
        } catch (IOException unreadable) {
            throw new UncheckedIOException("can't read docs/" + FILE + " of this build", unreadable);
        }
    }
}
