// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UsageTest {
    @Test
    void helpNamesEveryCommandAndTheExitCodes() {
        Invocation help = Invocation.of("--help");
        assertThat(help.exitCode()).isZero();
        assertThat(help.err()).isEmpty();
        assertThat(help.out())
                .contains(
                        "devices",
                        "verify",
                        "bench",
                        "train",
                        "reconstruct",
                        "run",
                        "curves",
                        "simulate",
                        "dashboard",
                        "Examples:",
                        "Exit codes:")
                .doesNotContain("\u001b");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"devices", "verify", "bench", "train", "reconstruct", "run", "curves", "simulate", "dashboard"})
    void everyCommandHasHelpWithAnExample(String command) {
        Invocation help = Invocation.of(command, "--help");
        assertThat(help.exitCode()).isZero();
        assertThat(help.out())
                .startsWith("Usage: qlif " + command)
                .contains("  ./qlif " + command, "--debug", "Exit codes:\n  0     fine\n");
    }

    @Test
    void versionNamesTheJava() {
        Invocation version = Invocation.of("--version");
        assertThat(version.exitCode()).isZero();
        assertThat(version.out()).startsWith("qlif ").contains("Java " + Runtime.version());
    }

    @Test
    void messagesHoldNothingThatATerminalObeys() {
        Invocation wrong = Invocation.of("bench", "--mode", "\u001b[2Jx\ny\u0007");
        assertThat(wrong.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(wrong.err().lines())
                .singleElement()
                .asString()
                .contains("got '\\u001b[2Jx y\\u0007'")
                .doesNotContain("\u001b", "\u0007");
    }

    @Test
    void unknownOptionIsOneLineAndCode2() {
        Invocation wrong = Invocation.of("bench", "--jsn");
        assertThat(wrong.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(wrong.out()).isEmpty();
        assertThat(wrong.err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: Unknown option: '--jsn'")
                .contains("did you mean", "--json")
                .endsWith("(see 'qlif bench --help')");
    }

    @Test
    void unknownOrMissingCommandIsCode2() {
        assertThat(Invocation.of("bensh").exitCode()).isEqualTo(Cli.USAGE);
        assertThat(Invocation.of("bensh").err()).contains("'bensh'", "bench");
        assertThat(Invocation.of().exitCode()).isEqualTo(Cli.USAGE);
        assertThat(Invocation.of().err().lines())
                .singleElement()
                .asString()
                .startsWith("qlif: ")
                .contains("--help");
    }

    @Test
    void stackTracesComeOnlyWithDebug() {
        Invocation plain = Invocation.of("bench", "--device", "absent");
        Invocation debug = Invocation.of("bench", "--device", "absent", "--debug");
        assertThat(plain.exitCode()).isEqualTo(debug.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(plain.err().lines()).singleElement().asString().contains(AbsentBackend.OBSTACLE);
        assertThat(debug.err()).startsWith(plain.err()).contains("\tat org.qlif.");
    }
}
