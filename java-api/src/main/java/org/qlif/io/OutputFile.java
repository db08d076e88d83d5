// SPDX-License-Identifier: Apache-2.0
package org.qlif.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.Printable;

/**
 * The output file of long work. Obstacles to writing it are found before the work begins. It is written to disk under another name and then
 * moved to its place, so an existing file stays intact until the new one is complete, even if the program is killed or the disk is full. If
 * the name is a link, the link stays and its target is replaced.
 *
 * <pre>{@code
 * OutputFile file = OutputFile.prepare("--out", Path.of("weights.bin"));
 * // long work
 * file.write(channel -> channel.write(ByteBuffer.allocate(1024)));
 * }</pre>
 */
public final class OutputFile {
    /** Writes the content of a file. */
    @FunctionalInterface
    public interface Content {
        /**
         * Writes all of it.
         *
         * @param channel the new file, at its start
         * @throws IOException if it can't be written
         */
        void writeTo(WritableByteChannel channel) throws IOException;
    }

    /** The number of links on one path that Linux follows. */
    private static final int MAX_LINKS = 40;

    /** Enough to notice a full disk. */
    private static final int TRIAL_BYTES = 1 << 17;

    private final String name;
    private final Path file;
    private final Path target;

    private OutputFile(String name, Path file) throws IOException {
        this.name = name;
        this.file = file;
        this.target = followed(file.toAbsolutePath());
    }

    /**
     * Creates the folder of {@code file} if it doesn't exist, and writes and deletes a test file in it.
     *
     * @param name the prefix of messages, such as the option that names the file
     * @param file the file
     * @throws IOException if the file can't be written; the message starts with {@code name}
     */
    public static OutputFile prepare(String name, Path file) throws IOException {
        OutputFile output = new OutputFile(name, file);
        if (Files.exists(output.target)) {
            if (!Files.isRegularFile(output.target)) {
                throw output.failure("it is not a file", null);
            }
            if (!Files.isWritable(output.target)) {
                throw output.failure("it exists and is write-protected", null);
            }
        }
        Path folder = output.target.getParent();
        try {
            Files.createDirectories(folder);
        } catch (FileAlreadyExistsException obstacle) {
            throw output.failure(obstacle.getFile() + " is not a folder", obstacle);
        } catch (IOException cause) {
            throw output.failure(reason(cause), cause);
        }
        Files.delete(output.written(bytes(new byte[TRIAL_BYTES])));
        return output;
    }

    /**
     * Writes the file, or leaves an existing one unchanged.
     *
     * @throws IOException if it can't be written
     */
    public void write(byte[] content) throws IOException {
        write(bytes(content));
    }

    private static Content bytes(byte[] content) {
        return channel -> {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        };
    }

    /**
     * Writes the file completely, or leaves an existing one unchanged.
     *
     * @throws IOException if it can't be written
     */
    public void write(Content content) throws IOException {
        Path written = written(content);
        try {
            keepPermissions(written);
            Files.move(written, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException cause) {
            Files.deleteIfExists(written);
            throw failure(reason(cause), cause);
        }
    }

    /** A new file beside the target with {@code content}; it is deleted if writing fails. */
    private Path written(Content content) throws IOException {
        // Short, since the target's name may have the maximum length.
        Path beside = target.resolveSibling(
                ".qlif-" + Long.toUnsignedString(ThreadLocalRandom.current().nextLong(), Character.MAX_RADIX));
        try (FileChannel channel = FileChannel.open(beside, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            content.writeTo(channel);
            // A move can reach the disk before the content does.
            channel.force(true);
        } catch (IOException cause) {
            Files.deleteIfExists(beside);
            throw failure(reason(cause), cause);
        } catch (RuntimeException | Error failure) {
            Files.deleteIfExists(beside);
            throw failure;
        }
        return beside;
    }

    private void keepPermissions(Path written) throws IOException {
        PosixFileAttributeView view = Files.getFileAttributeView(written, PosixFileAttributeView.class);
        if (view != null && Files.exists(target)) {
            view.setPermissions(Files.getPosixFilePermissions(target));
        }
    }

    /** The final target of {@code link}, whether it exists or not. */
    private Path followed(Path link) throws IOException {
        Path path = link;
        for (int links = 0; Files.isSymbolicLink(path); links++) {
            if (links == MAX_LINKS) {
                throw failure("too many links, or a cycle of links", null);
            }
            path = path.resolveSibling(Files.readSymbolicLink(path));
        }
        return path;
    }

    private IOException failure(String reason, @Nullable IOException cause) {
        return new IOException(name + ": can't write " + Printable.path(file) + ": " + reason, cause);
    }

    private static String reason(IOException cause) {
        return switch (cause) {
            case FileSystemException known when known.getReason() != null -> known.getReason();
            case AccessDeniedException denied ->
                "access to " + Path.of(denied.getFile()).getParent() + " is denied";
            case NoSuchFileException missing ->
                "no file can be made in " + Path.of(missing.getFile()).getParent();
            default -> cause.getMessage() == null ? cause.toString() : cause.getMessage();
        };
    }

    /** The requested path. */
    public Path path() {
        return file;
    }

    /** The requested path. */
    @Override
    public String toString() {
        return file.toString();
    }
}
