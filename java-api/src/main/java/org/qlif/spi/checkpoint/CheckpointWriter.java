// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.checkpoint;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.qlif.Tensor;
import org.qlif.io.OutputFile;
import org.qlif.io.Safetensors;

/** Collects the content of a checkpoint: docs/checkpoints.md. Tensors are read when the file is written. Not thread-safe. */
public final class CheckpointWriter {
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    /**
     * A checkpoint of {@code layers} layers.
     *
     * @param layers how many
     */
    public CheckpointWriter(int layers) {
        text(CheckpointReader.FORMAT, CheckpointReader.FORMAT_NAME);
        text(CheckpointReader.FORMAT_VERSION, CheckpointReader.VERSION);
        whole(CheckpointReader.LAYERS, layers);
    }

    /** Adds a text. */
    public void text(String name, String value) {
        metadata.put(name, value);
    }

    /** Adds a whole number. */
    public void whole(String name, long value) {
        text(name, Long.toString(value));
    }

    /** Adds a real number. */
    public void real(String name, double value) {
        text(name, Double.toString(value));
    }

    /** Adds a tensor; a scalar becomes one of length 1. */
    public void tensor(String name, Tensor value) {
        tensors.put(name, value.rank() == 0 ? Tensor.of(value.type(), value.segment(), 1) : value);
    }

    /**
     * Writes the file.
     *
     * @throws IOException if it can't be written; an existing file is unchanged
     * @throws IllegalStateException if a tensor is in a device's memory; nothing is written
     */
    public void write(OutputFile file) throws IOException {
        Safetensors.write(file, metadata, tensors);
    }
}
