// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** JVMs in which a device runs, but many times slower than another: what is chosen, and what is said. */
class SlowJvmTest extends ForkedJvm {
    private static List<String> vectorsWith(String options) {
        List<String> all = new ArrayList<>(VECTORS);
        all.addAll(Arrays.asList(options.split(" ")));
        return all;
    }

    private static void assumeX86() {
        String architecture = System.getProperty("os.arch");
        assumeTrue(architecture.equals("amd64"), () -> "these options are of x86, this is " + architecture);
    }

    /** One line names the reason where the device is passed over, another where it is taken nevertheless. */
    private static void assertScalarIsTaken(Output output, String reason) {
        assertThat(output.line(0)).startsWith("cpu:scalar |");
        assertThat(output.line(1)).startsWith("cpu:scalar |");
        assertThat(output.line(2)).startsWith("cpu:simd |");
        assertThat(output.line(3)).startsWith("cpu:simd |");
        assertThat(output.infos()).singleElement().asString().contains("'cpu' is cpu:scalar", "cpu:simd", reason);
        assertThat(output.warnings()).singleElement().asString().contains("cpu:simd", "slow", reason);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-XX:TieredStopAtLevel=1",
                "-XX:TieredStopAtLevel=2",
                "-XX:TieredStopAtLevel=3",
                "-XX:CompilationMode=quick-only",
                "-XX:+UnlockExperimentalVMOptions -XX:-EnableVectorSupport",
                "-XX:+UnlockExperimentalVMOptions -XX:-EnableVectorReboxing",
                "-XX:-Inline",
                "-XX:MaxVectorSize=8",
            })
    void takesScalarCodeWhereVectorsAreObjects(String options) throws Exception {
        String reason = options.replaceFirst(".* ", "");
        assertScalarIsTaken(onClassPath(vectorsWith(options), "cpu", "auto", "cpu:simd", "cpu:simd"), reason);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-XX:TieredStopAtLevel=1",
                "-XX:TieredStopAtLevel=3",
                "-XX:CompilationMode=quick-only",
                "-XX:+UnlockExperimentalVMOptions -XX:-EnableVectorSupport"
            })
    void takesScalarCodeOnTheModulePathAndInSmallImagesToo(String options) throws Exception {
        String reason = options.replaceFirst(".* ", "");
        List<String> split = List.of(options.split(" "));
        assertScalarIsTaken(
                onModulePath(split, name -> !name.startsWith(GPU), "cpu", "auto", "cpu:simd", "cpu:simd"), reason);
        assertScalarIsTaken(inSmallImage(split, "cpu", "auto", "cpu:simd", "cpu:simd"), reason);
    }

    /** As in an image that jlink made of no more modules than needed: the JVM there tells no flags. */
    private Output inSmallImage(List<String> options, String... arguments) throws Exception {
        List<String> all = new ArrayList<>(VECTORS);
        all.addAll(List.of("--limit-modules", "java.base,java.logging,jdk.incubator.vector"));
        all.addAll(options);
        return onClassPath(all, arguments);
    }

    @Test
    void seesOptionsInTheEnvironment() throws Exception {
        environment.put("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=3");
        assertScalarIsTaken(onClassPath(VECTORS, "cpu", "auto", "cpu:simd", "cpu:simd"), "-XX:TieredStopAtLevel=3");
        assertScalarIsTaken(inSmallImage(List.of(), "cpu", "auto", "cpu:simd", "cpu:simd"), "-XX:TieredStopAtLevel=3");
    }

    /** Where nobody knows what is in the file, it is tried. */
    @Test
    void seesOptionsInAFile() throws Exception {
        Path file = Files.writeString(
                folder.resolve("options"), "-XX:+UnlockExperimentalVMOptions -XX:-EnableVectorSupport\n");
        List<String> options = new ArrayList<>(VECTORS);
        options.add("@" + file);
        assertScalarIsTaken(onClassPath(options, "cpu", "auto", "cpu:simd", "cpu:simd"), "-XX:-EnableVectorSupport");
        assertScalarIsTaken(inSmallImage(List.of("@" + file), "cpu", "auto", "cpu:simd", "cpu:simd"), "was tried");
    }

    /** Options of the JVM among the program's own arguments are none of this JVM's. */
    @Test
    void takesNoArgumentForAnOption() throws Exception {
        for (Output output : List.of(
                onClassPath(VECTORS, "-XX:TieredStopAtLevel=1", "cpu"),
                inSmallImage(List.of(), "-XX:TieredStopAtLevel=1", "cpu"))) {
            assertThat(output.line(1)).startsWith("cpu:simd |");
            assertThat(output.passedOver()).isEmpty();
        }
    }

    /** No flag says so: it is tried. */
    @Test
    void triesWhereOptionsLeaveItOpen() throws Exception {
        Output output = onClassPath(
                vectorsWith("-XX:CompileCommand=quiet -XX:CompileCommand=exclude,jdk.incubator.vector.*::*"),
                "cpu",
                "auto",
                "cpu:simd",
                "cpu:simd");
        assertScalarIsTaken(output, "-XX:CompileCommand=exclude");
    }

    /** The bits are the same, however slow. */
    @Test
    void computesTheSameWhereItIsSlow() throws Exception {
        Output output = onClassPath(vectorsWith("-Xint"), goldenCase());
        assertThat(output.line(0)).startsWith("PASSED");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-XX:TieredStopAtLevel=4",
                "-XX:-TieredCompilation",
                "-XX:CompilationMode=high-only",
                "-XX:+UseSerialGC",
                "-XX:MaxVectorSize=16",
                "-XX:ReservedCodeCacheSize=64m",
                "-XX:+UnlockExperimentalVMOptions -XX:+UnlockDiagnosticVMOptions",
                "-XX:CompileCommand=quiet",
            })
    void changesNothingWhereVectorsAreFast(String options) throws Exception {
        for (Output output : List.of(
                onClassPath(vectorsWith(options), "cpu", "auto", "cpu:simd"),
                inSmallImage(List.of(options.split(" ")), "cpu", "auto", "cpu:simd"))) {
            for (int i = 0; i < 3; i++) {
                assertThat(output.line(i)).startsWith("cpu:simd |");
            }
            assertThat(output.passedOver()).isEmpty();
            assertThat(output.warnings()).isEmpty();
        }
    }

    /** Without the native library there is nothing better than scalar code. */
    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-XX:-UseCompiler", "-XX:TieredStopAtLevel=0", "-XX:-UseFMA"})
    void warnsWhereAllOfJavaIsSlow(String option) throws Exception {
        Output output = onClassPath(vectorsWith(option), "cpu", "auto", "cpu:scalar", "cpu:simd", "cpu:simd");
        for (int i = 0; i < 3; i++) {
            assertThat(output.line(i)).startsWith("cpu:scalar |");
        }
        assertThat(output.line(3)).startsWith("cpu:simd |");
        assertThat(output.warnings()).hasSize(2).allMatch(line -> line.contains(option));
        assertThat(output.warnings().getFirst()).contains("cpu:scalar");
        assertThat(output.warnings().getLast()).contains("cpu:simd");
        assertThat(output.passedOver()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"-XX:-UseFMA", "-XX:UseAVX=0", "-XX:UseSSE=2", "-Xint"})
    void takesTheNativeLibraryWhereAllOfJavaIsSlow(String option) throws Exception {
        assumeX86();
        assumeNative();
        List<String> options = vectorsWith(option);
        options.addAll(NATIVE);
        Output output = withNative(options, _ -> true, "auto", "cpu", "cpu:native");
        for (int i = 0; i < 3; i++) {
            assertThat(output.line(i)).startsWith("cpu:native |");
        }
        assertThat(output.infos())
                .singleElement()
                .asString()
                .contains("'auto' is cpu:native", "cpu:scalar", "cpu:simd", option);
        assertThat(output.warnings()).isEmpty();
    }

    /** There it is tried. */
    @Test
    void missesFusedMultiplyAddsInSmallImagesToo() throws Exception {
        Output output = inSmallImage(List.of("-XX:-UseFMA"), "cpu:scalar", "cpu", "list");
        assertThat(output.line(0)).startsWith("cpu:scalar |");
        assertThat(output.line(1)).startsWith("cpu:scalar |");
        assertThat(output.warnings())
                .singleElement()
                .asString()
                .contains("cpu:scalar", "fused multiply-add", "-XX:-UseFMA", "cpu:native");
        assertThat(output.line(2)).contains("cpu:simd [this JVM has no instruction for fused multiply-adds");
    }
}
