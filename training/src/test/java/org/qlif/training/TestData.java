// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;

/** IDX files made up for tests. */
final class TestData {
    static final int ROWS = 4;
    static final int COLUMNS = 5;
    static final int CLASSES = 3;

    private TestData() {}

    /** An IDX file's bytes with this header and {@code data}, whether they agree or not. */
    static byte[] idx(int magic, int[] shape, byte[] data) {
        ByteBuffer file =
                ByteBuffer.allocate(4 + 4 * shape.length + data.length).putInt(magic);
        for (int extent : shape) {
            file.putInt(extent);
        }
        return file.put(data).array();
    }

    static byte[] images(int count, int rows, int columns, byte[] pixels) {
        return idx(0x0803, new int[] {count, rows, columns}, pixels);
    }

    static byte[] labels(byte... labels) {
        return idx(0x0801, new int[] {labels.length}, labels);
    }

    static byte[] gzip(byte[] bytes) {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(packed)) {
            out.write(bytes);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return packed.toByteArray();
    }

    /** A data set that can be learned: each class lights a third of the pixels, with noise. */
    static Path learnable(Path folder, int training, int test) throws IOException {
        write(folder, "train", training, new SplittableRandom(1));
        write(folder, "t10k", test, new SplittableRandom(2));
        return folder;
    }

    private static void write(Path folder, String prefix, int count, SplittableRandom random) throws IOException {
        int size = ROWS * COLUMNS;
        byte[] pixels = new byte[count * size];
        byte[] labels = new byte[count];
        for (int i = 0; i < count; i++) {
            labels[i] = (byte) (i % CLASSES);
            for (int p = 0; p < size; p++) {
                int level = random.nextInt(60) + (p % CLASSES == labels[i] ? 180 : 0);
                pixels[i * size + p] = (byte) level;
            }
        }
        Files.write(folder.resolve(prefix + "-images-idx3-ubyte"), images(count, ROWS, COLUMNS, pixels));
        Files.write(folder.resolve(prefix + "-labels-idx1-ubyte.gz"), gzip(labels(labels)));
    }

    /** The repository's MNIST. */
    static Path mnist() {
        return Path.of("..", "data", "mnist");
    }
}
