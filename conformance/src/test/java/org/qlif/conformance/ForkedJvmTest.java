// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Qlif;

/** The choice of a device under JVM options that can't be changed in this JVM. */
class ForkedJvmTest extends ForkedJvm {
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

    /** Once for each outcome, however it was asked for; a full name leaves no choice to tell. */
    @Test
    void saysWhatItChoseOnce() throws Exception {
        Output output = onClassPath(VECTORS, "cpu:simd", "cpu", "cpu", "auto", "cpu:scalar");
        assertThat(output.infos()).singleElement().asString().endsWith("device 'cpu' is cpu:simd");
    }

    /** The choice is among what can run the configuration; what is asked for by name says why it can't. */
    @ParameterizedTest
    @ValueSource(strings = {"transform", "factory"})
    void passesOverWhatCantRunTheConfiguration(String demand) throws Exception {
        assumeNative();
        Output output = withNative(
                NATIVE, _ -> true, "cpu", "cpu+" + demand, "cpu+" + demand, "auto+" + demand, "cpu:native+" + demand);
        assertThat(output.line(0)).startsWith("cpu:native |");
        for (int i = 1; i < 4; i++) {
            assertThat(output.line(i)).startsWith("cpu:scalar |");
        }
        assertThat(output.line(4))
                .startsWith(
                        "IllegalArgumentException | device 'cpu:native' can't run this configuration with these options: ")
                .contains(demand.equals("transform") ? "neuromod_transform: got a function" : "threadFactory: got one");
        assertThat(output.infos()).hasSize(2);
        assertThat(output.infos().getLast()).contains("'cpu' is cpu:scalar", "cpu:native: ", "this device");
    }

    @Test
    void tellsItsVersionOnBothPaths() throws Exception {
        assertThat(Qlif.version()).matches("\\d+\\.\\d+\\.\\d+.*");
        assertThat(onClassPath(List.of(), "version").line(0)).isEqualTo(Qlif.version());
        assertThat(onModulePath(List.of(), name -> !name.startsWith(GPU), "version")
                        .line(0))
                .isEqualTo(Qlif.version());
    }

    @Test
    void refusesTheVectorBackendWithoutTheIncubatorModule() throws Exception {
        Output output = onClassPath(List.of(), "cpu:simd", "cpu:scalar");
        assertThat(output.line(0))
                .startsWith("DeviceUnavailableException |")
                .contains("cpu:simd")
                .contains("--add-modules jdk.incubator.vector");
        assertThat(output.line(1)).startsWith("cpu:scalar |");
        assertThat(output.passedOver()).as("nothing fell back").isEmpty();
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
        assertThat(output.passedOver()).isEmpty();
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
        assertThat(output.line(2)).startsWith("PASSED ").contains("rng-philox-000.safetensors: ");
        assertThat(output.passedOver()).isEmpty();
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
        assertThat(output.line(2)).startsWith("PASSED ").contains("rng-philox-000.safetensors: ");
        assertThat(output.passedOver()).as("there is nothing better to miss").isEmpty();
    }

    /** The library comes out of its jar, on both paths, and the flag that the JVM asks for is the only one. */
    @Test
    void runsTheNativeLibrary() throws Exception {
        assumeNative();
        Output classPath = withNative(NATIVE, _ -> true, "cpu:native", "cpu:scalar");
        assertThat(classPath.line(0)).startsWith("cpu:native |").contains("thread");
        assertThat(classPath.line(1)).startsWith("cpu:scalar |");
        assertThat(classPath.err()).isEmpty();
        Output modulePath =
                onModulePath(List.of("--enable-native-access=" + GPU), _ -> true, "cpu:native", "cpu:scalar");
        assertThat(modulePath.line(0)).startsWith("cpu:native |").contains("thread");
        assertThat(modulePath.err()).noneMatch(line -> line.contains("restricted"));
        assertThat(withNative(List.of(), _ -> true, "cpu:native").err())
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
                .contains("cuda:0", "cpu:native");
    }

    @Test
    void saysWhatIsMissingWithoutTheLibrary() throws Exception {
        Predicate<String> present = name -> !name.equals(LIBRARY);
        for (Output output : List.of(
                withNative(NATIVE, present, "cpu:native", "cuda:0", "cuda:7", "cpu:scalar"),
                onModulePath(
                        List.of("--enable-native-access=" + GPU),
                        present,
                        "cpu:native",
                        "cuda:0",
                        "cuda:7",
                        "cpu:scalar"))) {
            for (int i = 0; i < 3; i++) {
                assertThat(output.line(i))
                        .startsWith("DeviceUnavailableException |")
                        .contains("qlif-native", "classifier", "-Dqlif.library");
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
        assertThat(library(other.toString())).contains("4711", "the same release");
    }

    /** What opening {@code cpu:native} says if {@code library} is named, and that the CPU does not mind. */
    private String library(String library) throws Exception {
        Output output = withNative(
                with(NATIVE, "-Dqlif.library=" + library), _ -> true, "cpu:native", "cpu:native", "cpu:scalar");
        assertThat(output.line(0)).startsWith("DeviceUnavailableException |").isEqualTo(output.line(1));
        assertThat(output.line(2)).startsWith("cpu:scalar |");
        return output.line(0);
    }

    @Test
    void refusesNativeAccessThatTheJvmDenies() throws Exception {
        assumeNative();
        Output output =
                withNative(List.of("--illegal-native-access=deny"), _ -> true, "cpu:native", "cuda:0", "cpu:scalar");
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
        assertThat(output.passedOver()).isEmpty();
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

    /** The kernels and tapes of {@code cpu:native} come from outside the Java heap. */
    @Test
    void closesWhatItOpens() throws Exception {
        assumeNative();
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

    /** A process that meets ever new configurations keeps none of the code that was made for them. */
    @Test
    void forgetsClosedConfigurations() throws Exception {
        List<String> command = new ArrayList<>(VECTORS);
        command.addAll(List.of("-cp", classPath(_ -> true), ForkedConfigurations.class.getName()));
        Output output = run(command, "cpu:simd", "60");
        // What stays of 180 configurations: the classes of their programs would be 12 MiB; the JVM's own grow a little.
        assertThat(Long.parseLong(output.line(0))).as("KiB of metaspace").isLessThan(2 << 10);
        assertThat(output.line(1)).as("classes for what is open already").isEqualTo("0");
    }

    /** Kernels of many configurations in one process: none of them keeps the compiler from making good code of another. */
    @ParameterizedTest
    @ValueSource(ints = {64, 32})
    void allocatesNothingWhateverElseRuns(int vectorBytes) throws Exception {
        List<String> command = with(VECTORS, "-XX:MaxVectorSize=" + vectorBytes);
        command.addAll(List.of("-cp", classPath(_ -> true), ForkedBoxing.class.getName()));
        Output output = run(command, "cpu:simd", "60");
        assertThat(Integer.parseInt(output.line(0))).as("kernels").isGreaterThan(50);
        assertThat(output.line(1)).as("bytes a call").isEqualTo("[]");
    }
}
