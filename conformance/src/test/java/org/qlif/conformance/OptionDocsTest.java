// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.qlif.ConfigOption;
import org.qlif.NeuronConfig;

/** The tables of options in docs/model.md are those of the configurations: names, accessors, defaults, in order. */
class OptionDocsTest {
    private static final Pattern ROW = Pattern.compile("\\| `([a-z_]+)` \\| `([a-zA-Z().]+)` \\| ([^|]+) \\|.*");

    @TestModel.Each
    void tellWhatTheConfigurationIs(TestModel model) throws Exception {
        NeuronConfig config = model.defaults();
        List<Matcher> rows = rows(config);
        assertThat(rows.stream().map(row -> row.group(1)).toList())
                .as("options in the table of docs/model.md")
                .isEqualTo(config.options().stream().map(ConfigOption::name).toList());
        for (int i = 0; i < rows.size(); i++) {
            Matcher row = rows.get(i);
            ConfigOption option = config.options().get(i);
            String documented = row.group(3).replace("π/2 − 0.005", Double.toString(Math.PI / 2 - 0.005));
            assertThat(documented).as(option.name()).isEqualTo(option.text(config));
            assertThat(value(config, row.group(2))).as(option.name()).isEqualTo(documented);
        }
    }

    private static List<Matcher> rows(NeuronConfig config) throws IOException {
        String heading = "| option | `" + config.getClass().getSimpleName() + "` |";
        return Files.readAllLines(Golden.folder().resolveSibling("docs").resolve("model.md")).stream()
                .dropWhile(line -> !line.startsWith(heading))
                .skip(2)
                .map(ROW::matcher)
                .takeWhile(Matcher::matches)
                .toList();
    }

    /** What the accessors say, as text has it. */
    private static String value(Object config, String accessors) throws ReflectiveOperationException {
        Object value = config;
        for (String accessor : accessors.replace("()", "").split("\\.")) {
            value = value.getClass().getMethod(accessor).invoke(value);
        }
        return value instanceof OptionalDouble number && number.isEmpty() ? ConfigOption.DERIVED : value.toString();
    }
}
