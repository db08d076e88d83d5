// SPDX-License-Identifier: Apache-2.0
package example.spikes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What docs/packaging.md says: its files are those of this module, and its commands run on what the build has packed. */
class PackagesTest {
    private static final Path TARGET = Path.of(System.getProperty("qlif.test.packages"));
    private static final Path MODULE = TARGET.getParent();
    private static final String PROGRAM = "example.spikes/example.spikes.Spikes";

    /** Where commands run: the build's output under its name, and room for theirs. */
    @TempDir
    private static Path folder;

    private static String page;

    private record Run(int exitCode, String out, String err) {
        String device() {
            assertThat(exitCode).as(err).isZero();
            return out.split(":? ", 2)[0];
        }
    }

    @BeforeAll
    static void copyWhatWasPacked() throws IOException {
        page = Files.readString(MODULE.resolveSibling("docs").resolve("packaging.md"));
        Path copy = Files.createDirectories(folder.resolve("target/modules")).getParent();
        for (String jar : List.of("spikes.jar", "spikes-all.jar")) {
            Files.copy(TARGET.resolve(jar), copy.resolve(jar));
        }
        try (Stream<Path> modules = Files.list(TARGET.resolve("modules"))) {
            for (Path module : (Iterable<Path>) modules::iterator) {
                Files.copy(module, copy.resolve("modules").resolve(module.getFileName()));
            }
        }
    }

