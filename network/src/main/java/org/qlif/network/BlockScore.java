// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import org.jspecify.annotations.Nullable;

/** The losses and hits of a range of a batch's blocks. Several threads may rate blocks at the same time. */
final class BlockScore {
    private final int first;
    private final int rows;
    private final double[] losses;
    private final int[] right;

    /**
     * @param first the first block
     * @param blocks how many
     * @param rows the rows of the whole batch
     */
    BlockScore(int first, int blocks, int rows) {
        this.first = first;
        this.rows = rows;
        losses = new double[blocks];
        right = new int[blocks];
    }

    private BlockScore(BlockScore earlier, BlockScore later) {
        this(earlier.first, earlier.losses.length + later.losses.length, earlier.rows);
        System.arraycopy(earlier.losses, 0, losses, 0, earlier.losses.length);
        System.arraycopy(later.losses, 0, losses, earlier.losses.length, later.losses.length);
        System.arraycopy(earlier.right, 0, right, 0, earlier.right.length);
        System.arraycopy(later.right, 0, right, earlier.right.length, later.right.length);
    }

    /** Sets the result of a block that was rated elsewhere. */
    void set(int block, double loss, int hits) {
        losses[block - first] = loss;
        right[block - first] = hits;
    }

    double loss(int block) {
        return losses[block - first];
    }

    int hits(int block) {
        return right[block - first];
    }

    /** The block after the last one. */
    int end() {
        return first + losses.length;
    }

    int first() {
        return first;
    }

    int rows() {
        return rows;
    }

    /** The scores of this range and of {@code later}, which starts where this one ends. */
    BlockScore with(BlockScore later) {
        return new BlockScore(this, later);
    }

    /**
     * Rates the outputs of a block, row after row.
     *
     * @param gradients receives the gradient of the batch's mean loss; null for none
     */
    void rate(Batch batch, int block, float[] logits, int outputs, float @Nullable [] gradients) {
        double sum = 0;
        int hits = 0;
        int from = block * Trainer.BLOCK;
        for (int b = 0; b < batch.rowsOf(block); b++) {
            int row = batch.rows()[from + b];
            sum += batch.loss().of(row, logits, b * outputs, outputs, gradients, 1.0 / rows);
            hits += batch.loss().isRight(row, logits, b * outputs, outputs) ? 1 : 0;
        }
        losses[block - first] = areNumbers(logits, batch.rowsOf(block) * outputs) ? sum : Double.NaN;
        right[block - first] = hits;
    }

    /** The loss is not enough to tell, since it may ignore an output. */
    private static boolean areNumbers(float[] logits, int count) {
        float zero = 0;
        for (int i = 0; i < count; i++) {
            zero += 0 * logits[i];
        }
        return zero == 0;
    }

    /** The mean loss of the batch, if the range has all its blocks. Losses are added in float64, by the same tree as gradients. */
    double meanLoss() {
        return sum(0, losses.length) / rows;
    }

    private double sum(int from, int to) {
        int count = to - from;
        if (count <= 1) {
            return count == 0 ? 0 : losses[from];
        }
        int half = Integer.highestOneBit(count - 1);
        return sum(from, from + half) + sum(from + half, to);
    }

    int right() {
        int sum = 0;
        for (int hits : right) {
            sum += hits;
        }
        return sum;
    }
}
