// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.io.OutputFile;

class MarkdownBlockTest {
    private static final String BEGIN = "<!-- performance:begin -->";
    private static final String END = "<!-- performance:end -->";

    private final MarkdownBlock block = new MarkdownBlock("performance");

    @TempDir
    private Path folder;

    @Test
    void onlyWhatLiesBetweenTheMarkersChanges() throws IOException {
        Path readme = folder.resolve("README.md");
        String other = "<!-- performance-lif:begin -->\nother\n<!-- performance-lif:end -->\n";
        Files.writeString(readme, "# Title\n" + other + BEGIN + "\nold\nolder\n" + END + "\nrest\n");

        OutputFile file = block.prepare(readme);
        block.write(file, "\nnew\n\n");
        block.write(file, "newer");

        assertThat(readme).hasContent("# Title\n" + other + BEGIN + "\nnewer\n" + END + "\nrest\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", BEGIN, END + BEGIN, BEGIN + BEGIN + END, BEGIN + END + END})
    void aTextWithoutOnePairOfMarkersIsRefused(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> block.replace(text, "new", "README.md"))
                .withMessageStartingWith("README.md: expected one '" + BEGIN + "'");
    }
}
