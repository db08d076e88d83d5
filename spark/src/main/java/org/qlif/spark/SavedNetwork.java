// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.qlif.network.Checkpoint;

/** A network as the bytes of its file, docs/checkpoints.md, and as objects on request. */
final class SavedNetwork implements Serializable {
    private static final long serialVersionUID = 1;
    /** The names of the metadata for the loss and the accuracy of each epoch. */
    private static final String LOSSES = "spark.losses";

    private final byte[] bytes;
    private transient @Nullable Checkpoint checkpoint;

    SavedNetwork(byte[] bytes) {
        this.bytes = bytes;
    }

    /** The file of a checkpoint. */
    static SavedNetwork of(Checkpoint checkpoint) throws IOException {
        return withFile(file -> {
            checkpoint.write(file);
            return new SavedNetwork(Files.readAllBytes(file));
        });
    }

    byte[] bytes() {
        return bytes;
    }

    /**
     * A new checkpoint for the caller.
     *
     * @throws org.qlif.io.FileFormatException if the bytes are not the file of a network
     */
    Checkpoint read() throws IOException {
        return withFile(file -> {
            Files.write(file, bytes);
            return Checkpoint.read(file);
        });
    }

    /** The shared checkpoint, which callers must not change. */
    synchronized Checkpoint shared() {
        if (checkpoint == null) {
            try {
                checkpoint = read();
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }
        return checkpoint;
    }

    /** Adds the losses of epochs to a checkpoint. */
    static Checkpoint withLosses(Checkpoint checkpoint, double[] losses) {
        StringBuilder text = new StringBuilder();
        for (double loss : losses) {
            text.append(text.isEmpty() ? "" : " ").append(loss);
        }
        return checkpoint.extra(LOSSES, text.toString());
    }

    /** The losses in a checkpoint. */
    static double[] losses(Checkpoint checkpoint) {
        String text = checkpoint.extra(LOSSES);
        return text == null || text.isEmpty()
                ? new double[0]
                : Arrays.stream(text.split(" "))
                        .mapToDouble(Double::parseDouble)
                        .toArray();
    }

    private interface FileUse<T> {
        T with(Path file) throws IOException;
    }

    /** The network kit only reads and writes files. */
    private static <T> T withFile(FileUse<T> use) throws IOException {
        Path folder = Files.createTempDirectory("qlif");
        Path file = folder.resolve("network.safetensors");
        try {
            return use.with(file);
        } finally {
            Files.deleteIfExists(file);
            Files.delete(folder);
        }
    }
}
