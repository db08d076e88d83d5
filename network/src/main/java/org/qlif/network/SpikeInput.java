// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import org.qlif.Tensor;

/**
 * Data as spikes: rows, each a spike train of {@link #steps} time steps over {@link #width} inputs. {@link PoissonEncoder} makes them from
 * intensities. Implementations are called from several threads at the same time, each with its own memory.
 *
 * <pre>{@code
 * SpikeInput regular = new SpikeInput() { // input k of each row spikes at every (k + 1)th step
 *     public int rows() { return 1000; }
 *     public int steps() { return 20; }
 *     public int width() { return 64; }
 *     public void encode(long key, int[] rows, int from, int count, Tensor spikes) {
 *         long[] words = new long[20 * count];
 *         for (int t = 0; t < 20; t++) {
 *             for (int k = 0; k < 64; k++) {
 *                 words[t * count] |= (t + 1) % (k + 1) == 0 ? 1L << k : 0;
 *             }
 *             Arrays.fill(words, t * count, (t + 1) * count, words[t * count]); // a row is a word here
 *         }
 *         spikes.copyFrom(Tensor.of(words, 20, count, 64));
 *     }
 * };
 * }</pre>
 */
public interface SpikeInput {
    /** The number of rows. */
    int rows();

    /**
     * The number of a row, which determines the neurons' draws and should determine the row's spikes. Override it if the rows are part of a
     * larger data set, to return their numbers there. By default, the index of the row.
     *
     * @param row from 0 to {@link #rows} - 1
     * @return any number
     */
    default long number(int row) {
        return row;
    }

    /** The time steps T of each. */
    int steps();

    /** The inputs K of a step. */
    int width();

    /**
     * Writes the spikes of some rows. They must depend only on the key and on each row's data and {@linkplain #number number}, not on the
     * other rows.
     *
     * @param key the key of random numbers
     * @param rows which rows, each from 0 to {@link #rows} - 1
     * @param from the position in {@code rows} of the first
     * @param count how many
     * @param spikes receives the spikes, {@code BIT (T, count, K)}; must be written completely
     */
    void encode(long key, int[] rows, int from, int count, Tensor spikes);
}
