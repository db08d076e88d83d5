// SPDX-License-Identifier: Apache-2.0
package org.qlif.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.DType;
import org.qlif.Tensor;

/** Broken and hostile files end in one kind of exception that names the file and the fault. */
class SafetensorsTest {
    private static final String ONE = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";

    @TempDir
    private Path folder;

    /** The bytes of a file with this header and as many bytes of data. */
    static byte[] file(String header, int dataBytes) {
        return file(header.getBytes(StandardCharsets.UTF_8), dataBytes);
    }

    private static byte[] file(byte[] header, int dataBytes) {
        return ByteBuffer.allocate(8 + header.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .array();
    }

    private static byte[] withLength(long length, byte[] file) {
        return ByteBuffer.wrap(file.clone())
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(0, length)
                .array();
    }

    private static String entry(String dtype, String shape, String offsets) {
        return "{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
    }

    /** An entry of this name, whose shape is of another size than its data. */
    private static String named(String name) {
        return "{\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}";
    }

    @Test
    void readsTensorsAndMetadata() throws IOException {
        String header = "{\"__metadata__\":{\"k\":\"\\u00e9\"},"
                + "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]},"
                + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
                + "\"scalar\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[11,12]},"
                + "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,9223372036854775807,2],\"data_offsets\":[8,8]}}  ";
        byte[] bytes = file(header, 12);
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .position(bytes.length - 12)
                .putFloat(1.5f)
                .putFloat(-2f)
                .put(new byte[] {7, 8, 9, 10});
        Safetensors read = Safetensors.read(Files.write(folder.resolve("good.safetensors"), bytes));
        assertThat(read.names()).containsExactly("b", "a", "scalar", "empty");
        assertThat(read.metadata()).containsExactly(Map.entry("k", "é"));
        assertThat(read.tensor("a").toFloatArray()).containsExactly(1.5f, -2f);
        assertThat(read.shape("a")).containsExactly(2, 1);
        assertThat(read.tensor("b").toByteArray()).containsExactly(7, 8, 9);
        assertThat(read.tensor("scalar").toByteArray()).containsExactly(10);
        assertThat(read.tensor("empty").toFloatArray()).isEmpty();
        assertThatThrownBy(() -> read.shape("c"))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'c'");
    }

    private record Bad(byte[] bytes, String message) {}

    private static Bad header(String header, int dataBytes, String message) {
        return new Bad(file(header, dataBytes), message);
    }

    private static Bad entry(String dtype, String shape, String offsets, int dataBytes, String message) {
        return header(entry(dtype, shape, offsets), dataBytes, message);
    }

    @TestFactory
    Stream<DynamicTest> refusesBrokenFiles() {
        byte[] good = file(ONE, 8);
        Map<String, Bad> bad = new LinkedHashMap<>();
        bad.put("empty", new Bad(new byte[0], "at least 8"));
        bad.put("shorter than a length", new Bad(new byte[7], "at least 8"));
        bad.put("length 0", new Bad(withLength(0, good), "header length"));
        bad.put("length past the end", new Bad(withLength(good.length, good), "header length"));
        bad.put("huge length", new Bad(withLength(Long.MAX_VALUE, good), "header length"));
        bad.put("negative length", new Bad(withLength(-1, good), "18446744073709551615"));
        bad.put("length past the bound", header(" ".repeat(Safetensors.MAX_HEADER_BYTES + 1), 0, "header length"));
        bad.put("a name that forges a line", header(named("x\\n9 passed, 0 failed"), 8, "'x\\n9 passed, 0 failed'"));
        bad.put("a name that colours", header(named("\\u001b[31mred"), 8, "'\\u001B[31mred'"));
        bad.put("a name that turns round", header(named("\\u202Egnorw"), 8, "'\\u202Egnorw'"));
        bad.put("half a character as a name", header(named("\\uD800"), 8, "'\\uD800'"));
        bad.put("a name of 900 kB", header(named("n".repeat(900_000)), 8, "nnn...'"));
        bad.put(
                "a key of 900 kB",
                header(entry("\"F32\"", "[2],\"" + "k".repeat(900_000) + "\":1", "[0,8]"), 8, "kkk...'"));
        bad.put("a type of 900 kB", entry("\"" + "F".repeat(900_000) + "\"", "[2]", "[0,8]", 8, "FFF...'"));
        bad.put(
                "an extent of 900 kB",
                entry("\"F32\"", "[" + "9".repeat(900_000) + "]", "[0,8]", 8, "999..., expected"));
        bad.put(
                "an extent of 900 digits",
                entry("\"F32\"", "[" + "9".repeat(900) + "]", "[0,8]", 8, "999..., expected"));
        bad.put("truncated data", new Bad(Arrays.copyOf(good, good.length - 1), "expected at most 7"));
        bad.put("trailing data", new Bad(Arrays.copyOf(good, good.length + 1), "1 bytes after the last tensor"));
        bad.put("no tensor, but data", header("{}", 4, "4 bytes after"));
        bad.put("header that ends early", new Bad(withLength(20, good), "header"));
        bad.put("text after the object", header(ONE + "x", 8, "header"));
        bad.put("second object", header(ONE + "{}", 8, "header"));
        bad.put("not an object", header("[]", 0, "expected '{'"));
        bad.put("not JSON", header("hello", 0, "header"));
        bad.put("single quotes", header(ONE.replace('"', '\''), 8, "header"));
        bad.put("comment", header("/* */" + ONE, 8, "header"));
        bad.put(
                "trailing comma",
                header("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},}", 4, "header"));
        bad.put("byte order mark", header("\uFEFF" + ONE, 8, "expected '{'"));
        bad.put("not UTF-8", new Bad(file(new byte[] {'{', '"', (byte) 0xC3, (byte) 0x28, '"', '}'}, 0), "UTF-8"));
        bad.put(
                "surrogates in UTF-8",
                new Bad(file(new byte[] {'{', '"', (byte) 0xED, (byte) 0xA0, (byte) 0x80, '"', '}'}, 0), "UTF-8"));
        bad.put("deep nesting", header("{\"a\":" + "[".repeat(500_000), 0, "an array, expected a JSON object"));
        bad.put(
                "deep nesting in a shape",
                entry("\"F32\"", "[".repeat(400_000) + "]".repeat(400_000), "[0,8]", 8, "shape"));
        bad.put("deep metadata", header("{\"__metadata__\":" + "{\"a\":".repeat(100_000), 0, "metadata"));
        bad.put(
                "a tensor twice",
                header("{" + ONE.substring(1, ONE.length() - 1) + "," + ONE.substring(1), 8, "'a' twice"));
        bad.put("metadata twice", header("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice"));
        bad.put("a metadata key twice", header("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "'k' twice"));
        bad.put("metadata that is no text", header("{\"__metadata__\":{\"k\":1}}", 0, "a number, expected text"));
        bad.put("shape twice", header(ONE.replace("\"dtype\"", "\"shape\":[2],\"dtype\""), 8, "'shape' twice"));
        bad.put("an unknown key", header(ONE.replace("\"shape\"", "\"strides\":[1],\"shape\""), 8, "'strides'"));
        bad.put("no shape", header("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "incomplete"));
        bad.put("an empty entry", header("{\"a\":{}}", 0, "incomplete"));
        bad.put("an entry that is null", header("{\"a\":null}", 0, "'a': got null"));
        bad.put("unknown type", entry("\"BF16\"", "[4]", "[0,8]", 8, "'BF16'"));
        bad.put("type that is no text", entry("32", "[2]", "[0,8]", 8, "dtype"));
        bad.put("negative extent", entry("\"F32\"", "[-2]", "[0,8]", 8, "-2"));
        bad.put("fraction as an extent", entry("\"F32\"", "[2.0]", "[0,8]", 8, "2.0"));
        bad.put("exponent as an extent", entry("\"F32\"", "[2e0]", "[0,8]", 8, "2e0"));
        bad.put("text as an extent", entry("\"F32\"", "[\"2\"]", "[0,8]", 8, "text, expected a number"));
        bad.put("extent past 2^63", entry("\"F32\"", "[9223372036854775808]", "[0,8]", 8, "9223372036854775808"));
        bad.put("product past 2^63", entry("\"F32\"", "[4294967296,4294967296]", "[0,8]", 8, "2^63"));
        bad.put("bytes past 2^63", entry("\"F32\"", "[4611686018427387906]", "[0,8]", 8, "got 8 bytes"));
        bad.put("too many extents", entry("\"F32\"", "[" + "1,".repeat(8) + "2]", "[0,8]", 8, "more than 8"));
        bad.put("shape and bytes differ", entry("\"F32\"", "[3]", "[0,8]", 8, "got 8 bytes"));
        bad.put("one offset", entry("\"F32\"", "[2]", "[0]", 8, "data_offsets"));
        bad.put("three offsets", entry("\"F32\"", "[2]", "[0,8,8]", 8, "data_offsets"));
        bad.put("negative offset", entry("\"F32\"", "[2]", "[-8,0]", 8, "-8"));
        bad.put("offsets in the wrong order", entry("\"F32\"", "[2]", "[8,0]", 8, "begin <= end"));
        bad.put("offsets past the end", entry("\"F32\"", "[2]", "[8,16]", 8, "expected from 0"));
        bad.put(
                "huge offsets",
                entry("\"F32\"", "[2]", "[9223372036854775799,9223372036854775807]", 8, "expected from 0"));
        bad.put(
                "a hole",
                header(
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                                + "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
                        3,
                        "'b'"));
        bad.put(
                "an overlap",
                header(
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                                + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                        3,
                        "'b'"));
        return bad.entrySet().stream()
                .map(each -> dynamicTest(each.getKey(), () -> {
                    Path path = Files.write(
                            folder.resolve("bad.safetensors"), each.getValue().bytes());
                    assertThatThrownBy(() -> Safetensors.read(path))
                            .isExactlyInstanceOf(FileFormatException.class)
                            .hasMessageStartingWith(path.toString())
                            .hasMessageContaining(each.getValue().message())
                            .satisfies(SafetensorsTest::oneLine);
                }));
    }

    /** A message is one line of bounded length. */
    static void oneLine(Throwable refused) {
        assertThat(refused.getMessage())
                .hasSizeLessThan(2000)
                .doesNotContainPattern("[\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029]");
    }

    /** Read and written in pieces of a mebibyte: a tensor of some, with a part of one at its end. */
    @Test
    void tensorsLongerThanAPieceComeBack() throws IOException {
        float[] values = new float[(3 << 18) + 5];
        for (int i = 0; i < values.length; i++) {
            values[i] = i;
        }
        Path path = folder.resolve("long.safetensors");
        Safetensors.write(
                path, Map.of(), Map.of("a", Tensor.of(values, values.length), "b", Tensor.of(new float[0], 0)));
        Safetensors read = Safetensors.read(path);
        assertThat(read.tensor("a").toFloatArray()).isEqualTo(values);
        assertThat(read.tensor("b").elements()).isZero();
    }

    @Test
    void refusesWhatIsNoFile() throws IOException {
        assertThatThrownBy(() -> Safetensors.read(folder))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessage(folder + ": got a folder, expected a regular file");
    }

    @Test
    void refusesDevices() {
        Path zero = Path.of("/dev/zero");
        assumeTrue(Files.exists(zero), "skipped: no /dev/zero here");
        assertThatThrownBy(() -> Safetensors.read(zero))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessageContaining("expected a regular file");
    }

    /** A file is asked for its size first; another program may cut it short at any byte after that. */
    @Test
    void refusesFilesThatAreCutShortWhileRead() throws IOException {
        byte[] good = file(ONE, 8);
        Path path = folder.resolve("short.safetensors");
        for (int end = 0; end < good.length; end++) {
            ReadableByteChannel channel = Channels.newChannel(new ByteArrayInputStream(good, 0, end));
            assertThatThrownBy(() -> Safetensors.read(path, channel, good.length, Arena.ofAuto()))
                    .isExactlyInstanceOf(FileFormatException.class)
                    .hasMessageContainingAll(path.toString(), "truncated while");
        }
    }

    /** The same with a true file, which keeps growing and shrinking. */
    @Test
    @Timeout(60)
    void survivesFilesThatChange() throws Exception {
        Path path = folder.resolve("restless.safetensors");
        byte[] good = file(ONE.replace("[2]", "[200000]").replace("[0,8]", "[0,800000]"), 800_000);
        Files.write(path, good);
        AtomicBoolean done = new AtomicBoolean();
        Thread writer = new Thread(() -> {
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                while (!done.get()) {
                    channel.truncate(100);
                    channel.write(ByteBuffer.wrap(good), 0);
                }
            } catch (IOException problem) {
                throw new UncheckedIOException(problem);
            }
        });
        writer.start();
        try {
            for (int i = 0; i < 200; i++) {
                try (Arena arena = Arena.ofConfined()) {
                    assertThat(Safetensors.read(path, arena, 1 << 20).names()).containsExactly("a");
                } catch (FileFormatException refused) {
                    assertThat(refused).hasMessageStartingWith(path.toString());
                }
            }
        } finally {
            done.set(true);
            writer.join();
        }
    }

    @Test
    void leavesMissingFilesToTheSystem() {
        assertThatThrownBy(() -> Safetensors.read(folder.resolve("missing.safetensors")))
                .isExactlyInstanceOf(NoSuchFileException.class);
    }

    @Test
    void writesWhatItReads() throws IOException {
        Tensor floats = Tensor.of(new float[] {1.5f, -0f, Float.NaN, Float.MIN_VALUE, 5, 6}, 2, 3);
        Tensor bytes = Tensor.of(new byte[] {1, -1, 7}, 3);
        Tensor longs = Tensor.of(DType.I64, MemorySegment.ofArray(new long[] {Long.MIN_VALUE, 3}), 2);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("bytes", bytes);
        tensors.put("a \"name\" \\ of\n\u00e9 \ud83d\ude00", floats);
        tensors.put("empty", Tensor.zeros(DType.F32, 0, 5));
        tensors.put("scalar", Tensor.of(new float[] {4}));
        tensors.put("longs", longs);
        Map<String, String> metadata = Map.of("key", "\u0001 \t \"quoted\" \\ \u2028");
        Path path = folder.resolve("written.safetensors");
        Safetensors.write(path, metadata, tensors);
        byte[] first = Files.readAllBytes(path);
        Safetensors read = Safetensors.read(path);
        assertThat(read.metadata()).isEqualTo(metadata);
        assertThat(read.names()).containsExactlyInAnyOrderElementsOf(tensors.keySet());
        tensors.forEach((name, tensor) -> {
            assertThat(read.type(name)).isEqualTo(tensor.type());
            assertThat(read.shape(name)).isEqualTo(tensor.shape());
            assertThat(read.tensor(name).segment().mismatch(tensor.segment())).isEqualTo(-1);
            assertThat(read.tensor(name).segment().isReadOnly()).isTrue();
        });
        assertThat(ByteBuffer.wrap(first).order(ByteOrder.LITTLE_ENDIAN).getLong(0) % 8)
                .isZero();
        Safetensors.write(path, metadata, tensors);
        assertThat(Files.readAllBytes(path)).isEqualTo(first);
        Safetensors.write(path, Map.of(), Map.of());
        assertThat(Safetensors.read(path).names()).isEmpty();
        assertThat(folder.toFile().list()).containsExactly("written.safetensors");
    }

    @Test
    void writesNothingThatItCouldNotRead() throws IOException {
        Path path = Files.writeString(folder.resolve("old.safetensors"), "old");
        Tensor one = Tensor.zeros(DType.F32, 1);
        refusesToWrite(path, Map.of(), Map.of("__metadata__", one), "'__metadata__'");
        refusesToWrite(path, Map.of(), Map.of("half \ud800", one), "unpaired surrogates");
        refusesToWrite(path, Map.of("key", "half \udc00"), Map.of(), "unpaired surrogates");
        refusesToWrite(path, Map.of(), Map.of("bits", Tensor.zeros(DType.BIT, 1, 1, 64)), "'bits': got BIT[1, 1, 64]");
        refusesToWrite(path, Map.of("key", "x".repeat(Safetensors.MAX_HEADER_BYTES)), Map.of(), "got a header of");
        assertThat(path).hasContent("old");
        assertThat(folder.toFile().list()).hasSize(1);
    }

    private static void refusesToWrite(
            Path path, Map<String, String> metadata, Map<String, Tensor> tensors, String message) {
        assertThatThrownBy(() -> Safetensors.write(path, metadata, tensors))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    @Test
    void namesOtherFormats() throws IOException {
        Map<String, byte[]> others = Map.of(
                "a Python pickle", new byte[] {(byte) 0x80, 4, (byte) 0x95, 0x1a, 0, 0, 0, 0, 0, 0, 0, (byte) 0x8c},
                "a zip archive", "PK\u0003\u0004 and what follows".getBytes(StandardCharsets.ISO_8859_1),
                "an HDF5 file", "\u0089HDF\r\n\u001a\n and more".getBytes(StandardCharsets.ISO_8859_1),
                "a .npy file", "\u0093NUMPY\u0001\u0000v\u0000".getBytes(StandardCharsets.ISO_8859_1),
                "a gzip file", new byte[] {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0, 0, 0});
        for (Map.Entry<String, byte[]> other : others.entrySet()) {
            Path path = Files.write(folder.resolve("other"), other.getValue());
            assertThatThrownBy(() -> Safetensors.read(path))
                    .isExactlyInstanceOf(FileFormatException.class)
                    .hasMessageContainingAll("got " + other.getKey(), "expected a safetensors file");
        }
        // A pickle whose second byte to eighth make a length that could be one: the next byte tells.
        byte[] pickle = new byte[2000];
        pickle[0] = (byte) 0x80;
        pickle[1] = 2;
        Path path = Files.write(folder.resolve("other"), pickle);
        assertThatThrownBy(() -> Safetensors.read(path)).hasMessageContaining("got a Python pickle");
    }

    @Test
    void readsBooleansAsBytes() throws IOException {
        byte[] bytes = file(entry("\"BOOL\"", "[2]", "[0,2]"), 2);
        bytes[bytes.length - 1] = 1;
        Path path = Files.write(folder.resolve("bool.safetensors"), bytes);
        assertThat(Safetensors.read(path).tensor("a").toByteArray()).containsExactly(0, 1);
        bytes[bytes.length - 2] = 2;
        Files.write(path, bytes);
        assertThatThrownBy(() -> Safetensors.read(path))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessageContaining("got 2 at index 0, expected 0 or 1");
    }

    /** Whatever bytes of a good file are changed, it is read or refused. */
    @Test
    @Timeout(60)
    void survivesFlippedBytes() throws IOException {
        Path path = folder.resolve("flipped.safetensors");
        Safetensors.write(
                path,
                Map.of("format", "qlif", "layers", "1"),
                Map.of("a", Tensor.zeros(DType.F32, 2, 3), "b", Tensor.zeros(DType.U8, 5)));
        byte[] good = Files.readAllBytes(path);
        Random random = new Random(1);
        int refused = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = good.clone();
            for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
            bytes = random.nextInt(8) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length + 20)) : bytes;
            try {
                Safetensors.read(
                        path, Channels.newChannel(new ByteArrayInputStream(bytes)), bytes.length, Arena.ofAuto());
            } catch (FileFormatException known) {
                oneLine(known);
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(10_000);
    }
}
