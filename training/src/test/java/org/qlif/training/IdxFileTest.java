package org.qlif.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
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
        refused(Arrays.copyOf(IMAGES, IMAGES.length + 1), "goes on after the 12 bytes");
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
        refused(TestData.images(100_000_000, 4096, 4096, PIXELS), "declares 1677721600000000 bytes", "at most");
    }

    @Test
    void allocatesNoMoreThanWhatArrives() {
        // 1 GiB declared, 12 bytes there: passes only if no array of the declared size is made on this small heap.
        refused(TestData.images(64, 4096, 4096, PIXELS), "truncated", "got 12");
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
        assertThatThrownBy(() -> IdxFile.read(file(bytes), 3))
                .isInstanceOf(IdxException.class)
                .hasMessageContaining(folder.resolve("file").toString())
                .hasMessageContainingAll(messageParts);
    }

    private Path file(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("file"), bytes);
    }
}
