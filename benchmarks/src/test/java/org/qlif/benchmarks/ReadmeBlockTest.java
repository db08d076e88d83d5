package org.qlif.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.training.OutputFile;

class ReadmeBlockTest {
    @TempDir
    private Path folder;

    @Test
    void onlyWhatLiesBetweenTheMarkersChanges() throws IOException {
        Path readme = folder.resolve("README.md");
        Files.writeString(readme, "# Title\n" + ReadmeBlock.BEGIN + "\nold\nolder\n" + ReadmeBlock.END + "\nrest\n");

        OutputFile file = ReadmeBlock.prepare(readme);
        ReadmeBlock.write(file, "\nnew\n\n");
        ReadmeBlock.write(file, "newer");

        assertThat(readme).hasContent("# Title\n" + ReadmeBlock.BEGIN + "\nnewer\n" + ReadmeBlock.END + "\nrest\n");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ReadmeBlock.BEGIN,
                ReadmeBlock.END + ReadmeBlock.BEGIN,
                ReadmeBlock.BEGIN + ReadmeBlock.BEGIN + ReadmeBlock.END,
                ReadmeBlock.BEGIN + ReadmeBlock.END + ReadmeBlock.END
            })
    void aTextWithoutOnePairOfMarkersIsRefused(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ReadmeBlock.replace(text, "new", "README.md"))
                .withMessageStartingWith("README.md: expected one '" + ReadmeBlock.BEGIN + "'");
    }
}
