// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.qlif.documentation.Example;
import org.qlif.documentation.Javadoc;

/** The examples of docs/spark.md and of the Javadoc compile, with the variables of {@link ExampleVariables}; all that is public is described. */
class DocumentationTest {
    private static final String IMPORTS = "import org.apache.spark.ml.*; import org.apache.spark.ml.evaluation.*;"
            + " import org.apache.spark.ml.param.*; import org.apache.spark.ml.tuning.*; import org.apache.spark.sql.*;"
            + " import org.qlif.spark.*;";

    @Test
    void examplesCompile() throws IOException {
        List<Example> examples = new ArrayList<>(Example.inMarkdown(Path.of("../docs/spark.md")));
        assertThat(examples).as("examples of the page").isNotEmpty();
        examples.addAll(Example.inJavadoc(Path.of("src/main/java").toAbsolutePath()));
        assertThat(Example.faults(examples, IMPORTS, "ExampleVariables")).isEmpty();
    }

    @Test
    void versionsAreThoseOfTheBuild() throws IOException {
        String page = Files.readString(Path.of("../docs/spark.md"));
        String poms = Files.readString(Path.of("../pom.xml")) + Files.readString(Path.of("pom.xml"));
        for (String property : List.of("spark.version", "scala.version")) {
            Matcher version = Pattern.compile("<" + property + ">(.*?)</").matcher(poms);
            assertThat(version.find()).as(property).isTrue();
            assertThat(page).contains("<version>" + version.group(1) + "</version>");
        }
    }

    @Test
    void everythingIsDescribed() {
        assertThat(Javadoc.faults("org.qlif.spark", Path.of("src/main/java").toAbsolutePath()))
                .isEmpty();
    }
}
