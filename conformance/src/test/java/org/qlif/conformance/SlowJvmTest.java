package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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

    /** There the JVM tells no flags. */
    @ParameterizedTest
    @ValueSource(strings = {"-XX:TieredStopAtLevel=1", "-XX:+UnlockExperimentalVMOptions -XX:-EnableVectorSupport"})
    void takesScalarCodeOnTheModulePathToo(String options) throws Exception {
        String reason = options.replaceFirst(".* ", "");
        assertScalarIsTaken(
                onModulePath(
                        List.of(options.split(" ")),
                        name -> !name.startsWith(GPU),
                        "cpu",
                        "auto",
                        "cpu:simd",
                        "cpu:simd"),
                reason);
    }

    @Test
    void seesOptionsInTheEnvironment() throws Exception {
        environment.put("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1");
        assertScalarIsTaken(onClassPath(VECTORS, "cpu", "auto", "cpu:simd", "cpu:simd"), "-XX:TieredStopAtLevel=1");
        assertScalarIsTaken(
                onModulePath(List.of(), name -> !name.startsWith(GPU), "cpu", "auto", "cpu:simd", "cpu:simd"),
                "-XX:TieredStopAtLevel=1");
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
            })
    void changesNothingWhereVectorsAreFast(String options) throws Exception {
        for (Output output : List.of(
                onClassPath(vectorsWith(options), "cpu", "auto", "cpu:simd"),
                onModulePath(List.of(options.split(" ")), name -> !name.startsWith(GPU), "cpu", "auto", "cpu:simd"))) {
            for (int i = 0; i < 3; i++) {
                assertThat(output.line(i)).startsWith("cpu:simd |");
            }
            assertThat(output.infos()).isEmpty();
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
        assertThat(output.infos()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"-XX:-UseFMA", "-XX:UseAVX=0", "-XX:UseSSE=2", "-Xint"})
    void takesTheNativeLibraryWhereAllOfJavaIsSlow(String option) throws Exception {
        assumeX86();
        assumeHost();
        List<String> options = vectorsWith(option);
        options.addAll(NATIVE);
        Output output = withNative(options, _ -> true, "auto", "auto", "host");
        for (int i = 0; i < 3; i++) {
            assertThat(output.line(i)).startsWith("host |");
        }
        assertThat(output.infos())
                .singleElement()
                .asString()
                .contains("'auto' is host", "cpu:scalar", "cpu:simd", option);
        assertThat(output.warnings()).isEmpty();
    }

    @Test
    void missesFusedMultiplyAddsOnTheModulePathToo() throws Exception {
        Output output = onModulePath(
                List.of("-XX:-UseFMA", "--enable-native-access=" + GPU), _ -> true, "cpu:scalar", "cpu", "list");
        assertThat(output.line(0)).startsWith("cpu:scalar |");
        assertThat(output.warnings())
                .singleElement()
                .asString()
                .contains("cpu:scalar", "fused multiply-add", "-XX:-UseFMA", "host");
        assertThat(output.line(2)).contains("cpu:simd [this JVM has no instruction for fused multiply-adds");
    }
}
