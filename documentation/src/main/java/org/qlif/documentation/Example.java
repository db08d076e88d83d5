// SPDX-License-Identifier: Apache-2.0
package org.qlif.documentation;

import com.sun.source.util.JavacTask;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/**
 * A piece of Java in the documentation, which must compile. It becomes the body of a method, in a subclass of a class that declares the
 * variables that examples use; its {@code import} lines are moved to the top.
 *
 * @param file its file
 * @param line the number of its first line in the file
 * @param lines the piece
 */
public record Example(Path file, int line, List<String> lines) {
    /** The lines of {@link #source} before the example's first. */
    private static final int HEADER = 2;

    /** Blocks in comments that use another form than the required one. */
    private static final Pattern OTHER_BLOCK = Pattern.compile("\\{@snippet|<pre>(?!\\{@code\n)");

    /** The Java blocks between fences in a file of Markdown. */
    public static List<Example> inMarkdown(Path file) throws IOException {
        return between(file, "```java", "```");
    }

    /**
     * The blocks in the comments of all Java files in a folder, without the comments' margin.
     *
     * @throws IllegalArgumentException if a block is shown in another way than {@literal <pre>{@code}}, and so would be passed over
     */
    public static List<Example> inJavadoc(Path folder) throws IOException {
        List<Example> examples = new ArrayList<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".java"))
                    .sorted()
                    .toList()) {
                if (OTHER_BLOCK.matcher(Files.readString(file)).find()) {
                    throw new IllegalArgumentException(
                            file + ": expected <pre>{@code at the end of a line before each block");
                }
                for (Example example : between(file, "<pre>{@code", "}</pre>")) {
                    examples.add(new Example(
                            file,
                            example.line,
                            example.lines.stream()
                                    .map(line -> line.replaceFirst("^ *\\* ?", ""))
                                    .toList()));
                }
            }
        }
        return examples;
    }

    /** The blocks between a line that ends with {@code begin} and the next one that ends with {@code end}. */
    private static List<Example> between(Path file, String begin, String end) throws IOException {
        List<Example> examples = new ArrayList<>();
        List<String> lines = Files.readAllLines(file);
        for (int first = 0; first < lines.size(); first++) {
            if (lines.get(first).endsWith(begin)) {
                int last = first + 1;
                while (!lines.get(last).endsWith(end)) {
                    last++;
                }
                examples.add(new Example(file, first + 2, lines.subList(first + 1, last)));
                first = last;
            }
        }
        return examples;
    }

    /**
     * The mistakes in the examples, with their places: none if all compile.
     *
     * @param imports the imports that examples may omit, on one line
     * @param variables the name of the class that declares the variables
     */
    public static List<String> faults(List<Example> examples, String imports, String variables) {
        List<JavaFileObject> sources = new ArrayList<>();
        for (Example example : examples) {
            sources.add(example.source("Example" + sources.size(), imports, variables));
        }
        DiagnosticCollector<JavaFileObject> diagnostics = new DiagnosticCollector<>();
        JavacTask task = (JavacTask) ToolProvider.getSystemJavaCompiler()
                .getTask(null, null, diagnostics, List.of("-proc:none", "-implicit:none"), null, sources);
        try {
            task.analyze();
        } catch (IOException impossible) {
            throw new UncheckedIOException("the sources are in memory", impossible);
        }
        return diagnostics.getDiagnostics().stream()
                .filter(diagnostic -> diagnostic.getKind() == Diagnostic.Kind.ERROR)
                .map(diagnostic ->
                        examples.get(sources.indexOf(diagnostic.getSource())).fault(diagnostic))
                .toList();
    }

    private JavaFileObject source(String name, String imports, String variables) {
        String own = lines.stream().filter(Example::isImport).collect(Collectors.joining());
        String body =
                lines.stream().map(line -> isImport(line) ? "" : line).collect(Collectors.joining("\n", "", "\n"));
        String source = imports + " " + own + "\n"
                + "class " + name
                + " extends " + variables + " { void run() throws Exception {\n"
                + body + "}}\n";
        return new SimpleJavaFileObject(URI.create("string:///" + name + ".java"), JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                return source;
            }
        };
    }

    private static boolean isImport(String line) {
        return line.startsWith("import ");
    }

    private String fault(Diagnostic<?> diagnostic) {
        long at = Math.clamp(diagnostic.getLineNumber() - HEADER, 1, lines.size());
        return file + ":" + (line + at - 1) + ": " + diagnostic.getMessage(Locale.ROOT);
    }
}
