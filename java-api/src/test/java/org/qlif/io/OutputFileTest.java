// SPDX-License-Identifier: Apache-2.0
package org.qlif.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputFileTest {
    private static final byte[] NEW = "new".getBytes(StandardCharsets.UTF_8);

    @TempDir
    private Path folder;

    private Path file;

    @BeforeEach
    void writeOld() throws IOException {
        file = Files.writeString(folder.resolve("picture.png"), "old");
    }

    @Test
    void preparingLeavesEverythingAsItIs() throws IOException {
        OutputFile.prepare("plot", file);
        assertThat(folder).isDirectoryContaining(file::equals);
        assertThat(folder.toFile().list()).hasSize(1);
        assertThat(file).hasContent("old");
    }

    @Test
    void takesTheOldFilesPlaceAndPermissions() throws IOException {
        assumeTrue(folder.getFileSystem().supportedFileAttributeViews().contains("posix"), "no POSIX permissions");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        OutputFile.prepare("plot", file).write(NEW);
        assertThat(file).hasContent("new");
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(PosixFilePermissions.fromString("rw-r-----"));
        assertThat(folder.toFile().list()).hasSize(1);
    }

    @Test
    void makesFolders() throws IOException {
        Path deep = folder.resolve("a").resolve("b").resolve("new.png");
        OutputFile.prepare("plot", deep).write(NEW);
        assertThat(deep).hasContent("new");
    }

    @Test
    void linksStayAndWhatTheyLeadToIsReplaced() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link.png"), Path.of("picture.png"));
        Path second = Files.createSymbolicLink(folder.resolve("second.png"), link);
        OutputFile.prepare("plot", second).write(NEW);
        assertThat(second).isSymbolicLink();
        assertThat(link).isSymbolicLink();
        assertThat(file).isRegularFile().hasContent("new");
        Path dangling = Files.createSymbolicLink(folder.resolve("dangling.png"), Path.of("later", "new.png"));
        OutputFile.prepare("plot", dangling).write(NEW);
        assertThat(dangling).isSymbolicLink().hasContent("new");
    }

    @Test
    void refusesWhatCantBeWrittenByNameAndReason() throws IOException {
        Path circle = folder.resolve("circle.png");
        Files.createSymbolicLink(circle, circle);
        refuses(circle, "a cycle of links");
        refuses(Files.createDirectory(folder.resolve("folder.png")), "it is not a file");
        refuses(file.resolve("below.png"), file + " is not a folder");
    }

    @Test
    void refusesAFolderThatCantBeWritten() throws IOException {
        Path readOnly = Files.createDirectory(folder.resolve("read-only"));
        assumeTrue(readOnly.toFile().setWritable(false) && !Files.isWritable(readOnly), "root writes everywhere");
        refuses(readOnly.resolve("new.png"), "access to");
    }

    private static void refuses(Path path, String reason) {
        assertThatIOException()
                .isThrownBy(() -> OutputFile.prepare("plot", path))
                .withMessageStartingWith("plot: can't write " + path + ": ")
                .withMessageContaining(reason);
    }

    @Test
    void aWriteThatFailsLeavesNothingBehind() throws IOException {
        Path taken = folder.resolve("taken.png");
        OutputFile output = OutputFile.prepare("plot", taken);
        Files.createFile(Files.createDirectory(taken).resolve("something"));
        assertThatIOException()
                .isThrownBy(() -> output.write(NEW))
                .withMessageStartingWith("plot: can't write " + taken);
        assertThat(folder.toFile().list()).containsExactlyInAnyOrder("picture.png", "taken.png");
        assertThat(file).hasContent("old");
    }
}
