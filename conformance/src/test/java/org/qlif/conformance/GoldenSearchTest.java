// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.Device;
import org.qlif.KernelOptions;

/** What paths lead to: every good file is verified, whatever stands beside it. */
@Timeout(120)
class GoldenSearchTest {
    private static final String CASE = "spec-003-qubit-single_qubit";

    private final GoldenVerifier verifier =
            new GoldenVerifier(Device.of("cpu:scalar"), KernelOptions.defaults().withThreads(1));
    private final List<String> lines = new ArrayList<>();

    @TempDir
    private Path folder;

    private Path good;

    @BeforeEach
    void copyAGoodCase() throws IOException {
        good = copy(folder.resolve("good.safetensors"));
    }

    private static Path copy(Path to) throws IOException {
        return Files.copy(Golden.folder().resolve(CASE + ".safetensors"), to);
    }

    private GoldenSummary verify(Path... paths) {
        return verifier.verify(GoldenVerifier.find(List.of(paths)), result -> lines.add(result.toLine()));
    }

    private void failedBesideTheGoodOne(Path bad, String message) {
        for (GoldenSummary summary : List.of(verify(folder), verify(bad, good))) {
            assertThat(summary).as(lines.toString()).isEqualTo(new GoldenSummary(1, 1));
        }
        assertThat(lines)
                .hasSize(4)
                .filteredOn(line -> line.startsWith("FAILED"))
                .allSatisfy(line ->
                        assertThat(line).startsWith("FAILED " + bad + ": ").contains(message));
    }

    @Test
    void findsFilesAndFolders() {
        assertThat(GoldenVerifier.find(List.of(good))).isEqualTo(new GoldenFiles(List.of(good), List.of()));
        assertThat(GoldenVerifier.find(List.of(folder))).isEqualTo(new GoldenFiles(List.of(good), List.of()));
    }

    @Test
    void tellsCasesOfOneNameApart() throws IOException {
        for (String name : List.of("a", "b", "c")) {
            copy(Files.createDirectory(folder.resolve(name)).resolve("x.safetensors"));
        }
        assertThat(verify(folder.resolve("a"), folder.resolve("b"), folder.resolve("c")))
                .isEqualTo(new GoldenSummary(3, 0));
        assertThat(lines)
                .zipSatisfy(
                        List.of("a", "b", "c"),
                        (line, name) -> assertThat(line)
                                .startsWith("PASSED " + folder.resolve(name).resolve("x.safetensors") + ": "));
    }

    @Test
    void goesOnAfterAPipe() throws IOException {
        failedBesideTheGoodOne(Pipes.make(folder.resolve("bad.safetensors")), "expected a regular file");
    }

    @Test
    void goesOnAfterALinkToADevice() throws IOException {
        Path zero = Path.of("/dev/zero");
        assumeFalse(Files.notExists(zero), "skipped: no /dev/zero here");
        failedBesideTheGoodOne(
                Files.createSymbolicLink(folder.resolve("bad.safetensors"), zero), "expected a regular file");
    }

