// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.qlif.documentation.Example;
import org.qlif.documentation.Javadoc;

/** The examples of this module compile, with the variables of {@link ExampleVariables}, and its Javadoc describes all that is public. */
class DocumentationTest {
    private static final String IMPORTS =
            "import java.nio.file.Path; import ai.djl.*; import ai.djl.ndarray.*; import ai.djl.ndarray.types.*; import ai.djl.nn.*; import ai.djl.nn.core.*;"
                    + " import ai.djl.training.*; import ai.djl.training.loss.Loss; import org.qlif.djl.*;"
                    + " import org.qlif.LifParameter; import org.qlif.QlifConfig; import org.qlif.QlifParameter;"
                    + " import org.qlif.djl.ExampleVariables;";

    private static final Path SOURCES = Path.of("src/main/java").toAbsolutePath();

    @Test
    void examplesCompile() throws IOException {
        List<Example> examples = new ArrayList<>(Example.inMarkdown(Path.of("README.md")));
        assertThat(examples).as("examples of the README").isNotEmpty();
        examples.addAll(Example.inJavadoc(SOURCES));
        assertThat(Example.faults(examples, IMPORTS, "ExampleVariables")).isEmpty();
    }

    @Test
    void describesEverything() {
        Map<String, List<Path>> sources = Map.of(
                "org.qlif.djl", List.of(SOURCES),
                "org.qlif", List.of(Path.of("../java-api/src/main/java").toAbsolutePath()));
        Set<String> libraries = Set.of("ai.djl.api", "ai.djl.pytorch_engine", "org.jspecify");
        assertThat(new Javadoc(Set.of("org.qlif.djl"), sources, libraries, Set.of("org.qlif.djl"), Set.of()).faults())
                .isEmpty();
    }
}
