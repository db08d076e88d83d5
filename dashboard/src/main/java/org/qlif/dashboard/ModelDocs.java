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

/** The tables of options in docs/model.md, which the build puts beside this class: the page says what they say. */
final class ModelDocs {
    private static final String FILE = "model.md";
    private static final Pattern ROW =
            Pattern.compile("\\| `([a-z_]+)` \\| `([a-zA-Z().]+)` \\| ([^|]+) \\| ([^|]*) \\| ([^|]+) \\|");

    /** Where Java reads what is derived, which is of no use on a page. */
    private static final Pattern ACCESSOR = Pattern.compile(": `[a-zA-Z]+\\(\\)`$");

    /**
     * A row of a table.
     *
     * @param group what Java groups the option under, such as {@code qubit}; empty if it stands alone
     * @param isSwitch whether the option turns its group on and off
     * @param range the values it takes, as the page has them; empty for a switch
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
