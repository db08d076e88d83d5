// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Iterator;
import org.jspecify.annotations.Nullable;
import org.qlif.network.DataOrder;
import org.qlif.network.Trainer;
import scala.Tuple2;

/** The rows of a task: a run of blocks, each encoded as it is sent to the task that processes it. */
final class HeldRows {
    private final Placement placement;
    private final int first;
    private final int width;
    private final byte[][] blocks;
    /** A bit for each row of a block that is present. */
    private final int[] present;

    private @Nullable String fault;

    private HeldRows(Placement placement, int task, int width) {
        this.placement = placement;
        this.width = width;
        first = placement.firstBlock(task);
        blocks = new byte[placement.firstBlock(task + 1) - first][];
        present = new int[blocks.length];
        DataOrder order = placement.order();
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = new byte[bytes(first + i)];
            ByteBuffer numbers = buffer(i);
            for (int row : order.block(first + i)) {
                numbers.putInt(row);
            }
        }
    }

    /**
     * Takes all rows of a task.
     *
     * @param rows with their places
     * @param width the number of features of a row
     */
    static HeldRows of(Iterator<Tuple2<Integer, LabeledRow>> rows, Placement placement, int task, int width) {
        HeldRows held = new HeldRows(placement, task, width);
        while (rows.hasNext()) {
            Tuple2<Integer, LabeledRow> row = rows.next();
            held.put(row._1(), row._2());
        }
        return held;
    }

    private ByteBuffer buffer(int block) {
        return ByteBuffer.wrap(blocks[block]).order(ByteOrder.LITTLE_ENDIAN);
    }

    private void put(int place, LabeledRow row) {
        int block = place / Trainer.BLOCK - first;
        int at = place % Trainer.BLOCK;
        if ((present[block] & 1 << at) != 0) {
            fault = "got " + row.key() + " more than once, expected each row to have a number of its own";
        }
        present[block] |= 1 << at;
        int count = placement.rowsOf(first + block);
        buffer(block)
                .putInt(Integer.BYTES * (count + at), row.label())
                .put(2 * Integer.BYTES * count + at * width, row.levels());
    }

    /** What is wrong with the rows: a number that occurs twice; null if nothing is. */
    @Nullable
    String fault() {
        return fault;
    }

    /** The number of bytes of an encoded block: the rows' numbers, then their classes, then their levels. */
    int bytes(int block) {
        return placement.rowsOf(block) * (2 * Integer.BYTES + width);
    }

    /** An encoded block of this task. */
    byte[] block(int block) {
        return blocks[block - first];
    }
}
