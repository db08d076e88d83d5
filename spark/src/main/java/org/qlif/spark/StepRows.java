// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.qlif.network.Batch;
import org.qlif.network.Exchange;
import org.qlif.network.Loss;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.Trainer;

/**
 * The batches of a task, one after the other, in reused memory. Blocks of rows are sent to the tasks that process them, so that all tasks
 * have the same share of each step in any order of blocks; a block of rows is small compared to its gradients.
 */
final class StepRows {
    private final FitPlan plan;
    private final Placement placement;
    private final HeldRows held;
    private final Exchange exchange;
    private final byte[] levels;
    private final long[] numbers;
    private final int[] labels;
    private final int[] rows;
    private final PoissonEncoder encoder;
    private final ByteBuffer[] out;
    private final ByteBuffer[] in;

    StepRows(FitPlan plan, Placement placement, HeldRows held, Exchange exchange) {
        this.plan = plan;
        this.placement = placement;
        this.held = held;
        this.exchange = exchange;
        int most = Math.min(plan.batch(), placement.rows());
        levels = new byte[Math.multiplyExact(most, plan.inputs())];
        numbers = new long[most];
        labels = new int[most];
        rows = new int[most];
        Arrays.setAll(rows, i -> i);
        PoissonEncoder still = new PoissonEncoder(levels, plan.inputs(), plan.steps()).numbered(numbers);
        encoder = plan.shift() == 0 ? still : still.moved(plan.imageWidth(), plan.shift());
        out = new ByteBuffer[exchange.size()];
        in = new ByteBuffer[exchange.size()];
        Arrays.setAll(out, _ -> direct(0));
        Arrays.setAll(in, _ -> direct(0));
    }

    /**
     * The batch of some blocks, with the data of those that this task processes.
     *
     * @param blocks their numbers, in the order of the batch
     */
    Batch batch(int[] blocks) throws IOException {
        int rank = exchange.rank();
        int size = exchange.size();
        int count = 0;
        for (int block : blocks) {
            count += placement.rowsOf(block);
        }
        for (int peer = 0; peer < size; peer++) {
            out[peer] = room(out[peer], bytes(blocks, rank, peer));
            in[peer] = room(in[peer], bytes(blocks, peer, rank));
            if (peer != rank) {
                for (int i = first(blocks, peer); i < first(blocks, peer + 1); i++) {
                    if (placement.taskOf(blocks[i]) == rank) {
                        out[peer].put(held.block(blocks[i]));
                    }
                }
                out[peer].flip();
            }
        }
        exchange.exchange(out, in);
        for (ByteBuffer each : in) {
            each.rewind();
        }
        for (int i = first(blocks, rank); i < first(blocks, rank + 1); i++) {
            int task = placement.taskOf(blocks[i]);
            ByteBuffer from =
                    task == rank ? ByteBuffer.wrap(held.block(blocks[i])).order(ByteOrder.LITTLE_ENDIAN) : in[task];
            read(from, i * Trainer.BLOCK, placement.rowsOf(blocks[i]));
        }
        return new Batch(encoder, Loss.crossEntropy(labels), count == rows.length ? rows : Arrays.copyOf(rows, count));
    }

    private int first(int[] blocks, int task) {
        return Exchange.firstBlock(blocks.length, task, exchange.size());
    }

    /** The bytes that {@code holder} sends to {@code doer}. */
    private int bytes(int[] blocks, int holder, int doer) {
        int bytes = 0;
        for (int i = first(blocks, doer); holder != doer && i < first(blocks, doer + 1); i++) {
            bytes += placement.taskOf(blocks[i]) == holder ? held.bytes(blocks[i]) : 0;
        }
        return bytes;
    }

    private void read(ByteBuffer from, int at, int count) {
        for (int i = 0; i < count; i++) {
            numbers[at + i] = from.getInt();
        }
        for (int i = 0; i < count; i++) {
            labels[at + i] = from.getInt();
        }
        from.get(levels, at * plan.inputs(), count * plan.inputs());
    }

    private static ByteBuffer room(ByteBuffer had, int bytes) {
        return had.capacity() < bytes ? direct(bytes) : had.clear().limit(bytes);
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
