// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.io.FileFormatException;
import org.qlif.io.Safetensors;

/** The forms of docs/checkpoints.md. */
class CheckpointReaderTest {
    @TempDir
    private Path folder;

    private CheckpointReader reader(String value) throws IOException {
        Path file = folder.resolve("file.safetensors");
        Safetensors.write(
                file, Map.of("format", "qlif", "format_version", "1", "layers", "1", "value", value), Map.of());
        return CheckpointReader.open(file);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "7", "-7", "9223372036854775807", "-9223372036854775808"})
    void readsWholeNumbers(String text) throws IOException {
        assertThat(reader(text).whole("value", Long.MIN_VALUE, Long.MAX_VALUE)).isEqualTo(Long.parseLong(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " 7",
                "7 ",
                "+7",
                "-0",
                "07",
                "7.0",
                "0x7",
                "٧",
                "9223372036854775808",
                "99999999999999999999"
            })
    void refusesOtherWholeNumbers(String text) throws IOException {
        CheckpointReader reader = reader(text);
        assertThatThrownBy(() -> reader.whole("value", Long.MIN_VALUE, Long.MAX_VALUE))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessageContaining("value: got '" + text + "', expected ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.001", "1.0E-8", "1e-08", "-3", "1.7976931348623157E308", "4.9E-324", "0.0"})
    void readsRealNumbers(String text) throws IOException {
        assertThat(reader(text).real("value")).isEqualTo(Double.parseDouble(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "NaN", "Infinity", "1e999", "1.", ".5", "1d", "0x1p3", " 1", "1,5"})
    void refusesOtherRealNumbers(String text) throws IOException {
        CheckpointReader reader = reader(text);
        assertThatThrownBy(() -> reader.real("value"))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessageContaining("value: got '" + text + "', expected a finite decimal number");
    }

    /** A file with holes takes no room on a disk, and all that its length says in memory. */
    @Test
    void refusesFilesThatAreLargerThanMemory() throws IOException {
        Path sparse = folder.resolve("sparse.safetensors");
        String header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1099511627776],\"data_offsets\":[0,1099511627776]}}";
        ByteBuffer start = ByteBuffer.allocate(8 + header.length())
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length())
                .put(header.getBytes(StandardCharsets.UTF_8))
                .flip();
        try (FileChannel channel = FileChannel.open(
                sparse, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            channel.write(start);
            channel.write(ByteBuffer.wrap(new byte[1]), 8 + header.length() + (1L << 40) - 1);
        }
        assertThatThrownBy(() -> CheckpointReader.open(sparse))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessageContainingAll("got " + Files.size(sparse) + " bytes", "heap");
    }
}
