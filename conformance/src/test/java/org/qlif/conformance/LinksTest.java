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
import org.junit.jupiter.api.io.TempDir;
import org.qlif.documentation.Links;

/** Links in the documentation lead to files and headings that are there, and the index leads to all of it. */
class LinksTest {
    @TempDir
    private Path folder;

    @Test
    void leadSomewhere() throws IOException {
        Path root = Golden.folder().toRealPath().getParent();
        List<Path> files = new ArrayList<>();
        for (String place : new String[] {".", "docs", "python", "djl", "native", "golden", "data/checkpoints"}) {
            files.addAll(markdown(root.resolve(place).normalize()));
        }
        assertThat(files).contains(root.resolve("README.md"), root.resolve("docs/README.md"));
        assertThat(Links.broken(files)).isEmpty();
    }

    @Test
    void indexIsComplete() throws IOException {
        Path docs = Golden.folder().toRealPath().resolveSibling("docs");
        String index = Files.readString(docs.resolve("README.md"));
        assertThat(markdown(docs)).allSatisfy(page -> {
            String name = page.getFileName().toString();
            assertThat(name.equals("README.md") || index.contains("](" + name + ")"))
                    .as("docs/README.md names %s", name)
                    .isTrue();
        });
    }

    @Test
    void findsBrokenOnes() throws IOException {
        Files.writeString(
                folder.resolve("a.md"),
                "# One (and) two\n[a](b.md) [b](#one-and-two)\n```\n[in code](no.md)\n```\n[c](c.md) [d](#one) [e](b.md#x)");
        Files.writeString(folder.resolve("b.md"), "text");
        assertThat(Links.broken(List.of(folder.resolve("a.md"))))
                .extracting(fault -> fault.substring(fault.lastIndexOf(' ') + 1))
                .containsExactly("c.md", "#one", "b.md#x");
    }

    private static List<Path> markdown(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".md"))
                    .sorted()
                    .toList();
        }
    }
}
