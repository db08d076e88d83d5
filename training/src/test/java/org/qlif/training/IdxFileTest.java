// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class IdxFileTest {
    private static final byte[] PIXELS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    private static final byte[] IMAGES = TestData.images(2, 3, 2, PIXELS);

    @TempDir
    private Path folder;

    @Test
    void readsPlainFiles() throws IOException {
        IdxFile read = IdxFile.read(file(IMAGES), 3);
        assertThat(read.shape()).containsExactly(2, 3, 2);
        assertThat(read.elements()).isEqualTo(PIXELS);
    }

    @Test
    void readsGzippedFilesWhateverTheirName() throws IOException {
        assertThat(IdxFile.read(file(TestData.gzip(IMAGES)), 3).elements()).isEqualTo(PIXELS);
    }

    @Test
    void findsTheUsualSpellings() throws IOException {
        for (String name : new String[] {
            "train-images-idx3-ubyte.gz",
            "train-images-idx3-ubyte",
            "train-images.idx3-ubyte.gz",
            "train-images.idx3-ubyte"
        }) {
            Path only = Files.createDirectory(folder.resolve("of-" + name));
            Files.write(only.resolve(name), IMAGES);
            assertThat(IdxFile.find(only, "train-images-idx3-ubyte", 3).file().getFileName())
                    .hasToString(name);
        }
    }

    @Test
    void saysThatAFileIsNoFolder() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        assertThatThrownBy(() -> IdxFile.find(file, "train-images-idx3-ubyte", 3))
                .isInstanceOf(IdxException.class)
                .hasMessageContainingAll("file", "is no folder");
    }

    @Test
    void namesTheFolderThatIsMissing() {
        assertThatThrownBy(() -> IdxFile.find(folder.resolve("none"), "train-images-idx3-ubyte", 3))
                .isInstanceOf(IdxException.class)
                .hasMessageContainingAll("none", "no such folder");
    }

    @Test
    void namesTheFileThatIsMissing() {
        assertThatThrownBy(() -> IdxFile.find(folder, "t10k-labels-idx1-ubyte", 1))
                .isInstanceOf(IdxException.class)
                .hasMessageContainingAll(folder.toString(), "no such file", "t10k-labels-idx1-ubyte.gz");
    }

    @Test
    void refusesAnotherMagicNumber() {
        refused(new byte[] {'P', 'K', 3, 4, 5}, "starts with [50, 4b, 03, 04]", "expected [00, 00, 08, 03]");
    }

    @Test
    void refusesAnotherNumberOfDimensions() {
        refused(TestData.labels((byte) 1), "starts with [00, 00, 08, 01]", "3 dimensions");
    }

    @Test
    void refusesAnEmptyFile() {
        refused(new byte[0], "starts with []");
    }

    @Test
    void refusesAHeaderThatEndsEarly() {
        refused(Arrays.copyOf(IMAGES, 11), "header ends in the extent of dimension 1", "got 3");
    }

    @Test
    void refusesDataThatEndEarly() {
        refused(Arrays.copyOf(IMAGES, IMAGES.length - 1), "truncated", "got 11", "expected 12");
    }

    @Test
    void refusesDataThatGoOn() {
        refused(Arrays.copyOf(IMAGES, IMAGES.length + 1), "has more than the 12 bytes");
    }

    @Test
    void refusesTruncatedGzip() {
        byte[] packed = TestData.gzip(IMAGES);
        refused(Arrays.copyOf(packed, packed.length - 9), "truncated");
    }

    @Test
    void refusesDamagedGzip() {
        byte[] packed = TestData.gzip(TestData.images(1, 100, 100, new byte[10_000]));
        packed[packed.length - 6] ^= 0x55;
        refused(packed, "damaged gzip data");
    }

    @Test
    void refusesExtentsOutOfRange() {
        refused(TestData.images(0, 3, 2, new byte[0]), "extent of dimension 0 is 0", "expected 1 to");
        refused(TestData.images(1, 5000, 2, new byte[0]), "extent of dimension 1 is 5000", "1 to 4096");
        refused(TestData.images(-1, 3, 2, new byte[0]), "extent of dimension 0 is 4294967295");
    }

    @Test
    void refusesToReadWhatWouldFillTheMemory() {
        refused(TestData.images(100_000_000, 256, 256, PIXELS), "declares 6553600000000 bytes", "at most 268435456");
        refused(TestData.images(1, 4096, 4096, PIXELS), "images of 4096x4096", "16777216 pixels", "at most 65536");
        refused(TestData.images(2, 2048, 2048, PIXELS), "images of 2048x2048", "4194304 pixels", "at most 65536");
        refused(TestData.gzip(TestData.images(100_000_000, 4096, 4096, PIXELS)), "4096x4096", "at most 65536");
    }

    @Test
    void allocatesNoMoreThanWhatArrives() throws IOException {
        byte[] declaring = TestData.images(4096, 256, 256, PIXELS);
        assertThat(allocatedBy(() -> refused(declaring, "truncated", "got 12 ", "expected 268435456")))
                .isLessThan(10_000_000);
        byte[] packed = TestData.gzip(declaring);
        assertThat(allocatedBy(() -> refused(packed, "truncated", "bytes of gzip data", "those of 268435456")))
                .isLessThan(10_000_000);
    }

    /** A megabyte that unpacks to what a header declares, or to more, takes the memory of the former and no more. */
    @Test
    @Timeout(120)
    void unpacksInBoundedMemory() throws IOException {
        int images = 640;
        long declared = images * 65_536L;
        for (long surplus : new long[] {0, 1L << 27}) {
            Path bomb = folder.resolve("bomb");
            try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(bomb), 1 << 16)) {
                out.write(TestData.images(images, 256, 256, new byte[0]));
                byte[] zeros = new byte[1 << 20];
                for (long left = declared + surplus; left > 0; left -= zeros.length) {
                    out.write(zeros, 0, (int) Math.min(left, zeros.length));
                }
            }
            assertThat(Files.size(bomb)).isLessThan(2_000_000);
            assertThat(allocatedBy(() -> {
                        if (surplus == 0) {
                            assertThat(IdxFile.read(bomb, 3).elements()).hasSize((int) declared);
                        } else {
                            refusedFile(bomb, "has more than the " + declared + " bytes");
                        }
                    }))
                    .isLessThan(declared + 10_000_000);
        }
    }

    private interface Reading {
        void run() throws IOException;
    }

    private static long allocatedBy(Reading reading) throws IOException {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        reading.run();
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    /** Members may be empty, and there may be any number of them. */
    @Test
    void readsGzipOfManyMembers() throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        byte[] empty = TestData.gzip(new byte[0]);
        for (byte b : IMAGES) {
            for (int i = 0; i < 2000; i++) {
                packed.writeBytes(empty);
            }
            packed.writeBytes(TestData.gzip(new byte[] {b}));
        }
        for (int i = 0; i < 20_000; i++) {
            packed.writeBytes(empty);
        }
        assertThat(IdxFile.read(file(packed.toByteArray()), 3).elements()).isEqualTo(PIXELS);
        packed.reset();
        for (int i = 0; i < 20_000; i++) {
            packed.writeBytes(empty);
        }
        refused(packed.toByteArray(), "starts with []");
    }

    @Test
    void readsGzipWithEveryHeaderField() throws IOException {
        byte[] plain = TestData.gzip(IMAGES);
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        packed.writeBytes(new byte[] {0x1f, (byte) 0x8b, 8, 2 + 4 + 8 + 16, 1, 2, 3, 4, 0, 3});
        packed.writeBytes(new byte[] {3, 0, 'a', 'b', 'c'});
        packed.writeBytes("name\0comment\0".getBytes(StandardCharsets.US_ASCII));
        CRC32 crc = new CRC32();
        crc.update(packed.toByteArray());
        packed.write((int) crc.getValue() & 0xff);
        packed.write((int) (crc.getValue() >>> 8) & 0xff);
        packed.write(plain, 10, plain.length - 10);
        packed.writeBytes(new byte[1000]);
        assertThat(IdxFile.read(file(packed.toByteArray()), 3).elements()).isEqualTo(PIXELS);
        byte[] damaged = packed.toByteArray();
        damaged[12] ^= 1;
        refused(damaged, "damaged gzip data", "checksum of its header");
    }

    @Test
    void refusesOtherDataAfterGzip() {
        byte[] packed = TestData.gzip(IMAGES);
        byte[] longer = Arrays.copyOf(packed, packed.length + 10);
        longer[longer.length - 1] = 1;
        refused(longer, "damaged gzip data", "neither gzip data nor zeros");
    }

    /** Whatever the damaged data unpack to: too much, too little, another header. */
    @Test
    void callsDamagedGzipDamaged() throws IOException {
        byte[] random = new byte[400];
        new SplittableRandom(7).nextBytes(random);
        byte[] packed = TestData.gzip(TestData.images(2, 10, 20, random));
        byte[] stored = stored(TestData.images(2, 3, 2, PIXELS));
        for (byte[] good : new byte[][] {packed, stored}) {
            // Of a header, the 10 bytes before the data, only some say anything.
            for (int at = 10; at < good.length; at++) {
                byte[] bad = good.clone();
                bad[at] ^= (byte) (at % 3 == 0 ? 0x55 : 1);
                assertThatThrownBy(() -> IdxFile.read(file(bad), 3))
                        .as("byte " + at)
                        .isInstanceOf(IdxException.class)
                        .hasMessageContaining("gzip data")
                        .hasMessageMatching(".*(damaged|ends early).*");
            }
        }
    }

    /** As gzip that is not compressed: what is changed is what is read. */
    private static byte[] stored(byte[] bytes) throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(packed) {
            {
                def.setLevel(Deflater.NO_COMPRESSION);
            }
        }) {
            out.write(bytes);
        }
        return packed.toByteArray();
    }

    @Test
    @Timeout(60)
    void refusesWhatIsNoFile() throws Exception {
        Path pipe = folder.resolve("train-images-idx3-ubyte");
        try {
            assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                    .isZero();
        } catch (IOException absent) {
            abort("skipped: no mkfifo here: " + absent.getMessage());
        }
        assertThatThrownBy(() -> ImageSet.training(folder))
                .isInstanceOf(IdxException.class)
                .hasMessage(pipe + ": is a pipe, socket or device, expected a regular file");
        Path link = Files.createSymbolicLink(folder.resolve("train-images-idx3-ubyte.gz"), folder.resolve("nowhere"));
        assertThatThrownBy(() -> ImageSet.training(folder))
                .isInstanceOf(IdxException.class)
                .hasMessage(link + ": is a broken link");
        Files.delete(link);
        Files.createDirectory(link);
        assertThatThrownBy(() -> ImageSet.training(folder))
                .isInstanceOf(IdxException.class)
                .hasMessage(link + ": is a folder, expected a regular file");
        writeSet("t10k", IMAGES, (byte) 0, (byte) 1);
        Files.createDirectory(folder.resolve("t10k-images-idx3-ubyte.gz"));
        assertThat(IdxFile.find(folder, "t10k-images-idx3-ubyte", 3).elements()).isEqualTo(PIXELS);
    }

    @Test
    void refusesAnEmptyPath() {
        assertThatThrownBy(() -> ImageSet.training(Path.of("")))
                .isInstanceOf(IdxException.class)
                .hasMessageStartingWith("'': got an empty path");
    }

    @Test
    void namesFilesOnOneLine() throws IOException {
        Path odd = Files.createDirectory(folder.resolve("a\n9 passed\u001B[31m"));
        assertThatThrownBy(() -> ImageSet.training(odd))
                .isInstanceOf(IdxException.class)
                .hasMessageStartingWith(folder + "/a\\n9 passed\\u001B[31m: no such file");
    }

    /** Whatever happens to the bytes of a file, plain or gzipped, it is read or refused in one line, in little memory. */
    @Test
    @Timeout(120)
    void survivesMutilation() throws IOException {
        long base = Long.getLong("qlif.test.seed", 20261126);
        byte[] plain = TestData.images(20, 10, 10, new byte[2000]);
        byte[] packed = TestData.gzip(plain);
        byte[] twice = Arrays.copyOf(packed, 2 * packed.length);
        System.arraycopy(packed, 0, twice, packed.length, packed.length);
        for (int i = 0; i < 1000; i++) {
            long seed = base + i;
            SplittableRandom random = new SplittableRandom(seed);
            byte[] bytes = new byte[][] {plain, packed, twice}[random.nextInt(3)].clone();
            for (int k = random.nextInt(1, 4); k > 0; k--) {
                bytes[random.nextInt(random.nextBoolean() ? 24 : bytes.length)] = (byte) random.nextInt();
            }
            byte[] mutilated = random.nextInt(4) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length + 20)) : bytes;
            String context = "replay with -Dqlif.test.seed=" + seed;
            Path path = file(mutilated);
            assertThat(allocatedBy(() -> {
                        try {
                            IdxFile read = IdxFile.read(path, 3);
                            assertThat(read.elements()).as(context).hasSizeLessThanOrEqualTo(mutilated.length * 1032);
                        } catch (IdxException refused) {
                            assertThat(refused)
                                    .as(context)
                                    .hasMessageStartingWith(path + ": ")
                                    .hasMessageMatching("[^\\p{Cc}]{1,500}");
                        }
                    }))
                    .as(context)
                    .isLessThan(20_000_000);
        }
    }

    @Test
    void refusesOtherThanOneLabelAnImage() throws IOException {
        Files.write(folder.resolve("train-images-idx3-ubyte"), IMAGES);
        Files.write(folder.resolve("train-labels-idx1-ubyte"), TestData.labels((byte) 1, (byte) 2, (byte) 3));
        assertThatThrownBy(() -> ImageSet.training(folder))
                .isInstanceOf(IdxException.class)
                .hasMessageContainingAll("train-labels-idx1-ubyte", "3 labels", "expected 2");
    }

    @Test
    void refusesTestImagesOfAnotherSize() throws IOException {
        writeSet("train", IMAGES, (byte) 0, (byte) 1);
        writeSet("t10k", TestData.images(2, 2, 3, PIXELS), (byte) 0, (byte) 1);
        ImageSet training = ImageSet.training(folder);
        assertThatThrownBy(() -> ImageSet.test(folder, training))
                .isInstanceOf(IdxException.class)
                .hasMessageContainingAll("2x3", "expected 3x2");
    }

    @Test
    void refusesATestLabelThatTrainingNeverSaw() throws IOException {
        writeSet("train", IMAGES, (byte) 0, (byte) 1);
        writeSet("t10k", IMAGES, (byte) 0, (byte) 200);
        ImageSet training = ImageSet.training(folder);
        assertThatThrownBy(() -> ImageSet.test(folder, training))
                .isInstanceOf(IdxException.class)
                .hasMessageContainingAll("t10k-labels", "label 200", "at most 1");
    }

    @Test
    void readsMnist() throws IOException {
        ImageSet training = ImageSet.training(TestData.mnist());
        ImageSet test = ImageSet.test(TestData.mnist(), training);
        assertThat(training.count()).isEqualTo(60_000);
        assertThat(test.count()).isEqualTo(10_000);
        assertThat(training.pixelsPerImage()).isEqualTo(784);
        assertThat(training.maxLabel()).isEqualTo(9);
        assertThat(training.label(0)).isEqualTo(5);
        assertThat(test.label(0)).isEqualTo(7);
    }

    private void writeSet(String prefix, byte[] images, byte... labels) throws IOException {
        Files.write(folder.resolve(prefix + "-images-idx3-ubyte"), images);
        Files.write(folder.resolve(prefix + "-labels-idx1-ubyte"), TestData.labels(labels));
    }

    private void refused(byte[] bytes, String... messageParts) {
        try {
            refusedFile(file(bytes), messageParts);
        } catch (IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    private static void refusedFile(Path file, String... messageParts) {
        assertThatThrownBy(() -> IdxFile.read(file, 3))
                .isInstanceOf(IdxException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContainingAll(messageParts);
    }

    private Path file(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("file"), bytes);
    }
}
