// SPDX-License-Identifier: Apache-2.0
package org.qlif.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.DType;
import org.qlif.Tensor;

/** Files as NumPy 2 writes them, and broken and hostile ones. */
class NpyTest {
    @TempDir
    private Path folder;

    private static byte[] bytes(int version, String header, byte[] data) {
        byte[] text = header.getBytes(StandardCharsets.ISO_8859_1);
        ByteBuffer file = ByteBuffer.allocate(12 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', (byte) version, 0});
        if (version == 1) {
            file.putShort((short) text.length);
        } else {
            file.putInt(text.length);
        }
        file.put(text).put(data);
        byte[] bytes = new byte[file.position()];
        file.rewind().get(bytes);
        return bytes;
    }

    private static String header(String descr, boolean fortran, String shape) {
        return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape
                + ", }      \n";
    }

    private Path file(byte[] content) throws IOException {
        return Files.write(folder.resolve("array.npy"), content);
    }

    @Test
    void refusesTruthsThatAreNeither() {
        assertThatThrownBy(() -> read("|b1", false, "(3,)", "010002"))
                .isExactlyInstanceOf(FileFormatException.class)
                .hasMessageEndingWith("got 2 at index 2, expected 0 or 1");
    }

    private Tensor read(String descr, boolean fortran, String shape, String hex) throws IOException {
        return Npy.read(
                file(bytes(1, header(descr, fortran, shape), HexFormat.of().parseHex(hex))));
    }

    @Test
    void readsEveryTypeInEitherOrder() throws IOException {
        assertThat(read("<f4", false, "(2, 2)", "0000c03f000000c00000404000008040")
                        .toFloatArray())
                .containsExactly(1.5f, -2, 3, 4);
        Tensor doubles = read(">f8", false, "(2,)", "3fd55555555555557e37e43c8800759c");
        assertThat(doubles.type()).isEqualTo(DType.F32);
        assertThat(doubles.toFloatArray()).containsExactly(1 / 3f, Float.POSITIVE_INFINITY);
        assertThat(read("<f2", false, "(2,)", "0038ff7b").toFloatArray()).containsExactly(0.5f, 65504);
        assertThat(longs(read("|i1", false, "(2,)", "ff01"))).containsExactly(-1, 1);
        assertThat(longs(read(">i2", false, "(1,)", "fffe"))).containsExactly(-2);
        assertThat(longs(read("<i8", false, "()", "0100000000000080"))).containsExactly(Long.MIN_VALUE + 1);
        assertThat(longs(read("<u2", false, "(1,)", "ffff"))).containsExactly(65535);
        assertThat(longs(read("<u4", false, "(1,)", "ffffffff"))).containsExactly(4294967295L);
        assertThat(read("|u1", false, "(2,)", "ff07").toByteArray()).containsExactly(-1, 7);
        assertThat(read("|b1", false, "(2,)", "0100").toByteArray()).containsExactly(1, 0);
    }

    private static long[] longs(Tensor tensor) {
        assertThat(tensor.type()).isEqualTo(DType.I64);
        long[] values = new long[(int) tensor.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = tensor.segment().getAtIndex(ValueLayout.JAVA_LONG, i);
        }
        return values;
    }

    /** As numpy.asfortranarray stores [[0, 1, 2], [3, 4, 5]]. */
    @Test
    void fortranOrderIsTurned() throws IOException {
        Tensor turned = read("<i4", true, "(2, 3)", "000000000300000001000000040000000200000005000000");
        assertThat(turned.shape()).containsExactly(2, 3);
        assertThat(longs(turned)).containsExactly(0, 1, 2, 3, 4, 5);
        Tensor cube = read("|u1", true, "(2, 1, 3)", "000301040205");
        assertThat(cube.toByteArray()).containsExactly(0, 1, 2, 3, 4, 5);
        assertThat(read("<f4", true, "(0, 3)", "").elements()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"1", "2", "3"})
    void readsEveryVersionAndKeysInAnyOrder(int version) throws IOException {
        String header = "{'shape':(1,),'descr':'<f4','fortran_order':False}\n";
        assertThat(Npy.read(file(bytes(version, header, new byte[] {0, 0, (byte) 0x80, 0x3f})))
                        .toFloatArray())
                .containsExactly(1);
    }

    @Test
    void writesWhatItReads() throws IOException {
        Path file = folder.resolve("made").resolve("written.npy");
        Npy.write(file, Tensor.of(new float[] {1, Float.NaN, 3, 4, 5, 6}, 3, 1, 2));
        byte[] written = Files.readAllBytes(file);
        // As numpy.save writes it: a header that ends at a multiple of 64.
        assertThat(written).hasSize(128 + 24).startsWith(0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0);
        assertThat(new String(written, 10, 118, StandardCharsets.US_ASCII))
                .startsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1, 2), }")
                .endsWith(" \n");
        assertThat(Npy.read(file).shape()).containsExactly(3, 1, 2);
        assertThat(Npy.read(file).toFloatArray()).containsExactly(1, Float.NaN, 3, 4, 5, 6);
        Npy.write(file, Tensor.of(new byte[] {9, 8}, 2));
        assertThat(Npy.read(file).toByteArray()).containsExactly(9, 8);
        assertThat(Files.readString(file, StandardCharsets.ISO_8859_1)).contains("'|u1'", "(2,)");
        Tensor scalar = Tensor.zeros(DType.I64);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Npy.write(Channels.newChannel(bytes), scalar);
        assertThat(Npy.read(file(bytes.toByteArray())).rank()).isZero();
        assertThatThrownBy(() -> Npy.write(file, Tensor.zeros(DType.BIT, 3)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("tensor: got ")
                .hasMessageEndingWith("expected F32, I64 or U8");
        assertThat(Npy.read(file(bytes.toByteArray())).type()).isEqualTo(DType.I64);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }; got 8 bytes of data, expected those of f4 [3]",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }; got 8 bytes of data, expected those of f4 [1]",
                "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }; descr: got ''|O'', expected one of f2, f4",
                "{'descr': '<f16', 'fortran_order': False, 'shape': (2,), }; descr: got ''<f16''",
                "{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }; descr: got ''<u8''",
                "{'descr': '<b4', 'fortran_order': False, 'shape': (2,), }; descr: got ''<b4''",
                "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }; descr: got '[(",
                "{'descr': '<f4', 'fortran_order': 'no', 'shape': (2,), }; fortran_order: got ''no'', expected True or",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': (1,)}; header: got ''x': (1,)', expected the",
                "{'descr': '<f4', 'fortran_order': False, 'shape': True}; shape: got 'True', expected a tuple such as (500, 10)",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2 2)}; shape: got '(2 2)'",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2)}; shape: got 9 axes",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,4294967296)}; got 8 bytes of data, expected",
                "{'descr': '<f4', 'fortran_order': False, 'fortran_order': False, 'shape': (2,)}; key 'fortran_order' twice",
                "{'descr': '<f4', 'shape': (2,)}; expected the keys descr, fortran_order and shape",
                "'descr'; header: got ''descr'', expected a dictionary",
            })
    void refusesOtherHeaders(String header, String message) throws IOException {
        // Quotes inside of quotes, as the source of parameters has them.
        String problem = message.strip().replace("''", "'");
        Path file = file(bytes(1, header.strip(), new byte[8]));
        assertThatThrownBy(() -> Npy.read(file))
                .isInstanceOf(FileFormatException.class)
                .hasMessageStartingWith(file.toString())
                .satisfies(refusal ->
                        assertThat(refusal.getMessage().replace("''", "'")).contains(problem));
    }

    @Test
    void refusesOtherFilesByWhatTheyAre() throws IOException {
        assertRefused("PK\u0003\u0004 an archive of arrays", "got a zip archive, as torch.save");
        assertRefused("\u0080\u0004 a pickle of some kind", "got a Python pickle");
        assertRefused("step,neuron,input", "got other bytes at its start, expected a .npy file");
        assertRefused("\u0093NUMPY", "got 6 bytes, expected a .npy file");
        assertRefused("\u0093NUMPY\u0004\u0000\u0002\u0000{}", "version: got 4.0, expected 1.0, 2.0 or 3.0");
        assertRefused("\u0093NUMPY\u0001\u0000\u00ff\u0000{}", "header length: got 255, expected 2 to 2");
        assertRefused(
                "\u0093NUMPY\u0002\u0000\u00ff\u00ff\u00ff\u00ff{}", "header length: got 4294967295, expected 2 to 2");
        assertThatThrownBy(() -> Npy.read(folder))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("got a folder, expected a regular file");
        Path good = file(bytes(1, header("<f4", false, "(1,)"), new byte[4]));
        assertThatThrownBy(() -> Npy.read(good, 20)).hasMessageEndingWith("bytes, expected at most 20");
    }

    @Test
    void refusesAHeaderThatGoesOnAndOn() throws IOException {
        for (String more : new String[] {"1,", "[", "'", "{", ", ", "'descr': '<f4', "}) {
            String header = header("<f4", false, "(" + more.repeat(60_000 / more.length()) + ")");
            Path file = file(bytes(2, header, new byte[4]));
            assertThatThrownBy(() -> Npy.read(file)).isInstanceOf(FileFormatException.class);
        }
    }

    private void assertRefused(String content, String message) throws IOException {
        Path file = file(content.getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> Npy.read(file))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining(message);
    }

    /** Any byte of a good file changed: either it is read, or refused in one kind of exception. */
    @Test
    @Timeout(60)
    void damageIsReadOrRefused() throws IOException {
        byte[] good = bytes(1, header("<f4", true, "(2, 3)"), new byte[24]);
        Random random = new Random(7);
        int refused = 0;
        for (int i = 0; i < 1000; i++) {
            byte[] damaged = good.clone();
            for (int flips = random.nextInt(3); flips >= 0; flips--) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
            }
            Path file = file(damaged);
            try {
                assertThat(Npy.read(file).elements()).isLessThanOrEqualTo(24);
            } catch (FileFormatException refusal) {
                assertThat(refusal).hasMessageStartingWith(file.toString());
                refused++;
            }
        }
        assertThat(refused).isBetween(200, 950);
    }
}
