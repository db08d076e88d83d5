package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.source.util.JavacTask;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;

/**
 * The examples of the README and of the Javadoc compile. Each becomes the body of a method in a subclass of {@link ExampleVariables},
 * which declares the variables that examples assume; its lines that start with {@code import} go where they belong.
 */
class ExamplesTest {
    private static final List<String> DOCUMENTED = List.of("java-api", "gpu", "network", "simulation", "conformance");

    /** An example as it stands in a file, whose first line is {@code line}. */
    private record Example(Path file, int line, List<String> lines) {
        /** The lines of {@link #source} before the example's first. */
        private static final int HEADER = 2;

        private static final String IMPORTS =
                "import java.lang.foreign.*; import java.nio.file.*; import java.time.*; import java.util.*;"
                        + " import org.qlif.*; import org.qlif.conformance.*; import org.qlif.gpu.*;"
                        + " import org.qlif.network.*; import org.qlif.simulation.*; ";

        JavaFileObject source(String name) {
            String imports = lines.stream().filter(Example::isImport).collect(Collectors.joining());
            String body =
                    lines.stream().map(line -> isImport(line) ? "" : line).collect(Collectors.joining("\n", "", "\n"));
            String source = IMPORTS + imports + "\n"
                    + "class " + name
                    + " extends ExampleVariables { void run() throws Exception {\n"
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

        String fault(Diagnostic<?> diagnostic) {
            long at = Math.clamp(diagnostic.getLineNumber() - HEADER, 1, lines.size());
            return file + ":" + (line + at - 1) + ": " + diagnostic.getMessage(Locale.ROOT);
        }
    }

    @Test
    void compile() throws IOException {
        Path root = Golden.folder().toRealPath().getParent();
        List<Example> examples = new ArrayList<>(inMarkdown(root.resolve("README.md")));
        assertThat(examples).as("examples of the README").isNotEmpty();
        for (String module : DOCUMENTED) {
            try (Stream<Path> files = Files.walk(root.resolve(module).resolve("src/main/java"))) {
                for (Path file : files.filter(path -> path.toString().endsWith(".java"))
                        .sorted()
                        .toList()) {
                    examples.addAll(inJavadoc(file));
                }
            }
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

    /** The Java blocks between fences. */
    private static List<Example> inMarkdown(Path file) throws IOException {
        return between(file, "```java", "```");
    }

    /** The blocks in comments, without the comments' margin. What is shown as a block in another way would be passed over: it is refused. */
    private static List<Example> inJavadoc(Path file) throws IOException {
        assertThat(file).content().doesNotContain("{@snippet").doesNotContainPattern("<pre>(?!\\{@code\n)");
        return between(file, "<pre>{@code", "}</pre>").stream()
                .map(example -> new Example(
                        example.file,
                        example.line,
                        example.lines.stream()
                                .map(line -> line.replaceFirst("^ *\\* ?", ""))
                                .toList()))
                .toList();
    }

    /** What is between lines that end with {@code begin} and the next that end with {@code end}. */
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

    private static List<String> faults(List<Example> examples) {
        List<JavaFileObject> sources = new ArrayList<>();
        for (Example example : examples) {
            sources.add(example.source("Example" + sources.size()));
        }
        DiagnosticCollector<JavaFileObject> diagnostics = new DiagnosticCollector<>();
        JavacTask task = (JavacTask) ToolProvider.getSystemJavaCompiler()
                .getTask(null, null, diagnostics, List.of("-proc:none", "-implicit:none"), null, sources);
        try {
            task.analyze();
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
        return diagnostics.getDiagnostics().stream()
                .filter(diagnostic -> diagnostic.getKind() == Diagnostic.Kind.ERROR)
                .map(diagnostic ->
                        examples.get(sources.indexOf(diagnostic.getSource())).fault(diagnostic))
                .toList();
    }
}
