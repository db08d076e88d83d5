// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.Arrays;
import java.util.Objects;

/**
 * Rows of the data that go through a network together: those of a training step, or of a test.
 *
 * <pre>{@code
 * Batch batch = new Batch(encoder, Loss.crossEntropy(labels), new int[] {3, 1, 4, 1, 5});
 * }</pre>
 *
 * @param input the data as spikes
 * @param loss the loss of the network's outputs for it
 * @param rows the numbers of the rows, at least one; their order affects how sums are rounded. Copied
 */
public record Batch(SpikeInput input, Loss loss, int[] rows) {
    /**
     * Checks the rows.
     *
     * @throws IllegalArgumentException if there are none, the data has no such row, or data and loss differ in their number of rows
     */
    public Batch {
        Objects.requireNonNull(input, "input");
        Objects.requireNonNull(loss, "loss");
        if (loss.rows() != input.rows()) {
            throw new IllegalArgumentException(
                    "loss: got " + loss.rows() + " rows, expected " + input.rows() + ", as many as the input has");
        }
        rows = Objects.requireNonNull(rows, "rows").clone();
        if (rows.length == 0) {
            throw new IllegalArgumentException("rows: got none, expected at least one");
        }
        for (int i = 0; i < rows.length; i++) {
            if (rows[i] < 0 || rows[i] >= input.rows()) {
                throw new IllegalArgumentException("rows[" + i + "]: got " + rows[i] + ", expected 0 to "
                        + (input.rows() - 1) + ", the rows of the data");
            }
        }
    }

    /** The number of blocks of {@value Trainer#BLOCK} rows; the last one may have fewer. */
    public int blocks() {
        return Math.ceilDiv(rows.length, Trainer.BLOCK);
    }

    /** The number of rows of block {@code block}. */
    int rowsOf(int block) {
        return Math.min(Trainer.BLOCK, rows.length - block * Trainer.BLOCK);
    }

    /** The input, the loss and the number of rows. */
    @Override
    public String toString() {
        return "Batch[" + rows.length + " rows of " + input + ", " + loss + "]";
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Batch batch
                && input.equals(batch.input)
                && loss.equals(batch.loss)
                && Arrays.equals(rows, batch.rows);
    }

    @Override
    public int hashCode() {
        return Objects.hash(input, loss, Arrays.hashCode(rows));
    }
}
