// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.qlif.documentation.Example;

/** The examples of the README, of docs and of the Javadoc compile, with the variables of {@link ExampleVariables}. */
class ExamplesTest {
    private static final List<String> DOCUMENTED = List.of("java-api", "gpu", "network", "simulation", "conformance");
    private static final String IMPORTS =
            "import java.lang.foreign.*; import java.nio.*; import java.nio.file.*; import java.time.*; import java.util.*;"
                    + " import org.qlif.*; import org.qlif.conformance.*; import org.qlif.gpu.*; import org.qlif.io.*;"
                    + " import org.qlif.network.*; import org.qlif.simulation.*; ";

    @Test
    void compile() throws IOException {
        Path root = Golden.folder().toRealPath().getParent();
        List<Example> examples = new ArrayList<>(Example.inMarkdown(root.resolve("README.md")));
        assertThat(examples).as("examples of the README").isNotEmpty();
        try (Stream<Path> pages = Files.list(root.resolve("docs"))) {
            // Spark is on the class path of its own module's tests alone, which compile that page's examples.
            for (Path page : pages.filter(file -> file.toString().endsWith(".md") && !file.endsWith("spark.md"))
                    .sorted()
                    .toList()) {
                examples.addAll(Example.inMarkdown(page));
            }
        }
        for (String module : DOCUMENTED) {
            examples.addAll(Example.inJavadoc(root.resolve(module).resolve("src/main/java")));
        }
        assertThat(faults(examples)).isEmpty();
    }

    /** A mistake in an example is found, and its place told. */
    @Test
    void findsAMistake() {
        Example wrong =
                new Example(Path.of("README.md"), 7, List.of("int rank = input.rank();", "String text = rank;"));
        assertThat(faults(List.of(wrong))).singleElement().asString().startsWith("README.md:8: ");
    }

    private static List<String> faults(List<Example> examples) {
        return Example.faults(examples, IMPORTS, "ExampleVariables");
    }
}
