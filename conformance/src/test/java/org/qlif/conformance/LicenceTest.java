// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every source file names its licence in its first line, or in the second if the first names an interpreter. */
class LicenceTest {
    private static final String LICENCE = "SPDX-License-Identifier: Apache-2.0";
    private static final Set<String> SOURCES =
            Set.of("java", "c", "cpp", "cu", "h", "map", "py", "sh", "cmake", "toml", "js", "css");

    @TempDir
    private Path folder;

    @Test
    void standsInEverySource() throws IOException {
        Path root = Golden.folder().toRealPath().getParent();
        List<Path> sources = sources(root);
        assertThat(sources)
                .contains(
                        root.resolve("build"),
                        root.resolve("gpu/build-library"),
                        root.resolve("native/include/qlif.h"),
                        root.resolve("python/src/qlif/__init__.py"));
        assertThat(sources).allSatisfy(file -> assertThat(head(file)).contains(LICENCE));
    }

    @Test
    void isMissedWhereItIsMissing() throws IOException {
        Path program = Files.writeString(folder.resolve("program"), "#!/bin/sh\n# " + LICENCE + "\n");
        Path late = Files.writeString(folder.resolve("late.c"), "int x;\n/* " + LICENCE + " */\n");
        Files.writeString(folder.resolve("text.md"), "text");
        assertThat(sources(folder)).containsExactlyInAnyOrder(program, late);
        assertThat(head(program)).contains(LICENCE);
        assertThat(head(late)).doesNotContain(LICENCE);
    }

    /** What people wrote here: no build output, no virtual environment, no folder of a tool's own. */
    private static List<Path> sources(Path root) throws IOException {
        List<Path> sources = new ArrayList<>();
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path place, BasicFileAttributes attributes) {
                String name = place.getFileName().toString();
                boolean others = name.equals("target")
                        || name.startsWith(".") && !name.equals(".ci")
                        || place.equals(root.resolve("out"))
                        || place.equals(root.resolve("python/native"))
                        || Files.exists(place.resolve("pyvenv.cfg"));
                return others && !place.equals(root) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                String name = file.getFileName().toString();
                String extension = name.substring(name.lastIndexOf('.') + 1);
                if (attributes.isRegularFile()
                        && (SOURCES.contains(extension)
                                || name.equals("CMakeLists.txt")
                                || name.indexOf('.') < 0 && firstLines(file).startsWith("#!"))) {
                    sources.add(file);
                }
                return FileVisitResult.CONTINUE;
            }
        });
        return sources;
    }

    /** The line that should name the licence. */
    private static String head(Path file) throws IOException {
        String[] lines = firstLines(file).split("\n", 3);
        return lines[0].startsWith("#!") ? lines[1] : lines[0];
    }

    private static String firstLines(Path file) throws IOException {
        try (var in = Files.newInputStream(file)) {
            return new String(in.readNBytes(200), StandardCharsets.ISO_8859_1);
        }
    }
}
