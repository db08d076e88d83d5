// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** In a new process another device does the first calls of a kernel whose code is compiled while it runs, if the name leaves a choice. */
class RelayTest extends ForkedJvm {
    private Output relay(String device) throws Exception {
        List<String> command = new ArrayList<>(VECTORS);
        // Without cpu:native, which may be as fast as compiled vector code, so that it keeps the calls.
        command.addAll(List.of("-cp", classPath(name -> !name.startsWith(GPU)), ForkedRelay.class.getName()));
        return run(command, device);
    }

    @Test
    void handsOverToVectorCodeOnceThatIsCompiled() throws Exception {
        Output output = relay("cpu");
        assertThat(output.line(0)).isEqualTo("[cpu:scalar, cpu:simd]");
        assertThat(output.line(1)).isEqualTo("[cpu:scalar, cpu:simd]");
        assertThat(output.line(2)).isEqualTo("cpu:simd");
        assertThat(output.line(3)).isEqualTo("cpu:simd");
        assertThat(output.line(4)).isEqualTo("cpu:scalar, this kernel is closed");
    }

    @Test
    void leavesADeviceThatWasAskedForByNameItself() throws Exception {
        Output output = relay("cpu:simd");
        assertThat(output.line(0)).isEqualTo("[cpu:simd]");
        assertThat(output.line(1)).isEqualTo("[cpu:simd]");
        assertThat(output.line(4)).isEqualTo("cpu:simd, this kernel is closed");
    }
}
