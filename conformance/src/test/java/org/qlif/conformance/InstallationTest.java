// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Backends that are missing, unregistered, there twice or broken: what is listed, chosen and said. */
class InstallationTest extends ForkedJvm {
    private static final String SERVICES = "META-INF/services/org.qlif.spi.Backend";

    /** All that is on this JVM's class path in one jar, with the first file of each name, as if nobody had told to merge them. */
    private Path fatJar(Predicate<String> taken, String registered) throws IOException {
        Path jar = folder.resolve("fat.jar");
        Set<String> names = new LinkedHashSet<>();
        try (OutputStream file = Files.newOutputStream(jar);
                ZipOutputStream out = new ZipOutputStream(file)) {
            if (registered != null) {
                names.add(SERVICES);
                out.putNextEntry(new ZipEntry(SERVICES));
                out.write(registered.getBytes());
            }
            for (String entry : classPath(_ -> true).split(java.io.File.pathSeparator)) {
                Path path = Path.of(entry);
                if (Files.isDirectory(path)) {
                    addAll(path, taken, names, out);
                } else if (Files.exists(path)) {
                    try (FileSystem archive = FileSystems.newFileSystem(path)) {
                        addAll(archive.getPath("/"), taken, names, out);
                    }
                }
            }
        }
        return jar;
    }

