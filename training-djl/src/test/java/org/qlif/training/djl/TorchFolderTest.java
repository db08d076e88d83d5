// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class TorchFolderTest {
    private static final String OPTION = "ENGINE_CACHE_DIR";

    @TempDir
    private Path folder;

    private final String home = System.getProperty("user.home");

    @BeforeEach
    void requireNoSettings() {
        assumeTrue(
                System.getenv(OPTION) == null && System.getenv("DJL_CACHE_DIR") == null,
                "the environment names the engine's folder");
    }

    @AfterEach
    void restore() {
        System.clearProperty(OPTION);
        System.setProperty("user.home", home);
    }

    private static void refuses(Path cache, String reason) {
        System.setProperty(OPTION, cache.toString());
        assertThatIOException()
                .isThrownBy(TorchFolder::requireUsable)
                .withMessageStartingWith("PyTorch's libraries can't be used from " + cache.resolve("pytorch") + ": ")
                .withMessageContainingAll(reason, "; set ENGINE_CACHE_DIR");
    }

    @Test
    void aFileInTheFoldersPlaceIsNamed() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        refuses(file, file + " is not a folder");
        refuses(file.resolve("deeper"), file + " is not a folder");
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "only Linux has /proc")
    void aFolderThatCantBeWrittenOrHasNoRoomIsNamed() {
        refuses(Path.of("/proc/cache"), "/proc");
    }

    @Test
    void noHomeIsSaidAndNothingIsWritten() {
        System.setProperty("user.home", "?");
        assertThatIOException()
                .isThrownBy(TorchFolder::requireUsable)
                .withMessageContainingAll("home folder, and there is none", "set ENGINE_CACHE_DIR");
        assertThat(Path.of("?")).doesNotExist();
    }

    @Test
    void aFolderThatIsNotThereYetWillDo() throws IOException {
        assumeTrue(Files.getFileStore(folder).getUsableSpace() > 1L << 30, "less than 1 GiB of room");
        System.setProperty(OPTION, folder.resolve("new").resolve("deeper").toString());
        assertThatCode(TorchFolder::requireUsable).doesNotThrowAnyException();
        assertThat(folder).isEmptyDirectory();
    }
}
