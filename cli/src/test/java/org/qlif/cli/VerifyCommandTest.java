package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.Device;
import org.qlif.Devices;

class VerifyCommandTest {
    private static final String CASE = "spec-003-qubit-single_qubit";
    private static final String DRAWS = "rng-philox-000";
    private static final String LIF = "norse-lif-000";

    @TempDir
    private Path folder;

    @Test
    void goodFolderPassesWithALineACase() throws IOException {
        copy(CASE);
        copy(DRAWS);
        Invocation verify = Invocation.of("verify", folder.toString());
        assertThat(verify.err()).isEmpty();
        assertThat(verify.exitCode()).isZero();
        List<String> lines = verify.out().lines().toList();
        assertThat(lines).hasSize(4);
        assertThat(lines.get(0))
                .isEqualTo("device " + Devices.resolve(Device.AUTO).device());
        assertThat(lines.get(1)).startsWith("PASSED " + DRAWS);
        assertThat(lines.get(2)).startsWith("PASSED " + CASE).contains("forward", "gradient");
        assertThat(lines.get(3)).isEqualTo("2 passed, 0 failed");
    }

    @Test
    void skippedCasesAreCountedBeforeTheClosingLine() throws IOException {
        copy(CASE);
        copy(LIF);
        Invocation verify = Invocation.of("verify", folder.toString());
        assertThat(verify.exitCode()).isZero();
        List<String> lines = verify.out().lines().toList();
        assertThat(lines).hasSize(5);
        assertThat(lines.get(1)).startsWith("SKIPPED " + LIF);
        assertThat(lines.subList(3, 5)).containsExactly("1 skipped: no kernel for their model", "1 passed, 0 failed");
    }

    @Test
    void verifyingNothingFails() throws IOException {
        Invocation verify = Invocation.of("verify", copy(LIF).toString());
        assertThat(verify.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(verify.out()).endsWith(String.format("0 passed, 0 failed%n"));
    }

    @Test
    void corruptedFileFailsAndTheOthersStillRun() throws IOException {
        Path broken = copy(CASE);
        copy(DRAWS);
        Files.write(broken, List.of("not a golden file"));
        Invocation verify = Invocation.of("verify", "--device", "cpu:scalar", folder.toString());
        assertThat(verify.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(verify.out())
                .contains("device cpu:scalar", "PASSED " + DRAWS, "FAILED " + broken)
                .endsWith(String.format("1 passed, 1 failed%n"));
    }

    @Test
    void changedNumberFails() throws IOException {
        Path changed = copy(CASE);
        byte[] bytes = Files.readAllBytes(changed);
        // Values stand in native order at the end; the sign and exponent of the last one.
        bytes[bytes.length - 1] ^= 0x40;
        Files.write(changed, bytes);
        Invocation verify = Invocation.of("verify", changed.toString());
        assertThat(verify.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(verify.out()).contains("FAILED " + CASE).endsWith(String.format("0 passed, 1 failed%n"));
    }

    @Test
    void missingPathsAreUsageErrors() {
        Invocation nothing = Invocation.of("verify");
        assertThat(nothing.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(nothing.err().lines()).singleElement().asString().contains("PATH");
        Path absent = folder.resolve("absent");
        Invocation missing = Invocation.of("verify", absent.toString());
        assertThat(missing.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(missing.err().lines()).singleElement().asString().contains(absent.toString());
        Invocation empty = Invocation.of("verify", folder.toString());
        assertThat(empty.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(empty.err().lines()).singleElement().asString().contains(folder.toString());
    }

    @Test
    void unknownDeviceIsAUsageError() {
        Invocation unknown = Invocation.of("verify", "--device", "cpu:abacus", folder.toString());
        assertThat(unknown.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(unknown.err().lines()).singleElement().asString().contains("'cpu:abacus'", "cpu:scalar");
    }

    private Path copy(String name) throws IOException {
        String file = name + ".safetensors";
        return Files.copy(Repository.file("golden").resolve(file), folder.resolve(file));
    }
}
