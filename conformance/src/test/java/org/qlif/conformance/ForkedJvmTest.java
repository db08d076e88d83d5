package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import org.qlif.DeviceInfo;
import org.qlif.Devices;

/** The choice of a device under JVM options that can't be changed in this JVM. */
class ForkedJvmTest {
    private static final List<String> NATIVE = List.of("--enable-native-access=ALL-UNNAMED");
    /** The modules of the native backend, its library's jar among them: left out where the choice must not depend on a GPU. */
    private static final String GPU = "org.qlif.gpu";

    private static final String LIBRARY = "org.qlif.gpu.linux_x86_64";
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
        Output output = onModulePath(List.of(), name -> !name.startsWith(GPU), "cpu", "cpu:scalar", goldenCase());
        assertThat(output.line(0)).startsWith("cpu:simd |");
        assertThat(output.line(1)).startsWith("cpu:scalar |");
        assertThat(output.line(2)).startsWith("PASSED rng-philox-000");
        assertThat(output.infos()).isEmpty();
    }

    @Test
    void runsOnTheModulePathWithTheScalarBackendAlone() throws Exception {
        Output output = onModulePath(
                List.of(),
                name -> !name.equals("org.qlif.simd") && !name.startsWith(GPU),
                "auto",
                "cpu:simd",
                goldenCase());
        assertThat(output.line(0)).startsWith("cpu:scalar |");
        assertThat(output.line(1)).startsWith("IllegalArgumentException |");
        assertThat(output.line(2)).startsWith("PASSED rng-philox-000");
        assertThat(output.infos()).as("there is nothing better to miss").isEmpty();
    }

    /** The library comes out of its jar, on both paths, and the flag that the JVM asks for is the only one. */
    @Test
    void runsTheNativeLibrary() throws Exception {
        assumeHost();
        Output classPath = withNative(NATIVE, _ -> true, "host", "cpu:scalar");
        assertThat(classPath.line(0)).startsWith("host |").contains("thread");
        assertThat(classPath.line(1)).startsWith("cpu:scalar |");
        assertThat(classPath.err()).isEmpty();
        Output modulePath = onModulePath(List.of("--enable-native-access=" + GPU), _ -> true, "host", "cpu:scalar");
        assertThat(modulePath.line(0)).startsWith("host |").contains("thread");
        assertThat(modulePath.err()).noneMatch(line -> line.contains("restricted"));
        assertThat(withNative(List.of(), _ -> true, "host").err())
                .as("without the flag, the JVM's own warning")
                .anyMatch(line -> line.contains("--enable-native-access"));
    }

    /** Nothing native is loaded, so that the JVM has nothing to warn of. */
    @Test
    void startsNothingNativeForACpuByName() throws Exception {
        Output output = withNative(List.of(), _ -> true, "cpu:scalar", "cpu:scalar");
        assertThat(output.line(0)).startsWith("cpu:scalar |");
        assertThat(output.err()).isEmpty();
        assertThat(withNative(NATIVE, _ -> true, "cpu:avx").line(0))
                .as("an unknown name is answered with all there are")
                .startsWith("IllegalArgumentException |")
                .contains("cuda:0", "host");
    }

    @Test
    void saysWhatIsMissingWithoutTheLibrary() throws Exception {
        Predicate<String> present = name -> !name.equals(LIBRARY);
        for (Output output : List.of(
                withNative(NATIVE, present, "host", "cuda:0", "cuda:7", "cpu:scalar"),
                onModulePath(
                        List.of("--enable-native-access=" + GPU), present, "host", "cuda:0", "cuda:7", "cpu:scalar"))) {
            for (int i = 0; i < 3; i++) {
                assertThat(output.line(i))
                        .startsWith("DeviceUnavailableException |")
                        .contains("qlif-gpu", "classifier", "-Dqlif.library");
            }
            assertThat(output.line(3)).startsWith("cpu:scalar |");
        }
    }

    @Test
    void saysWhatIsWrongWithTheLibraryThatWasNamed() throws Exception {
        assertThat(library("/nowhere/libqlif.so")).contains("qlif.library", "/nowhere/libqlif.so");
        Path text = Files.writeString(folder.resolve("text.so"), "no library");
        assertThat(library(text.toString())).contains(text.toString(), "can't be loaded");
        Path foreign = Path.of(System.getProperty("java.home"), "lib", "libattach.so");
        assertThat(library(foreign.toString())).contains(foreign.toString(), "qlif_abi_version");
    }

    /** A library of another release, as far as it says so itself. */
    @Test
    void refusesALibraryOfAnotherVersion() throws Exception {
        Path source =
                Files.writeString(folder.resolve("other.c"), "unsigned int qlif_abi_version(void) { return 4711; }\n");
        Path other = folder.resolve("other.so");
        Process compiler = null;
        try {
            compiler = new ProcessBuilder("cc", "-shared", "-fPIC", "-o", other.toString(), source.toString())
                    .inheritIO()
                    .start();
        } catch (IOException none) {
            assumeTrue(false, "there is no C compiler: " + none.getMessage());
        }
        assertThat(compiler.waitFor()).isZero();
        assertThat(library(other.toString())).contains("4711", "one release");
    }

    /** What opening {@code host} says if {@code library} is named, and that the CPU does not mind. */
    private String library(String library) throws Exception {
        Output output = withNative(with(NATIVE, "-Dqlif.library=" + library), _ -> true, "host", "host", "cpu:scalar");
        assertThat(output.line(0)).startsWith("DeviceUnavailableException |").isEqualTo(output.line(1));
        assertThat(output.line(2)).startsWith("cpu:scalar |");
        return output.line(0);
    }

    @Test
    void refusesNativeAccessThatTheJvmDenies() throws Exception {
        assumeHost();
        Output output = withNative(List.of("--illegal-native-access=deny"), _ -> true, "host", "cuda:0", "cpu:scalar");
        assertThat(output.line(0)).startsWith("DeviceUnavailableException |").contains("--enable-native-access");
        assertThat(output.line(1)).startsWith("DeviceUnavailableException |").contains("--enable-native-access");
        assertThat(output.line(2)).startsWith("cpu:scalar |");
    }

    /** A GPU that is not there is no reason to speak up, one that is asked for by name is. */
    @Test
    void passesOverAMissingGpuInSilence() throws Exception {
        Output output = withNative(
                with(with(VECTORS, NATIVE.getFirst()), "-Dqlif.cuda=off"),
                _ -> true,
                "auto",
                "cuda:0",
                "cuda:1",
                "cuda");
        assertThat(output.line(0)).startsWith("cpu:simd |");
        assertThat(output.infos()).isEmpty();
        for (int i = 1; i < 4; i++) {
            assertThat(output.line(i))
                    .startsWith("DeviceUnavailableException |")
                    .contains("qlif.cuda");
        }
    }

    @Test
    void refusesOtherSettingsOfTheGpus() throws Exception {
        Output output = withNative(with(NATIVE, "-Dqlif.cuda=on"), _ -> true, "cuda:0", "cpu:scalar");
        assertThat(output.line(0))
                .startsWith("IllegalArgumentException |")
                .contains("qlif.cuda", "'on'", "auto", "off");
        assertThat(output.line(1)).startsWith("cpu:scalar |");
    }

    /** The kernels and tapes of {@code host} come from outside the Java heap. */
    @Test
    void closesWhatItOpens() throws Exception {
        assumeHost();
        int cycles = Integer.getInteger("qlif.test.cycles", 10_000);
        List<String> command = new ArrayList<>(NATIVE);
        command.addAll(List.of("-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-cp", classPath(_ -> true)));
        command.add(ForkedCycles.class.getName());
        Output output = run(command, Integer.toString(cycles));
        // A kernel or tape that stayed would show as 100 KiB or more each; the JVM's own code and tables grow a little.
        assertThat(Long.parseLong(output.line(0)))
                .as("KiB after " + cycles + " cycles")
                .isLessThan(48 << 10);
    }

    private static void assumeHost() {
        DeviceInfo host = Devices.list().stream()
                .filter(info -> info.device().text().equals("host"))
                .findFirst()
                .orElseThrow();
        assumeTrue(host.available(), () -> "host can't run here: " + host.obstacles());
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
        return withNative(options, name -> !name.startsWith(GPU), arguments);
    }

    /** On this JVM's class path, without the jars whose module names {@code present} refuses. */
    private Output withNative(List<String> options, Predicate<String> present, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(options);
        command.addAll(List.of("-cp", classPath(present), ForkedMain.class.getName()));
        return run(command, arguments);
    }

    private static String classPath(Predicate<String> present) {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> moduleNames(entry).allMatch(present))
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** This module, patched with its tests, and the modules it can find whose names {@code present} accepts. */
    private Output onModulePath(List<String> options, Predicate<String> present, String... arguments) throws Exception {
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
