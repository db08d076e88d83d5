// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** In a new process another device does the first calls of a kernel whose code is compiled while it runs, if the name leaves a choice. */
class RelayTest extends ForkedJvm {
    private static final Predicate<String> WITHOUT_NATIVE = name -> !name.startsWith(GPU);

    private Output relay(Predicate<String> present, String device, String last, int rows) throws Exception {
        List<String> command = new ArrayList<>(VECTORS);
        command.addAll(NATIVE);
        command.addAll(List.of("-cp", classPath(present), ForkedRelay.class.getName()));
        return run(command, device, last, Integer.toString(rows));
    }

    /** Without cpu:native, which may be as fast as compiled vector code, so that it keeps the calls. */
    @Test
    void handsOverToVectorCodeOnceThatIsCompiled() throws Exception {
        Output output = relay(WITHOUT_NATIVE, "cpu", "cpu:simd", 2);
        assertThat(output.line(0)).isEqualTo("[cpu:scalar, cpu:simd]");
        assertThat(output.line(1)).isEqualTo("[cpu:scalar, cpu:simd]");
        assertThat(output.line(2)).isEqualTo("cpu:scalar");
        assertThat(output.line(3)).isEqualTo("cpu:simd");
        assertThat(output.line(4)).isEqualTo("cpu:simd");
        assertThat(output.line(5)).isEqualTo("cpu:scalar, this kernel is closed");
    }

    @Test
    void leavesADeviceThatWasAskedForByNameItself() throws Exception {
        Output output = relay(WITHOUT_NATIVE, "cpu:simd", "cpu:simd", 2);
        assertThat(output.line(0)).isEqualTo("[cpu:simd]");
        assertThat(output.line(1)).isEqualTo("[cpu:simd]");
        assertThat(output.line(5)).isEqualTo("cpu:simd, this kernel is closed");
    }

    /** The library is loaded in the background; once it is there, first calls begin with it. */
    @Test
    void beginsWithSmallCallsWhileTheNativeLibraryIsLoaded() throws Exception {
        assumeNative();
        Output output = relay(_ -> true, "cpu", "cpu:native", 2);
        assertThat(output.line(0)).isEqualTo("[cpu:scalar, cpu:native]");
        assertThat(output.line(1)).isEqualTo("[cpu:native]");
        assertThat(output.line(2)).isEqualTo("cpu:native");
        assertThat(output.line(3)).isEqualTo("cpu:simd");
        assertThat(output.line(4)).isEqualTo("cpu:simd");
        assertThat(output.line(5)).isEqualTo("cpu:native, this kernel is closed");
    }

    @Test
    void waitsForTheNativeLibraryIfTheFirstCallIsLarge() throws Exception {
        assumeNative();
        Output output = relay(_ -> true, "auto", "cpu:native", 64);
        assertThat(output.line(0)).isEqualTo("[cpu:native]");
        assertThat(output.line(5)).isEqualTo("cpu:native, this kernel is closed");
    }

    /** The end of the process waits for the copy of the library that is being loaded, and removes it. */
    @ParameterizedTest
    @ValueSource(strings = {"", "exit"})
    void leavesNoCopyOfTheLibraryBehind(String end) throws Exception {
        assumeNative();
        for (int i = 0; i < 5; i++) {
            Path temporary = Files.createDirectory(folder.resolve("temporary" + end + i));
            List<String> command = new ArrayList<>(VECTORS);
            command.addAll(NATIVE);
            command.addAll(List.of("-Djava.io.tmpdir=" + temporary, "-cp", classPath(_ -> true)));
            command.add(ForkedFirstCall.class.getName());
            String[] arguments = end.isEmpty() ? new String[] {"cpu"} : new String[] {"cpu", end};
            assertThat(run(command, arguments).line(0)).isEqualTo("cpu:scalar");
            assertThat(temporary).isEmptyDirectory();
        }
    }
}
