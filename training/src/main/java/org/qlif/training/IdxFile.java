// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipException;

/**
 * One IDX file of unsigned bytes: two zero bytes, the element type, the number of dimensions, each extent as a big-endian
 * 32-bit number, then the elements.
 *
 * @param file the file's path
 * @param shape the extents
 * @param elements the elements, row-major
 */
record IdxFile(Path file, int[] shape, byte[] elements) {
    /** Five times MNIST's training images, and small enough that two such files fit in memory with the network. */
    static final long MAX_ELEMENTS = 1L << 28;

    /** The maximum number of pixels of an image, 256 x 256: the first layer has a weight for each pixel and neuron. */
    static final long MAX_PIXELS = 1L << 16;

    private static final int UNSIGNED_BYTE = 0x08;
    private static final int[] GZIP_MAGIC = {0x1f, 0x8b};
    private static final int[] EXTENT_LIMITS = {100_000_000, 4096, 4096};

    /** The maximum compression ratio of deflate. */
    private static final long DEFLATE_RATIO = 1032;

    /** Compressed data can only be longer than plain data by the length of headers. */
    private static final long MAX_PACKED = MAX_ELEMENTS + (1 << 20);

    /** Reads the first of the usual spellings of {@code name} that is in {@code folder}, such as {@code train-images-idx3-ubyte}. */
    static IdxFile find(Path folder, String name, int dimensions) throws IdxException {
        if (folder.toString().isEmpty()) {
            // To Java, an empty path is the current folder, which is hardly what was meant.
            throw new IdxException(folder, "got an empty path, expected a folder with the four IDX files");
        }
        if (!Files.isDirectory(folder)) {
            String fault = Files.exists(folder)
                    ? "is no folder"
                    : Files.notExists(folder) ? "no such folder" : "access denied";
            throw new IdxException(folder, fault + ", expected a folder with the four IDX files");
        }
        String dotted = name.replace("-idx", ".idx");
        List<String> spellings = List.of(name + ".gz", name, dotted + ".gz", dotted);
        List<Path> files = spellings.stream().map(folder::resolve).toList();
        for (Path file : files) {
            if (Files.isRegularFile(file)) {
                return read(file, dimensions);
            }
        }
        for (Path file : files) {
            // A pipe, a broken link or an inaccessible file is not absent but of the wrong kind, which reading reports.
            if (!Files.notExists(file, LinkOption.NOFOLLOW_LINKS)) {
                return read(file, dimensions);
            }
        }
        throw new IdxException(folder, "no such file in this folder, expected one of " + spellings);
    }

