// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
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
        copy(LIF);
        Invocation verify = Invocation.of("verify", folder.toString());
        assertThat(verify.err()).isEmpty();
        assertThat(verify.exitCode()).isZero();
        List<String> lines = verify.out().lines().toList();
        assertThat(lines).hasSize(5);
        assertThat(lines.get(0))
                .isEqualTo("device " + Devices.resolve(Device.AUTO).device());
        assertThat(lines.get(1)).startsWith("PASSED " + path(LIF)).contains("forward", "gradient");
        assertThat(lines.get(2)).startsWith("PASSED " + path(DRAWS));
        assertThat(lines.get(3)).startsWith("PASSED " + path(CASE)).contains("forward", "gradient");
        assertThat(lines.get(4)).isEqualTo("3 passed, 0 failed");
    }

    /** The repository's own: none is passed over. */
    @Test
    void everyGoldenCasePasses() {
        Invocation verify = Invocation.of(
                "verify", "--device", "cpu:scalar", Repository.file("golden").toString());
        assertThat(verify.exitCode()).isZero();
        assertThat(verify.out().lines().filter(line -> line.startsWith("PASSED")))
                .hasSize(72);
        assertThat(verify.out()).endsWith(String.format("72 passed, 0 failed%n"));
    }

    @Test
    void comparingNothingFails() throws IOException {
        Path empty = copy(LIF);
        byte[] bytes = Files.readAllBytes(empty);
        // Every expected tensor under a name that no comparison uses, of the same length.
        String text = new String(bytes, StandardCharsets.ISO_8859_1).replace("\"expect_", "\"reject_");
        Files.write(empty, text.getBytes(StandardCharsets.ISO_8859_1));
        Invocation verify = Invocation.of("verify", empty.toString());
        assertThat(verify.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(verify.out()).endsWith(String.format("0 passed, 1 failed%n"));
    }

    @Test
    void corruptedFileFailsAndTheOthersStillRun() throws IOException {
        Path broken = copy(CASE);
        copy(DRAWS);
        Files.write(broken, List.of("not a golden file"));
        Invocation verify = Invocation.of("verify", "--device", "cpu:scalar", folder.toString());
        assertThat(verify.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(verify.out())
                .contains("device cpu:scalar", "PASSED " + path(DRAWS), "FAILED " + broken)
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
        assertThat(verify.out()).contains("FAILED " + changed).endsWith(String.format("0 passed, 1 failed%n"));
    }

    @Test
    void jsonHasEveryCase() throws IOException {
        copy(CASE);
        Path changed = copy(LIF);
        byte[] bytes = Files.readAllBytes(changed);
        bytes[bytes.length - 1] ^= 0x40;
        Files.write(changed, bytes);
        Path broken = Files.write(folder.resolve("x.safetensors"), new byte[3]);
        Invocation verify = Invocation.of("verify", "--device", "cpu:scalar", folder.toString(), "--json");
        assertThat(verify.exitCode()).isEqualTo(Cli.FAILED);
        List<String> lines = verify.out().lines().toList();
        assertThat(lines.get(lines.size() - 2)).isEqualTo("1 passed, 2 failed");
        JsonObject report = JsonParser.parseString(lines.getLast()).getAsJsonObject();
        assertThat(report.get("device").getAsString()).isEqualTo("cpu:scalar");
        assertThat(report.get("passed").getAsInt()).isEqualTo(1);
        assertThat(report.get("failed").getAsInt()).isEqualTo(2);
        Map<String, JsonObject> cases = new LinkedHashMap<>();
        report.getAsJsonArray("cases")
                .forEach(each -> cases.put(each.getAsJsonObject().get("file").getAsString(), each.getAsJsonObject()));
        JsonObject good = cases.get(path(CASE).toString());
        assertThat(good.get("passed").getAsBoolean()).isTrue();
        assertThat(good.get("mismatches").getAsInt()).isZero();
        JsonObject forward = good.getAsJsonObject("forward");
        assertThat(forward.get("error").getAsDouble())
                .isLessThanOrEqualTo(forward.get("allowed").getAsDouble());
        assertThat(cases.get(changed.toString()).get("passed").getAsBoolean()).isFalse();
        JsonObject bad = cases.get(broken.toString());
        assertThat(bad.get("forward").isJsonNull()).isTrue();
        assertThat(bad.get("message").getAsString()).isNotEmpty();
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
    void emptyPathIsAUsageError() {
        Invocation empty = Invocation.of("verify", "");
        assertThat(empty.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(empty.err().lines()).singleElement().asString().contains("PATH '': got an empty path");
    }

    /** Whatever stands beside a good file and however it is called. */
    @Test
    @Timeout(120)
    void goodFilesAreVerifiedAmongBadOnes() throws Exception {
        Path good = copy(CASE);
        Path twin = copy(CASE, Files.createDirectory(folder.resolve("twin")));
        Path dangling = Files.createSymbolicLink(folder.resolve("dangling.safetensors"), folder.resolve("nowhere"));
        Path forging = Files.write(folder.resolve("x\n9 passed, 0 failed.safetensors"), new byte[100]);
        Path named = Files.createDirectory(folder.resolve("folder.safetensors"));
        Path empty = Files.createDirectory(folder.resolve("empty"));
        Path pipe = folder.resolve("pipe.safetensors");
        boolean piped = pipe(pipe);
        Invocation verify = Invocation.of(
                "verify",
                folder.toString(),
                folder.resolve("missing").toString(),
                empty.toString(),
                (piped ? pipe : dangling).toString());
        assertThat(verify.exitCode()).isEqualTo(Cli.FAILED);
        assertThat(verify.err()).isEmpty();
        List<String> lines = verify.out().lines().toList();
        assertThat(lines)
                .filteredOn(line -> line.startsWith("PASSED"))
                .satisfiesExactlyInAnyOrder(
                        line -> assertThat(line).startsWith("PASSED " + good + ": "),
                        line -> assertThat(line).startsWith("PASSED " + twin + ": "));
        assertThat(lines)
                .anyMatch(line -> line.startsWith("FAILED " + dangling + ": a link that leads nowhere"))
                .anyMatch(line ->
                        line.startsWith("FAILED " + folder + "/x\\n9 passed, 0 failed.safetensors: header length"))
                .anyMatch(line -> line.startsWith("FAILED " + named + ": got a folder"))
                .anyMatch(line -> line.startsWith("FAILED " + empty + ": no .safetensors file"))
                .anyMatch(line -> line.startsWith("FAILED " + folder.resolve("missing") + ": no such file"));
        assertThat(lines)
                .filteredOn(line -> line.startsWith("FAILED " + pipe + ": got a pipe"))
                .hasSize(piped ? 2 : 0);
        assertThat(lines)
                .hasSize(piped ? 11 : 10)
                .last()
                .isEqualTo(piped ? "2 passed, 7 failed" : "2 passed, 6 failed");
        assertThat(forging).exists();
    }

    /** Makes a named pipe; says so where it can't. */
    private static boolean pipe(Path path) throws InterruptedException {
        try {
            return new ProcessBuilder("mkfifo", path.toString()).start().waitFor() == 0;
        } catch (IOException absent) {
            System.out.println("VerifyCommandTest: without a pipe: " + absent.getMessage());
            return false;
        }
    }

    @Test
    void unknownDeviceIsAUsageError() {
        Invocation unknown = Invocation.of("verify", "--device", "cpu:abacus", folder.toString());
        assertThat(unknown.exitCode()).isEqualTo(Cli.USAGE);
        assertThat(unknown.err().lines()).singleElement().asString().contains("'cpu:abacus'", "cpu:scalar");
    }

    private Path path(String name) {
        return folder.resolve(name + ".safetensors");
    }

    private Path copy(String name) throws IOException {
        return copy(name, folder);
    }

    private static Path copy(String name, Path to) throws IOException {
        String file = name + ".safetensors";
        return Files.copy(Repository.file("golden").resolve(file), to.resolve(file));
    }
}
