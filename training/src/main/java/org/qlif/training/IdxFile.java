package org.qlif.training;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * One IDX file of unsigned bytes: two zero bytes, the element type, the number of dimensions, each extent as a big-endian
 * 32-bit number, then the elements.
 *
 * @param file where it came from
 * @param shape the extents
 * @param elements the elements, row-major
 */
record IdxFile(Path file, int[] shape, byte[] elements) {
    /** Far above every data set of this kind, and far below what would exhaust memory. */
    static final long MAX_ELEMENTS = 1L << 30;

    private static final int UNSIGNED_BYTE = 0x08;
    private static final int GZIP_MAGIC = 0x1f8b;
    private static final int[] EXTENT_LIMITS = {100_000_000, 4096, 4096};

    /** Reads the first of the usual spellings of {@code name} that is in {@code folder}, such as {@code train-images-idx3-ubyte}. */
    static IdxFile find(Path folder, String name, int dimensions) throws IdxException {
        if (!Files.isDirectory(folder)) {
            throw new IdxException(folder, "no such folder, expected one with the four IDX files");
        }
        String dotted = name.replace("-idx", ".idx");
        List<String> spellings = List.of(name + ".gz", name, dotted + ".gz", dotted);
        for (String spelling : spellings) {
            Path file = folder.resolve(spelling);
            if (Files.isRegularFile(file)) {
                return read(file, dimensions);
            }
        }
        throw new IdxException(folder, "no such file in this folder, expected one of " + spellings);
    }

    /** Reads {@code file}, gzipped or not, which must have {@code dimensions} dimensions. */
    static IdxFile read(Path file, int dimensions) throws IdxException {
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            raw.mark(2);
            boolean gzipped = (raw.read() << 8 | raw.read()) == GZIP_MAGIC;
            raw.reset();
            try (InputStream in = gzipped ? new GZIPInputStream(raw, 1 << 16) : raw) {
                return read(file, in, dimensions);
            }
        } catch (IdxException known) {
            throw known;
        } catch (ZipException damaged) {
            throw new IdxException(file, "damaged gzip data: " + damaged.getMessage(), damaged);
        } catch (EOFException truncated) {
            throw new IdxException(file, "gzip data ends early: the file is truncated", truncated);
        } catch (IOException unreadable) {
            throw new IdxException(file, "can't be read: " + unreadable, unreadable);
        }
    }

    private static IdxFile read(Path file, InputStream in, int dimensions) throws IOException {
        byte[] magic = in.readNBytes(4);
        byte[] expected = {0, 0, UNSIGNED_BYTE, (byte) dimensions};
        if (!Arrays.equals(magic, expected)) {
            throw new IdxException(
                    file,
                    "starts with " + hex(magic) + ", expected " + hex(expected) + ": IDX of unsigned bytes in "
                            + dimensions + (dimensions == 1 ? " dimension" : " dimensions"));
        }
        int[] shape = new int[dimensions];
        long count = 1;
        for (int axis = 0; axis < dimensions; axis++) {
            byte[] extent = in.readNBytes(4);
            if (extent.length < 4) {
                throw new IdxException(
                        file,
                        "header ends in the extent of dimension " + axis + ", expected 4 bytes, got " + extent.length);
            }
            long value = 0;
            for (byte b : extent) {
                value = value << 8 | b & 0xff;
            }
            if (value < 1 || value > EXTENT_LIMITS[axis]) {
                throw new IdxException(
                        file,
                        "extent of dimension " + axis + " is " + value + ", expected 1 to " + EXTENT_LIMITS[axis]);
            }
            shape[axis] = (int) value;
            count *= value;
        }
        if (count > MAX_ELEMENTS) {
            throw new IdxException(
                    file,
                    "declares " + count + " bytes of data as " + Arrays.toString(shape) + ", expected at most "
                            + MAX_ELEMENTS);
        }
        // Grows with what arrives, so a small file that declares much allocates little.
        byte[] elements = in.readNBytes((int) count);
        if (elements.length < count) {
            throw new IdxException(
                    file,
                    "is truncated: got " + elements.length + " bytes of data, expected " + count + " for "
                            + Arrays.toString(shape));
        }
        if (in.read() >= 0) {
            throw new IdxException(
                    file, "goes on after the " + count + " bytes of data that " + Arrays.toString(shape) + " asks for");
        }
        return new IdxFile(file, shape, elements);
    }

    private static String hex(byte[] bytes) {
        List<String> text = new ArrayList<>();
        for (byte b : bytes) {
            text.add(String.format("%02x", b));
        }
        return text.toString();
    }
}
