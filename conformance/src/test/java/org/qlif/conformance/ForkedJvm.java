// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.lang.module.FindException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.DeviceInfo;
import org.qlif.Devices;

/** For tests of what depends on a JVM's options, paths and environment: runs {@link ForkedMain} and the like in JVMs of their own. */
abstract class ForkedJvm {
    static final List<String> NATIVE = List.of("--enable-native-access=ALL-UNNAMED");
    /** The modules of the native backend, its library's jar among them: left out where the choice must not depend on a GPU. */
    static final String GPU = "org.qlif.gpu";

    /** As the native library's jar names it. */
    static final String ARCHITECTURE = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";

    static final String LIBRARY = "org.qlif.gpu.linux_" + ARCHITECTURE;
    static final List<String> VECTORS = List.of("--add-modules", "jdk.incubator.vector");

    @TempDir
    Path folder;

    /** Variables that a forked JVM gets beside those of this one. */
    final Map<String, String> environment = new HashMap<>();

    /** Where a forked JVM runs. */
    Path directory = Path.of("");

    record Output(List<String> out, List<String> err) {
        /** What came of the {@code index}-th device. */
        String line(int index) {
            assertThat(out).as("output; errors: %s", err).hasSizeGreaterThan(index);
            return out.get(index).replaceFirst(".* -> ", "");
        }

        /** The messages of System.Logger at INFO, which the JVM's own console handler starts with the level. */
        List<String> infos() {
            return err.stream().filter(line -> line.startsWith("INFO")).toList();
        }

        /** What was said of devices that a choice passed over. */
        List<String> passedOver() {
            return infos().stream().filter(line -> line.contains("passed over")).toList();
        }

        /** Those at WARNING: the JVM has its own, which speak of no device. */
        List<String> warnings() {
            return err.stream()
                    .filter(line -> line.startsWith("WARNING") && line.contains("device"))
                    .toList();
        }
    }

    static void assumeNative() {
        DeviceInfo library = Devices.list().stream()
                .filter(info -> info.device().text().equals("cpu:native"))
                .findFirst()
                .orElseThrow();
        assumeTrue(library.available(), () -> "cpu:native can't run here: " + library.obstacles());
    }

    static String goldenCase() {
        return Golden.folder().resolve("rng-philox-000.safetensors").toString();
    }

    static List<String> with(List<String> options, String option) {
        List<String> all = new ArrayList<>(options);
        all.add(option);
        return all;
    }

    Output onClassPath(List<String> options, String... arguments) throws Exception {
        return withNative(options, name -> !name.startsWith(GPU), arguments);
    }

    /** On this JVM's class path, without the jars whose module names {@code present} refuses. */
    Output withNative(List<String> options, Predicate<String> present, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(options);
        command.addAll(List.of("-cp", classPath(present), ForkedMain.class.getName()));
        return run(command, arguments);
    }

    static String classPath(Predicate<String> present) {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> moduleNames(entry).allMatch(present))
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** This module, patched with its tests, and the modules it can find whose names {@code present} accepts. */
    Output onModulePath(List<String> options, Predicate<String> present, String... arguments) throws Exception {
        String modules = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> moduleNames(entry)
                        .anyMatch(name ->
                                present.test(name) && (name.startsWith("org.qlif") || name.equals("com.google.gson"))))
                .collect(Collectors.joining(File.pathSeparator));
        Path tests = Path.of(ForkedMain.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        String module = "org.qlif.conformance";
        List<String> command = new ArrayList<>(options);
        command.addAll(List.of("-p", modules, "--patch-module", module + "=" + tests));
        command.addAll(List.of("-m", module + "/" + ForkedMain.class.getName()));
        return run(command, arguments);
    }

    private static Stream<String> moduleNames(String entry) {
        return modules(entry).map(ModuleDescriptor::name);
    }

    /** The module in an entry of a class path, if there is one. */
    static Stream<ModuleDescriptor> modules(String entry) {
        try {
            return ModuleFinder.of(Path.of(entry)).findAll().stream().map(ModuleReference::descriptor);
        } catch (FindException noModule) {
            return Stream.empty();
        }
    }

    Output run(List<String> options, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Levels of log messages are in the language of the locale.
        command.addAll(List.of("-Duser.language=en", "-Duser.country=US", "-Xmx256m"));
        command.addAll(options);
        command.addAll(List.of(arguments));
        Path out = folder.resolve("out");
        Path err = folder.resolve("err");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(directory.toAbsolutePath().toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        // Options that the caller's environment adds to every JVM would not be those that the test names.
        builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"));
        builder.environment().putAll(environment);
        Process process = builder.start();
        boolean ended = process.waitFor(5, TimeUnit.MINUTES);
        if (!ended) {
            process.destroyForcibly();
        }
        List<String> errors = Files.readAllLines(err);
        assertThat(ended).as("ended within five minutes; errors: %s", errors).isTrue();
        assertThat(process.exitValue())
                .as("exit code; errors: %s, output: %s", errors, Files.readAllLines(out))
                .isZero();
        return new Output(Files.readAllLines(out), errors);
    }
}