    private static Run run(String command) throws IOException, InterruptedException {
        Path out = folder.resolve("out");
        Path err = folder.resolve("err");
        ProcessBuilder builder = new ProcessBuilder("bash", "-c", command)
                .directory(folder.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"));
        builder.environment()
                .merge(
                        "PATH",
                        Path.of(System.getProperty("java.home"), "bin").toString(),
                        (path, java) -> java + File.pathSeparator + path);
        Process process = builder.start();
        boolean ended = process.waitFor(5, TimeUnit.MINUTES);
        if (!ended) {
            process.destroyForcibly();
        }
        assertThat(ended).as("%s ended within five minutes", command).isTrue();
        return new Run(process.exitValue(), Files.readString(out), Files.readString(err));
    }

    /** The blocks of code in the page that are in this language. */
    private static List<String> blocks(String language) {
        return Pattern.compile("^```" + language + "\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL)
                .matcher(page)
                .results()
                .map(block -> block.group(1))
                .toList();
    }

    private static String withoutIndentation(String text) {
        return text.strip().replaceAll("(?m)^ +", "");
    }

    private static boolean hasLibrary() throws IOException {
        try (JarFile jar = new JarFile(TARGET.resolve("spikes-all.jar").toFile())) {
            String architecture = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";
            return jar.getEntry("org/qlif/gpu/linux-" + architecture + "/libqlif.so") != null;
        }
    }

    @TestFactory
    Stream<DynamicTest> commandsRunAsThePageSays() throws IOException {
        boolean library = hasLibrary();
        List<String> lines = blocks("sh").stream()
                .flatMap(String::lines)
                .filter(line -> !line.isBlank())
                .toList();
        assertThat(lines).hasSizeGreaterThan(8);
        Pattern devices = Pattern.compile("(.*?) +# (cpu:\\w+)(?: or (cpu:\\w+))?");
        return lines.stream()
                .map(line -> DynamicTest.dynamicTest(line, () -> {
                    Matcher said = devices.matcher(line);
                    if (!said.matches()) {
                        Run run = run(line);
                        assertThat(run.exitCode()).as(run.err()).isZero();
                        return;
                    }
                    assumeTrue(
                            library || !"cpu:native".equals(said.group(2)) || said.group(3) != null,
                            "the native library was not built");
                    boolean second = said.group(3) != null && !library;
                    assertThat(run(said.group(1)).device()).isEqualTo(said.group(second ? 3 : 2));
                }));
    }

    @Test
    void pageShowsTheFilesThatAreUsed() throws IOException {
        assertThat(blocks("xml"))
                .singleElement()
                .satisfies(plugin -> assertThat(withoutIndentation(Files.readString(MODULE.resolve("pom.xml"))))
                        .contains(withoutIndentation(plugin)));
        assertThat(blocks("dockerfile"))
                .singleElement()
                .satisfies(image -> assertThat(Files.readString(MODULE.resolve("Dockerfile")))
                        .endsWith(image));
    }

    /** The steps of the Dockerfile, without Docker: what is copied into the image starts. */
    @Test
    void imageOfTheContainerStarts() throws Exception {
        String steps = Files.readString(MODULE.resolve("Dockerfile"));
        Matcher copied = match("(?m)^COPY (target/\\S+) (target/\\S+) /modules/$", steps);
        Matcher linked = match("(?m)^RUN (jlink .*)$", steps);
        Matcher started = match("(?m)^ENTRYPOINT \\[\"/opt/spikes/(.*)\"\\]$", steps);
        Path container =
                Files.createDirectories(folder.resolve("container/modules")).getParent();
        // COPY puts what is in a folder, not the folder itself, beside a file.
        run("cp -r " + copied.group(1) + "/. " + copied.group(2) + " container/modules/");
        Run jlink = run(linked.group(1).replace(" /", " " + container + "/"));
        assertThat(jlink.exitCode()).as(jlink.err()).isZero();
        assertThat(run("env -i container/image/" + started.group(1).replace("\", \"", " "))
                        .device())
                .isEqualTo("cpu:simd");
    }

    private static Matcher match(String pattern, String text) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        assertThat(matcher.find()).as("%s in %s", pattern, text).isTrue();
        return matcher;
    }

    @Test
    void fatJarHoldsEveryBackend() throws Exception {
        for (String device : new String[] {"cpu:simd", "cpu:scalar"}) {
            assertThat(run("java --add-modules jdk.incubator.vector -jar target/spikes-all.jar " + device)
                            .device())
                    .isEqualTo(device);
        }
        try (JarFile jar = new JarFile(TARGET.resolve("spikes-all.jar").toFile())) {
            String registered = new String(jar.getInputStream(jar.getEntry("META-INF/services/org.qlif.spi.Backend"))
                    .readAllBytes());
            assertThat(registered.lines())
                    .containsExactlyInAnyOrder(
                            "org.qlif.simd.SimdBackend",
                            "org.qlif.scalar.ScalarBackend",
                            "org.qlif.gpu.CudaBackend",
                            "org.qlif.gpu.NativeBackend");
            assertThat(jar.getEntry("META-INF/LICENSE")).isNotNull();
            assertThat(jar.getEntry("module-info.class")).isNull();
        }
    }

    /** The JVM of JDK 25 crashes if another thread links classes while it writes the archive, as the warm-up of vector code would. */
    @ParameterizedTest
    @ValueSource(strings = {"-XX:ArchiveClassesAtExit=", "-XX:+AutoCreateSharedArchive -XX:SharedArchiveFile="})
    void endsWithAnArchiveOfClasses(String option) throws Exception {
        for (int i = 0; i < 5; i++) {
            Path archive = folder.resolve("classes" + i + ".jsa");
            Files.deleteIfExists(archive);
            Run run = run("java --add-modules jdk.incubator.vector %s%s -jar target/spikes-all.jar"
                    .formatted(option, archive));
            assertThat(run.device()).isEqualTo("cpu:simd");
            assertThat(archive).isNotEmptyFile();
        }
    }

    @Test
    void manifestGrantsNativeAccess() throws Exception {
        assumeTrue(hasLibrary(), "the native library was not built");
        Run granted = run("java --illegal-native-access=deny -jar target/spikes-all.jar cpu:native");
        assertThat(granted.device()).isEqualTo("cpu:native");
        Run refused =
                run("java --illegal-native-access=deny -cp target/spikes-all.jar example.spikes.Spikes cpu:native");
        assertThat(refused.exitCode()).isNotZero();
        assertThat(refused.err()).contains("--enable-native-access");
    }

    @Test
    void threadsFollowTheProcessorsThatJavaIsGiven() throws Exception {
        String command = "java -XX:ActiveProcessorCount=%d -p target/spikes.jar:target/modules -m " + PROGRAM;
        assertThat(run(command.formatted(1)).out()).contains(", 1 thread\n");
        assertThat(run(command.formatted(3)).out()).contains(", 3 threads\n");
    }

    @Test
    void otherSystemsRunOnJavaAlone() throws Exception {
        String java =
                "java '-Dos.name=Mac OS X' -Dos.arch=aarch64 --add-modules jdk.incubator.vector -jar target/spikes-all.jar ";
        assertThat(run(java + "cpu").device()).isEqualTo("cpu:simd");
        Run refused = run(java + "cpu:native");
        assertThat(refused.exitCode()).isNotZero();
        assertThat(refused.err()).contains("Linux on amd64", "this is Mac OS X on aarch64");
    }
}
