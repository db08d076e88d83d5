package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.lang.module.FindException;
import java.lang.module.ModuleFinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The choice of a device under JVM options that can't be changed in this JVM. */
class ForkedJvmTest {
    private static final List<String> VECTORS = List.of("--add-modules", "jdk.incubator.vector");

    @TempDir
    private Path folder;

    private record Output(List<String> out, List<String> err) {
        /** What came of the {@code index}-th device. */
        String line(int index) {
            assertThat(out).as("output; errors: %s", err).hasSizeGreaterThan(index);
            return out.get(index).replaceFirst(".* -> ", "");
        }

        /** The messages of System.Logger at INFO, which the JVM's own console handler starts with the level. */
        List<String> infos() {
            return err.stream().filter(line -> line.startsWith("INFO")).toList();
        }
    }

    @Test
    void fallsBackWithoutTheIncubatorModuleAndSaysSoOnce() throws Exception {
        Output output = onClassPath(List.of(), "cpu", "auto", "cpu");
        assertThat(output.line(0)).startsWith("cpu:scalar |");
        assertThat(output.line(1)).startsWith("cpu:scalar |");
        assertThat(output.line(2)).startsWith("cpu:scalar |");
        assertThat(output.infos())
                .singleElement()
                .asString()
                .contains("cpu:scalar")
                .contains("--add-modules jdk.incubator.vector");
    }

    @Test
    void refusesTheVectorBackendWithoutTheIncubatorModule() throws Exception {
        Output output = onClassPath(List.of(), "cpu:simd", "cpu:scalar");
        assertThat(output.line(0))
                .startsWith("DeviceUnavailableException |")
                .contains("cpu:simd")
                .contains("--add-modules jdk.incubator.vector");
        assertThat(output.line(1)).startsWith("cpu:scalar |");
        assertThat(output.infos()).as("nothing fell back").isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"tpu", "cpu:avx", "simd"})
    void refusesUnknownDevices(String device) throws Exception {
        Output output = onClassPath(List.of(), device);
        assertThat(output.line(0))
                .startsWith("IllegalArgumentException |")
                .contains(device)
                .contains("cpu:scalar")
                .contains("cpu:simd");
    }

    @Test
    void takesTheVectorBackendWhereItCanRun() throws Exception {
        Output output = onClassPath(VECTORS, "cpu", "auto", "cpu:simd", "cpu:scalar");
        assertThat(output.line(0)).startsWith("cpu:simd |");
        assertThat(output.line(1)).startsWith("cpu:simd |");
        assertThat(output.line(2)).startsWith("cpu:simd |").containsPattern("\\d+-bit");
        assertThat(output.line(3)).startsWith("cpu:scalar |");
        assertThat(output.infos()).isEmpty();
    }

    @Test
    void turnsTheVectorBackendOff() throws Exception {
        Output output = onClassPath(with(VECTORS, "-Dqlif.simd=off"), "cpu", "cpu:simd", "cpu");
        assertThat(output.line(0)).startsWith("cpu:scalar |");
        assertThat(output.line(1)).startsWith("DeviceUnavailableException |").contains("qlif.simd");
        assertThat(output.line(2)).startsWith("cpu:scalar |");
        assertThat(output.infos()).singleElement().asString().contains("qlif.simd");
    }

    @Test
    void leavesTheVectorBackendToTheJvm() throws Exception {
        assertThat(onClassPath(with(VECTORS, "-Dqlif.simd=auto"), "cpu").line(0))
                .startsWith("cpu:simd |");
        assertThat(onClassPath(List.of("-Dqlif.simd=auto"), "cpu").line(0))
                .as("a setting can lower what there is, never raise it")
                .startsWith("cpu:scalar |");
    }

    @ParameterizedTest
    @ValueSource(strings = {"on", "OFF", ""})
    void refusesOtherSettings(String value) throws Exception {
        Output output = onClassPath(with(VECTORS, "-Dqlif.simd=" + value), "cpu", "cpu");
        for (int i = 0; i < 2; i++) {
            assertThat(output.line(i))
                    .startsWith("IllegalArgumentException |")
                    .contains("qlif.simd")
                    .contains("'" + value + "'")
                    .contains("auto")
                    .contains("off");
        }
    }

    /** On the module path a backend's own {@code requires} brings the incubator module along. */
    @Test
    void runsOnTheModulePath() throws Exception {
        Output output = onModulePath(_ -> true, "cpu", "cpu:scalar", goldenCase());
        assertThat(output.line(0)).startsWith("cpu:simd |");
        assertThat(output.line(1)).startsWith("cpu:scalar |");
        assertThat(output.line(2)).startsWith("PASSED rng-philox-000");
        assertThat(output.infos()).isEmpty();
    }

    @Test
    void runsOnTheModulePathWithTheScalarBackendAlone() throws Exception {
        Output output = onModulePath(name -> !name.equals("org.qlif.simd"), "auto", "cpu:simd", goldenCase());
        assertThat(output.line(0)).startsWith("cpu:scalar |");
        assertThat(output.line(1)).startsWith("IllegalArgumentException |");
        assertThat(output.line(2)).startsWith("PASSED rng-philox-000");
        assertThat(output.infos()).as("there is nothing better to miss").isEmpty();
    }

    private static String goldenCase() {
        return Golden.folder().resolve("rng-philox-000.safetensors").toString();
    }

    private static List<String> with(List<String> options, String option) {
        List<String> all = new ArrayList<>(options);
        all.add(option);
        return all;
    }

    private Output onClassPath(List<String> options, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), ForkedMain.class.getName()));
        return run(command, arguments);
    }

    /** This module, patched with its tests, and the modules it can find whose names {@code present} accepts. */
    private Output onModulePath(Predicate<String> present, String... arguments) throws Exception {
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
        return run(
                List.of(
                        "-p",
                        modules,
                        "--patch-module",
                        module + "=" + tests,
                        "-m",
                        module + "/" + ForkedMain.class.getName()),
                arguments);
    }

    private static Stream<String> moduleNames(String entry) {
        try {
            return ModuleFinder.of(Path.of(entry)).findAll().stream()
                    .map(reference -> reference.descriptor().name());
        } catch (FindException noModule) {
            return Stream.empty();
        }
    }

    private Output run(List<String> options, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Levels of log messages are in the language of the locale.
        command.addAll(List.of("-Duser.language=en", "-Duser.country=US", "-Xmx256m"));
        command.addAll(options);
        command.addAll(List.of(arguments));
        Path out = folder.resolve("out");
        Path err = folder.resolve("err");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
        // Options that the caller's environment adds to every JVM would not be those that the test names.
        builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"));
        Process process = builder.start();
        boolean ended = process.waitFor(60, TimeUnit.SECONDS);
        if (!ended) {
            process.destroyForcibly();
        }
        List<String> errors = Files.readAllLines(err);
        assertThat(ended).as("ended within a minute; errors: %s", errors).isTrue();
        assertThat(process.exitValue())
                .as("exit code; errors: %s, output: %s", errors, Files.readAllLines(out))
                .isZero();
        return new Output(Files.readAllLines(out), errors);
    }
}