    /** Reads {@code file}, gzipped or not, which must have {@code dimensions} dimensions. */
    static IdxFile read(Path file, int dimensions) throws IdxException {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            if (!attributes.isRegularFile()) {
                // Opening a pipe waits for its other end, and a device may never end.
                throw new IdxException(
                        file,
                        "is " + (attributes.isDirectory() ? "a folder" : "a pipe, socket or device")
                                + ", expected a regular file");
            }
            return isGzip(file)
                    ? unpack(file, attributes.size(), dimensions)
                    : plain(file, attributes.size(), dimensions);
        } catch (IdxException known) {
            throw known;
        } catch (NoSuchFileException absent) {
            throw new IdxException(file, Files.isSymbolicLink(file) ? "is a broken link" : "no such file", absent);
        } catch (AccessDeniedException denied) {
            throw new IdxException(file, "access denied", denied);
        } catch (FileSystemException problem) {
            throw new IdxException(file, "can't be read: " + problem.getReason(), problem);
        } catch (IOException unreadable) {
            throw new IdxException(file, "can't be read: " + unreadable.getMessage(), unreadable);
        }
    }

    private static boolean isGzip(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return in.read() == GZIP_MAGIC[0] && in.read() == GZIP_MAGIC[1];
        }
    }

    private static IdxFile plain(Path file, long size, int dimensions) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            int[] shape = readHeader(file, in, dimensions);
            long there = Math.max(0, size - headerBytes(dimensions));
            if (there < count(shape)) {
                throw truncated(file, shape, there);
            }
            return readElements(file, in, shape);
        }
    }

    private static IdxFile unpack(Path file, long size, int dimensions) throws IOException {
        if (size > MAX_PACKED) {
            throw new IdxException(file, "has " + size + " bytes of gzip data, expected at most " + MAX_PACKED);
        }
        try (InputStream in = new Gunzip(Files.newInputStream(file))) {
            try {
                int[] shape = readHeader(file, in, dimensions);
                if (size * DEFLATE_RATIO < count(shape)) {
                    throw new IdxException(
                            file,
                            "is truncated: got " + size + " bytes of gzip data, expected those of " + count(shape)
                                    + " bytes for " + Arrays.toString(shape));
                }
                return readElements(file, in, shape);
            } catch (IdxException refused) {
                // Damaged data may unpack to anything, so report the damage rather than what they unpack to.
                requireIntact(in);
                throw refused;
            }
        } catch (ZipException damaged) {
            throw new IdxException(file, "damaged gzip data: " + damaged.getMessage(), damaged);
        } catch (EOFException truncated) {
            throw new IdxException(file, "gzip data ends early: the file is truncated", truncated);
        }
    }

    /** Throws if the rest of compressed data is damaged; gives up if it unpacks to more than any data set. */
    private static void requireIntact(InputStream in) throws IOException {
        byte[] dropped = new byte[1 << 16];
        long left = MAX_ELEMENTS;
        for (int count = 0; count >= 0 && left > 0; left -= count) {
            count = in.read(dropped);
        }
    }

    private static int headerBytes(int dimensions) {
        return 4 + 4 * dimensions;
    }

    private static long count(int[] shape) {
        long count = 1;
        for (int extent : shape) {
            count *= extent;
        }
        return count;
    }

    private static int[] readHeader(Path file, InputStream in, int dimensions) throws IOException {
        byte[] magic = in.readNBytes(4);
        byte[] expected = {0, 0, UNSIGNED_BYTE, (byte) dimensions};
        if (!Arrays.equals(magic, expected)) {
            throw new IdxException(
                    file,
                    "starts with " + hex(magic) + ", expected " + hex(expected) + ": IDX of unsigned bytes in "
                            + dimensions + (dimensions == 1 ? " dimension" : " dimensions"));
        }
        int[] shape = new int[dimensions];
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
        }
        // The limits of the extents keep the product below 2^63.
        long count = count(shape);
        if (count / shape[0] > MAX_PIXELS) {
            throw new IdxException(
                    file,
                    "has images of " + shape[1] + "x" + shape[2] + ", which is " + count / shape[0]
                            + " pixels, expected at most " + MAX_PIXELS);
        }
        if (count > MAX_ELEMENTS) {
            throw new IdxException(
                    file,
                    "declares " + count + " bytes of data as " + Arrays.toString(shape) + ", expected at most "
                            + MAX_ELEMENTS);
        }
        return shape;
    }

    private static IdxFile readElements(Path file, InputStream in, int[] shape) throws IOException {
        byte[] elements = allocate(file, shape);
        int read = in.readNBytes(elements, 0, elements.length);
        if (read < elements.length) {
            throw truncated(file, shape, read);
        }
        if (in.read() >= 0) {
            throw new IdxException(
                    file, "has more than the " + elements.length + " bytes of data of " + Arrays.toString(shape));
        }
        return new IdxFile(file, shape, elements);
    }

    private static byte[] allocate(Path file, int[] shape) throws IdxException {
        int count = (int) count(shape);
        try {
            return new byte[count];
        } catch (OutOfMemoryError full) {
            throw new IdxException(
                    file,
                    "declares " + count + " bytes of data as " + Arrays.toString(shape)
                            + ": not enough memory for them");
        }
    }

    private static IdxException truncated(Path file, int[] shape, long got) {
        return new IdxException(
                file,
                "is truncated: got " + got + " bytes of data, expected " + count(shape) + " for "
                        + Arrays.toString(shape));
    }

    private static String hex(byte[] bytes) {
        List<String> text = new ArrayList<>();
        for (byte b : bytes) {
            text.add(String.format("%02x", b));
        }
        return text.toString();
    }
}
