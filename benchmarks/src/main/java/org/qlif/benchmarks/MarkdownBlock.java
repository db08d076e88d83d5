// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.qlif.io.OutputFile;

/** The part of a Markdown file between two marker lines, which a comparison writes. */
final class MarkdownBlock {
    private final String begin;
    private final String end;

    /** The block called {@code name}. */
    MarkdownBlock(String name) {
        begin = "<!-- " + name + ":begin -->";
        end = "<!-- " + name + ":end -->";
    }

    /** The marker before it. */
    String begin() {
        return begin;
    }

    /** The marker after it. */
    String end() {
        return end;
    }

    /** Throws unless {@code file} has the markers and can be written; called before a long run whose result goes there. */
    OutputFile prepare(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(file.toString(), null, "no such file");
        }
        replace(Files.readString(file), "", file.toString());
        return OutputFile.prepare("into", file);
    }

    /** Puts {@code content} between the markers of {@code file}. */
    void write(OutputFile file, String content) throws IOException {
        file.write(
                replace(Files.readString(file.path()), content, file.toString()).getBytes(StandardCharsets.UTF_8));
    }

    /** {@code text} with {@code content} between its markers. */
    String replace(String text, String content, String name) {
        int first = text.indexOf(begin);
        int last = text.indexOf(end);
        if (first < 0 || last < first || text.indexOf(begin, first + 1) >= 0 || text.indexOf(end, last + 1) >= 0) {
            throw new IllegalArgumentException(
                    name + ": expected one '" + begin + "' and after it one '" + end + "', to put the result between");
        }
        return text.substring(0, first + begin.length()) + "\n" + content.strip() + "\n" + text.substring(last);
    }
}
