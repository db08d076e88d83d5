// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.Arrays;
import java.util.Objects;

/**
 * The order of rows in each epoch, made so that partitioned data can follow it. All rows are permuted once, by a seed, and split into
 * blocks of {@value Trainer#BLOCK}; each epoch permutes the blocks. So a machine that holds a block has all rows that a part of a training
 * step needs. Rows that don't fill a block come last in each epoch. Immutable.
 *
 * <pre>{@code
 * DataOrder order = new DataOrder(60_000, 42);
 * for (int epoch = 0; epoch < 5; epoch++) {
 *     int[] rows = order.epoch(epoch);
 *     for (int from = 0; from < rows.length; from += 128) {
 *         int[] step = Arrays.copyOfRange(rows, from, Math.min(rows.length, from + 128));
 *     }
 * }
 * }</pre>
 */
public final class DataOrder {
    private static final long ROWS = 0;
    private static final long BLOCKS = 1;

    private final long seed;
    private final int[] permutation;

    /**
     * The order of {@code rows} rows.
     *
     * @param rows how many, at least 0
     * @param seed the seed of the order, any number
     * @throws IllegalArgumentException if {@code rows} is negative
     */
    public DataOrder(int rows, long seed) {
        Checks.atLeast("rows", rows, 0);
        this.seed = seed;
        this.permutation = permutation(rows, Mix.key(seed, ROWS, 0));
    }

    /**
     * The rows of block {@code block} of the permutation that all epochs share, in order; the last block may have fewer rows.
     *
     * @throws IndexOutOfBoundsException unless 0 &lt;= block &lt; ceil(rows / {@value Trainer#BLOCK})
     */
    public int[] block(int block) {
        int from = Objects.checkIndex(block, Math.ceilDiv(permutation.length, Trainer.BLOCK)) * Trainer.BLOCK;
        return Arrays.copyOfRange(permutation, from, Math.min(permutation.length, from + Trainer.BLOCK));
    }

    /**
     * The numbers of the {@linkplain #block blocks} in the order of epoch {@code epoch}; one that is not full comes last.
     *
     * @throws IllegalArgumentException if {@code epoch} is negative
     */
    public int[] blocks(int epoch) {
        Checks.atLeast("epoch", epoch, 0);
        int whole = permutation.length / Trainer.BLOCK;
        int[] blocks = Arrays.copyOf(
                permutation(whole, Mix.key(seed, BLOCKS, epoch)), Math.ceilDiv(permutation.length, Trainer.BLOCK));
        if (blocks.length > whole) {
            blocks[whole] = whole;
        }
        return blocks;
    }

    /**
     * All rows in the order of epoch {@code epoch}: those of its {@link #blocks}.
     *
     * @throws IllegalArgumentException if {@code epoch} is negative
     */
    public int[] epoch(int epoch) {
        int[] rows = new int[permutation.length];
        int at = 0;
        for (int block : blocks(epoch)) {
            int from = block * Trainer.BLOCK;
            int count = Math.min(Trainer.BLOCK, permutation.length - from);
            System.arraycopy(permutation, from, rows, at, count);
            at += count;
        }
        return rows;
    }

    /** 0 to {@code count} - 1, permuted (Fisher–Yates). */
    private static int[] permutation(int count, long key) {
        int[] numbers = new int[count];
        Arrays.setAll(numbers, i -> i);
        for (int i = count - 1; i > 0; i--) {
            int j = Mix.below(Mix.bits(key, i), i + 1);
            int swapped = numbers[i];
            numbers[i] = numbers[j];
            numbers[j] = swapped;
        }
        return numbers;
    }
}