    private static void addAll(Path root, Predicate<String> taken, Set<String> names, ZipOutputStream out)
            throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                String name = root.relativize(file).toString();
                if (Files.isRegularFile(file)
                        && (name.startsWith("org/qlif/") || name.startsWith("com/google/gson/"))
                        && taken.test(name)
                        && names.add(name)) {
                    out.putNextEntry(new ZipEntry(name));
                    try (InputStream in = Files.newInputStream(file)) {
                        in.transferTo(out);
                    }
                }
            }
        }
    }

    private Output fromJar(Path jar, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(VECTORS);
        command.addAll(NATIVE);
        command.addAll(List.of("-cp", jar.toString(), ForkedMain.class.getName()));
        return run(command, arguments);
    }

    @Test
    void saysWhatAFatJarHasLost() throws Exception {
        Path jar = fatJar(_ -> true, "org.qlif.scalar.ScalarBackend\n");
        Output output = fromJar(jar, "cpu", "auto", "cpu:simd", "cpu:native", "list");
        assertThat(output.line(0)).startsWith("cpu:scalar |");
        assertThat(output.line(1)).startsWith("cpu:scalar |");
        for (int i = 2; i < 4; i++) {
            assertThat(output.line(i))
                    .startsWith("DeviceUnavailableException |")
                    .contains(SERVICES, "ServicesResourceTransformer", "mergeServiceFiles()");
        }
        assertThat(output.line(4)).contains("cpu:scalar [] |", "cpu:simd can't run [", "cuda:0 can't run [", SERVICES);
        assertThat(output.warnings())
                .singleElement()
                .asString()
                .contains("cpu:simd", "cuda:0", "cpu:native", "SimdBackend", SERVICES, "ServicesResourceTransformer");
        assertThat(output.passedOver()).isEmpty();
    }

    @Test
    void saysWhatAFatJarWithoutRegistrationsHasLost() throws Exception {
        Output output = fromJar(fatJar(_ -> true, null), "auto", "cpu", "cpu:native", "list");
        for (int i = 0; i < 3; i++) {
            assertThat(output.line(i))
                    .startsWith("DeviceUnavailableException |")
                    .contains(SERVICES);
        }
        assertThat(output.line(3)).contains("cpu:simd can't run", "cpu:scalar can't run", "cpu:native can't run");
        assertThat(output.warnings()).singleElement();
    }

    @Test
    void runsAFatJarWhoseRegistrationsWereMerged() throws Exception {
        Path jar = fatJar(
                _ -> true,
                "org.qlif.scalar.ScalarBackend\norg.qlif.simd.SimdBackend\norg.qlif.gpu.CudaBackend\norg.qlif.gpu.NativeBackend\n");
        Output output = fromJar(jar, "cpu", "cpu:scalar");
        assertThat(output.line(0)).startsWith("cpu:simd |");
        assertThat(output.warnings()).isEmpty();
        assertThat(output.passedOver()).isEmpty();
    }

    /** A fat jar beside the jars that went into it: all is registered twice, or once and there twice. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "org.qlif.scalar.ScalarBackend\n",
                "org.qlif.scalar.ScalarBackend\norg.qlif.simd.SimdBackend\norg.qlif.gpu.CudaBackend\norg.qlif.gpu.NativeBackend\n"
            })
    void listsADeviceOnce(String registered) throws Exception {
        Path jar = fatJar(_ -> true, registered);
        for (String path : List.of(
                jar + java.io.File.pathSeparator + classPath(_ -> true),
                classPath(_ -> true) + java.io.File.pathSeparator + jar)) {
            List<String> command = new ArrayList<>(VECTORS);
            command.addAll(NATIVE);
            command.addAll(List.of("-cp", path, ForkedMain.class.getName()));
            Output output = run(command, "list");
            List<String> devices = Stream.of(output.line(0).split(" \\| "))
                    .map(info -> info.replaceFirst(" .*", ""))
                    .toList();
            assertThat(devices).doesNotHaveDuplicates().contains("cpu:simd", "cpu:scalar", "cpu:native");
            assertThat(output.warnings()).isEmpty();
        }
    }

    @Test
    void saysWhatToAddWithoutAnyBackend() throws Exception {
        Predicate<String> api = name -> !name.matches("org/qlif/(simd|scalar|gpu)/.*");
        Output output = fromJar(fatJar(api, null), "auto", "cpu:simd", "cuda:0", "list");
        for (int i = 0; i < 4; i++) {
            assertThat(output.line(i))
                    .startsWith("DeviceUnavailableException |")
                    .contains("qlif-simd", "qlif-scalar");
        }
    }

    @Test
    void namesTheArtifactOfADeviceThatIsNotInstalled() throws Exception {
        Predicate<String> scalarOnly = name -> !name.startsWith(GPU) && !name.equals("org.qlif.simd");
        Output output = withNative(VECTORS, scalarOnly, "cuda:0", "cuda", "cuda:3", "cpu:native", "cpu:simd", "tpu");
        for (int i = 0; i < 4; i++) {
            assertThat(output.line(i))
                    .contains("qlif-native", "linux-" + ARCHITECTURE + "-cuda13")
                    .doesNotContain("qlif-simd");
        }
        assertThat(output.line(4)).contains("qlif-simd").doesNotContain("qlif-native");
        assertThat(output.line(5)).doesNotContain("qlif-native", "qlif-simd");
    }

    /** The name of the device that was asked for stands there once. */
    @Test
    void namesADeviceOnce() throws Exception {
        List<String> options = new ArrayList<>(NATIVE);
        options.add("-Dqlif.cuda=off");
        Output output = withNative(options, _ -> true, "cuda:0", "cpu:simd");
        assertThat(output.line(0)).containsOnlyOnce("cuda:0");
        assertThat(output.line(1)).containsOnlyOnce("cpu:simd");
    }

    private List<String> withBroken(String failure, Predicate<String> present) throws IOException {
        Path services = Files.createDirectories(folder.resolve("broken/META-INF/services"));
        Files.writeString(services.resolve("org.qlif.spi.Backend"), BrokenBackend.class.getName() + "\n");
        List<String> command = new ArrayList<>(VECTORS);
        command.add("-Dqlif.test.failure=" + failure);
        command.addAll(List.of(
                "-cp",
                folder.resolve("broken") + java.io.File.pathSeparator + classPath(present),
                ForkedMain.class.getName()));
        return command;
    }

    @ParameterizedTest
    @ValueSource(strings = {"exception", "constructor"})
    void saysThatThereAreBrokenBackendsOnly(String failure) throws Exception {
        Predicate<String> api = name -> !name.matches("org[.]qlif[.](simd|scalar|gpu.*)");
        Output output = run(withBroken(failure, api), "auto", "cpu", "cpu:simd");
        assertThat(output.line(0))
                .startsWith("DeviceUnavailableException | device 'auto' can't run here: ")
                .contains("BrokenBackend");
        for (int i = 1; i < 3; i++) {
            assertThat(output.line(i))
                    .startsWith("DeviceUnavailableException |")
                    .contains("no backend can be used", "BrokenBackend");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"exception", "error", "null", "constructor"})
    void goesOnWithoutABackendThatFails(String failure) throws Exception {
        Output output = run(withBroken(failure, name -> !name.startsWith(GPU)), "list", "auto", "cpu", "list");
        assertThat(output.line(0)).contains("cpu:simd [] |", "unknown:broken", "can't run", "BrokenBackend");
        assertThat(output.line(1)).startsWith("cpu:simd |");
        assertThat(output.line(2)).startsWith("cpu:simd |");
        assertThat(output.line(3)).isEqualTo(output.line(0));
        assertThat(output.warnings())
                .singleElement()
                .asString()
                .contains("BrokenBackend")
                .doesNotContain("\u001b");
        assertThat(output.err()).as("a line for each message").noneMatch(line -> line.startsWith("of a second"));
    }

    /** A misspelt setting never changes a choice in silence, and never ends the list. */
    @Test
    void listsDevicesWhateverTheSettings() throws Exception {
        List<String> options = new ArrayList<>(VECTORS);
        options.addAll(NATIVE);
        options.addAll(List.of("-Dqlif.simd=of", "-Dqlif.cuda=of", "-Dqlif.library=/nowhere\u0001/x.so"));
        Output output = withNative(options, _ -> true, "list", "auto", "cpu", "cpu:simd", "cuda:0", "cpu:scalar");
        assertThat(output.line(0))
                .contains(
                        "cpu:scalar []", "cpu:simd can't run [system property qlif.simd: got 'of'", "cuda:0 can't run")
                .contains("system property qlif.cuda: got 'of'", "cpu:native can't run [system property qlif.library");
        for (int i = 1; i < 5; i++) {
            assertThat(output.line(i)).startsWith("IllegalArgumentException | system property qlif.");
        }
        assertThat(output.line(5)).startsWith("cpu:scalar |");
        assertThat(output.warnings()).isEmpty();
    }

    /** Nor does a misspelt name. */
    @Test
    void namesSettingsThatHaveNoEffect() throws Exception {
        List<String> options = new ArrayList<>(VECTORS);
        options.addAll(List.of("-Dqlif.smid=off", "-Dqlif.simd=off", "-Dqlif.some.tool=1", "-Dqlifx=1"));
        Output output = withNative(options, _ -> true, "list", "cpu:scalar", "cpu:scalar");
        assertThat(output.err().stream().filter(line -> line.contains("has no effect")))
                .singleElement()
                .asString()
                .endsWith(
                        "system property qlif.smid has no effect: the known ones are qlif.cuda, qlif.library, qlif.simd");
    }

    /** The library on the CPU has nothing to do with the GPUs' setting. */
    @Test
    void runsTheLibraryWhateverTheSettingOfTheGpus() throws Exception {
        assumeNative();
        List<String> options = new ArrayList<>(NATIVE);
        options.add("-Dqlif.cuda=of");
        assertThat(withNative(options, _ -> true, "cpu:native").line(0)).startsWith("cpu:native |");
    }

    /** The JVM then knows no characters for the name of the library's folder, nor for that of the working folder. */
    @Test
    void loadsALibraryWhoseNameTheJvmCantExpress() throws Exception {
        assumeNative();
        Path script = Files.writeString(folder.resolve("run.sh"), """
                umlaut=$(printf '\\303\\244')
                mkdir -p "$1/$umlaut"
                cp "$2" "$1/$umlaut/libqlif.so"
                java=$3 path=$4 main=$5
                other=$(printf '\\303\\266')
                run() { LC_ALL=C "$java" -Xmx256m --enable-native-access=ALL-UNNAMED "$1" -cp "$path" "$main" cpu:native list; }
                run "-Dqlif.library=$1/$umlaut/libqlif.so"
                run "-Dqlif.library=$1/$other/libqlif.so"
                cd "$1/$umlaut"
                run "-Dqlif.library=libqlif.so"
                JAVA_TOOL_OPTIONS="-Dqlif.library=$1/$umlaut/libqlif.so -Dx=y" run -Dz=z
                """);
        Path library = folder.resolve("libqlif.so");
        try (InputStream bundled = ForkedJvm.class
                .getClassLoader()
                .getResourceAsStream("org/qlif/gpu/linux-" + ARCHITECTURE + "/libqlif.so")) {
            assumeTrue(bundled != null, "the native library was not built");
            Files.copy(bundled, library);
        }
        Path out = folder.resolve("out");
        Process process = new ProcessBuilder(
                        "sh",
                        script.toString(),
                        folder.toString(),
                        library.toString(),
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        classPath(name -> !name.equals(LIBRARY)),
                        ForkedMain.class.getName())
                .redirectOutput(out.toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertThat(process.waitFor()).isZero();
        List<String> lines = Files.readAllLines(out);
        assertThat(lines).hasSize(8);
        for (int found : List.of(0, 4, 6)) {
            assertThat(lines.get(found)).startsWith("cpu:native -> cpu:native |");
        }
        assertThat(lines.get(2))
                .startsWith("cpu:native -> DeviceUnavailableException |")
                .contains("qlif.library");
        assertThat(lines.get(3)).contains("cpu:scalar []", "cpu:native can't run [system property qlif.library");
    }
}