    @Test
    void goesOnAfterADanglingLink() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("bad.safetensors"), folder.resolve("nowhere"));
        failedBesideTheGoodOne(link, "a link that leads nowhere");
    }

    @Test
    void goesOnAfterALinkToItself() throws IOException {
        Path link = folder.resolve("bad.safetensors");
        failedBesideTheGoodOne(Files.createSymbolicLink(link, link), "can't be read");
    }

    @Test
    void goesOnAfterAnEmptyFile() throws IOException {
        failedBesideTheGoodOne(Files.createFile(folder.resolve("bad.safetensors")), "got 0 bytes");
    }

    @Test
    void goesOnAfterAFolderWithTheNameOfAFile() throws IOException {
        Path bad = Files.createDirectory(folder.resolve("bad.safetensors"));
        assertThat(verify(folder)).isEqualTo(new GoldenSummary(1, 1));
        assertThat(lines)
                .anySatisfy(line ->
                        assertThat(line).isEqualTo("FAILED " + bad + ": got a folder, expected a regular file"));
    }

    @Test
    void goesOnAfterWhatIsMissing() throws IOException {
        Path empty = Files.createDirectory(folder.resolve("empty"));
        Path missing = folder.resolve("missing");
        assertThat(verify(missing, empty, Path.of(""), good.resolve("below"), good))
                .isEqualTo(new GoldenSummary(1, 4));
        assertThat(lines).hasSize(5);
        assertThat(lines)
                .contains(
                        "FAILED " + missing + ": no such file or folder",
                        "FAILED " + empty + ": no .safetensors file in this folder",
                        "FAILED '': got an empty path, expected a file or folder");
    }

    @Test
    void goesOnAfterAFolderThatCannotBeRead() throws IOException {
        Path closed = Files.createDirectory(folder.resolve("closed"));
        Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("---------"));
        try {
            assumeFalse(Files.isReadable(closed), "skipped: root reads every folder");
            assertThat(verify(folder)).isEqualTo(new GoldenSummary(1, 1));
            assertThat(lines).contains("FAILED " + closed + ": access denied");
            assertThat(GoldenVerifier.find(List.of(closed)).isEmpty()).isFalse();
        } finally {
            Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx------"));
        }
    }

    @Test
    void findsNothing() throws IOException {
        Path empty = Files.createDirectory(folder.resolve("empty"));
        GoldenFiles found = GoldenVerifier.find(List.of(folder.resolve("missing"), empty, Path.of("")));
        assertThat(found.isEmpty()).isTrue();
        assertThat(found.missed())
                .extracting(GoldenFiles.Missed::reason)
                .containsExactly(
                        "no such file or folder",
                        "no .safetensors file in this folder",
                        "got an empty path, expected a file or folder");
    }

    @Test
    void followsLinksToFolders() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), Files.createDirectory(folder.resolve("real")));
        Path real = copy(folder.resolve("real").resolve("x.safetensors"));
        assertThat(GoldenVerifier.find(List.of(link)).files()).containsExactly(link.resolve(real.getFileName()));
        Path outer = Files.createDirectory(folder.resolve("outer"));
        Path inner = Files.createSymbolicLink(outer.resolve("inner"), folder.resolve("real"));
        assertThat(GoldenVerifier.find(List.of(outer)).files()).containsExactly(inner.resolve(real.getFileName()));
    }

    /** Once, and by the name it has without a link. */
    @Test
    void verifiesAFolderOnceThatLinksLeadTo() throws IOException {
        Path real = copy(Files.createDirectory(folder.resolve("m")).resolve("x.safetensors"));
        for (String name : List.of("a", "z")) {
            Files.createSymbolicLink(folder.resolve(name), real.getParent());
        }
        Path inner = Files.createSymbolicLink(real.resolveSibling("up"), folder);
        assertThat(GoldenVerifier.find(List.of(folder)).files()).containsExactly(good, real);
        assertThat(GoldenVerifier.find(List.of(folder, inner)).files()).hasSize(4);
    }

    @Test
    void endsInFoldersOfTooMuch() throws IOException {
        Path wide = Files.createDirectory(folder.resolve("wide"));
        copy(wide.resolve("x.safetensors"));
        GoldenFiles found = GoldenSearch.of(List.of(wide, good), 1);
        assertThat(found.missed()).isEmpty();
        assertThat(found.files()).hasSize(2);
        Files.createFile(wide.resolve("y"));
        found = GoldenSearch.of(List.of(wide, good), 1);
        assertThat(found.files()).contains(good);
        assertThat(found.missed())
                .containsExactly(
                        new GoldenFiles.Missed(wide, false, "got more than 1 files and folders, expected fewer"));
        assertThat(found.isEmpty()).isFalse();
    }

    @Test
    void endsInLoopsOfLinks() throws IOException {
        Path a = Files.createDirectory(folder.resolve("a"));
        Path b = Files.createDirectory(folder.resolve("b"));
        for (int i = 0; i < 20; i++) {
            Files.createSymbolicLink(a.resolve("to-b" + i), b);
            Files.createSymbolicLink(b.resolve("to-a" + i), a);
            Files.createSymbolicLink(b.resolve("up" + i), folder);
        }
        GoldenFiles found = GoldenVerifier.find(List.of(folder));
        assertThat(found.files()).containsExactly(good);
        assertThat(found.missed()).isEmpty();
    }
}
