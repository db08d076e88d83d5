// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The script {@code examples/run}, with a Maven and a Java that only say that they were called. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the scripts need bash")
class ExamplesScriptTest {
    private static final String USAGE = """
            usage: examples/run NAME [ARGUMENTS], where NAME is one of
              One              What it is for.
            djl/example runs the example for DJL
            """;

    @TempDir
    private Path folder;

    private Checkout checkout;

    @BeforeEach
    void makeCheckout() throws IOException {
        checkout = new Checkout(folder, "checkout").java("pwd; printf '%s\\n' \"$@\"");
        checkout.write("examples/One.java", "// The licence.\n// What it is for.\n\nvoid main() {}\n");
    }

    @Test
    void buildsOnceAndRunsTheSource() throws Exception {
        for (String name : new String[] {"One", "One.java"}) {
            Invocation run = checkout.shell("\"${QLIF%/*}/examples/run\" " + name + " 'a b'");
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.out().lines())
                    .startsWith(checkout.root.toString())
                    .contains(checkout.root + "/cli/target/qlif-cli.jar")
                    .endsWith("examples/One.java", "a b");
        }
        assertThat(checkout.builds()).isEqualTo(1);
    }

    @Test
    void listsTheExamples() throws Exception {
        assertThat(checkout.shell("\"${QLIF%/*}/examples/run\"")).isEqualTo(new Invocation(2, "", USAGE));
        assertThat(checkout.builds()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Two", "../examples/One", "run"})
    void refusesOthers(String name) throws Exception {
        assertThat(checkout.shell("\"${QLIF%/*}/examples/run\" " + name))
                .isEqualTo(new Invocation(2, "", "examples/run: there is no example '" + name + "'\n" + USAGE));
    }
}
