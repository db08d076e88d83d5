// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Compiles a C contender for this processor, and loads it. The compiler is {@code gcc}, or the value of {@code CC}. */
final class CLibrary {
    private static final List<String> OPTIMISE = List.of("-O3", "-march=native", "-ffast-math", "-fopenmp");

    private CLibrary() {}

    /** Why there is no compiler, if there is none. */
    static Optional<String> obstacle() {
        try {
            execute(List.of(compiler(), "--version"));
            return Optional.empty();
        } catch (UncheckedIOException | IllegalStateException failure) {
            return Optional.of("no C compiler, install gcc or set CC to a compiler that takes its options; "
                    + failure.getMessage());
        }
    }

    /** The compiler and its optimization options, in words. */
    static String description() {
        String version = execute(List.of(compiler(), "--version"));
        return version.lines().findFirst().orElse(compiler()) + ", " + String.join(" ", optimise());
    }

    /** The library of {@code sourceName}, compiled with these macros defined. It stays loaded until the JVM ends. */
    @SuppressWarnings("restricted")
    static SymbolLookup load(String sourceName, List<String> macros) {
        try {
            Path folder = Files.createTempDirectory("qlif-contender");
            try {
                Path source = folder.resolve(sourceName);
                try (InputStream resource = CLibrary.class.getResourceAsStream(sourceName)) {
                    Files.copy(resource, source);
                }
                Path object = folder.resolve("contender.o");
                Path library = folder.resolve(System.mapLibraryName("contender"));
                List<String> compile = new ArrayList<>(List.of(compiler(), "-std=gnu17", "-fPIC"));
                compile.addAll(optimise());
                macros.forEach(macro -> compile.add("-D" + macro));
                compile.addAll(List.of("-c", source.toString(), "-o", object.toString()));
                execute(compile);
                // Without -ffast-math, which here would turn off denormal numbers in the thread that loads the library.
                execute(List.of(compiler(), "-shared", "-fopenmp", object.toString(), "-lm", "-o", library.toString()));
                return SymbolLookup.libraryLookup(library, Arena.global());
            } finally {
                delete(folder);
            }
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static List<String> optimise() {
        List<String> options = new ArrayList<>(OPTIMISE);
        if (System.getProperty("os.arch").equals("amd64")) {
            // gcc's tuning for some processors uses only 256 bits of 512, which would be slower here.
            options.add("-mprefer-vector-width=512");
        }
        return options;
    }

    private static String compiler() {
        String chosen = System.getenv("CC");
        return chosen == null || chosen.isBlank() ? "gcc" : chosen;
    }

    /** Runs a command and returns its output. */
    private static String execute(List<String> command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int status = process.waitFor();
            if (status != 0) {
                throw new IllegalStateException(
                        String.join(" ", command) + ": exit status " + status + ", expected 0\n" + output);
            }
            return output;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure.getMessage(), failure);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while compiling", interrupted);
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }
}
