package org.qlif.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.qlif.training.OutputFile;

/** The part of a Markdown file between two marker lines, which a comparison writes. */
final class ReadmeBlock {
    static final String BEGIN = "<!-- performance:begin -->";
    static final String END = "<!-- performance:end -->";

    private ReadmeBlock() {}

    /** Throws unless {@code file} has the markers and can be written: asked before a long run whose result is to go there. */
    static OutputFile prepare(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(file.toString(), null, "no such file");
        }
        replace(Files.readString(file), "", file.toString());
        return OutputFile.prepare("readme", file);
    }

    /** Puts {@code content} between the markers of {@code file}. */
    static void write(OutputFile file, String content) throws IOException {
        file.write(
                replace(Files.readString(file.path()), content, file.toString()).getBytes(StandardCharsets.UTF_8));
    }

    /** {@code text} with {@code content} between its markers. */
    static String replace(String text, String content, String name) {
        int begin = text.indexOf(BEGIN);
        int end = text.indexOf(END);
        if (begin < 0 || end < begin || text.indexOf(BEGIN, begin + 1) >= 0 || text.indexOf(END, end + 1) >= 0) {
            throw new IllegalArgumentException(
                    name + ": expected one '" + BEGIN + "' and after it one '" + END + "', to put the result between");
        }
        return text.substring(0, begin + BEGIN.length()) + "\n" + content.strip() + "\n" + text.substring(end);
    }
}
