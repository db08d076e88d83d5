// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import java.lang.ref.SoftReference;
import java.util.HashMap;
import java.util.Map;
import org.qlif.network.DataOrder;
import org.qlif.network.Exchange;
import org.qlif.network.Trainer;

/**
 * The places of rows in the order that all epochs of a training share, {@link DataOrder}, and their tasks: task t of K has the t-th of K
 * runs of blocks. A process makes the order of a data set once, for all its tasks.
 *
 * @param rows the number of rows
 * @param seed the seed of the order
 * @param tasks the number of tasks
 */
record Placement(int rows, long seed, int tasks) implements Serializable {
    private static final long serialVersionUID = 1;

    private record Key(int rows, long seed) {}

    /** An order, and the place in it of each row. */
    private record Places(DataOrder order, int[] places) {}

    private static final Map<Key, SoftReference<Places>> MADE = new HashMap<>();

    /** Other threads wait for it, since they would make the same. */
    private Places made() {
        synchronized (MADE) {
            SoftReference<Places> reference = MADE.get(new Key(rows, seed));
            Places kept = reference == null ? null : reference.get();
            if (kept == null) {
                kept = make();
                MADE.put(new Key(rows, seed), new SoftReference<>(kept));
            }
            return kept;
        }
    }

    private Places make() {
        DataOrder order = new DataOrder(rows, seed);
        int[] places = new int[rows];
        int place = 0;
        for (int block = 0; block < blocks(); block++) {
            for (int row : order.block(block)) {
                places[row] = place++;
            }
        }
        return new Places(order, places);
    }

    DataOrder order() {
        return made().order();
    }

    /** The place of each row. */
    int[] places() {
        return made().places();
    }

    /** The number of blocks. */
    int blocks() {
        return Math.ceilDiv(rows, Trainer.BLOCK);
    }

    /** The number of rows of a block. */
    int rowsOf(int block) {
        return Math.min(Trainer.BLOCK, rows - block * Trainer.BLOCK);
    }

    /** The first block of a task; that of {@link #tasks} is the end. */
    int firstBlock(int task) {
        return Exchange.firstBlock(blocks(), task, tasks);
    }

    /** The task of a block. */
    int taskOf(int block) {
        return (int) (((block + 1L) * tasks - 1) / blocks());
    }
}
