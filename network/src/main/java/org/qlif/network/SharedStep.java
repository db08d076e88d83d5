// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.qlif.Statistics;
import org.qlif.spi.host.BlockTree;

/**
 * Sums the gradients of a batch's blocks over machines that each have some of them, in two exchanges, so that all have the result. Machine
 * r of K does the r-th of K runs of blocks and owns the r-th of K slices of all learned values. It receives the others' sums of that slice,
 * one for each of their largest subtrees, adds them in the order of {@link BlockTree}, and sends the result to all. So the amount that a
 * machine sends does not grow with their number. The sums of the neurons' final states are exact; they travel in slices of their own and
 * are added in any order.
 */
final class SharedStep {
    private static final int SCORE_BYTES = Double.BYTES + Integer.BYTES;

    private final Exchange exchange;
    private final int size;
    private final int rank;
    private final BlockTree tree = new BlockTree();
    /** Sums of this machine's blocks: for each machine, those of its slice. */
    private final ByteBuffer[] partsOut;

    private final ByteBuffer[] partsIn;
    /** Sums of all blocks: each machine's slice. */
    private final ByteBuffer[] wholes;

    private float[] floats = {};

    SharedStep(Exchange exchange) {
        this.exchange = exchange;
        size = exchange.size();
        rank = exchange.rank();
        Checks.atLeast("size of the exchange", size, 1);
        if (rank < 0 || rank >= size) {
            throw new IllegalArgumentException("rank of the exchange: got " + rank + ", expected 0 to " + (size - 1)
                    + ", since it has " + size + " machines");
        }
        partsOut = new ByteBuffer[size];
        partsIn = new ByteBuffer[size];
        wholes = new ByteBuffer[size];
        for (ByteBuffer[] buffers : List.of(partsOut, partsIn, wholes)) {
            Arrays.setAll(buffers, _ -> direct(0));
        }
    }

    boolean isBy(Exchange other) {
        return exchange == other;
    }

    /** The start of the run of {@code machine} when {@code count} blocks or values are shared. */
    private int start(int count, int machine) {
        return Exchange.firstBlock(count, machine, size);
    }

    private int length(int count, int machine) {
        return start(count, machine + 1) - start(count, machine);
    }

    /** The level of the largest subtree that starts at block {@code at} and ends by {@code end}. */
    private static int level(int at, int end) {
        int level = at == 0 ? Integer.SIZE - 2 : Integer.numberOfTrailingZeros(at);
        while (at + (1L << level) > end) {
            level--;
        }
        return level;
    }

    /** The number of largest subtrees in the run of {@code machine}. */
    private int subtrees(int blocks, int machine) {
        int end = start(blocks, machine + 1);
        int count = 0;
        for (int at = start(blocks, machine); at < end; at += 1 << level(at, end)) {
            count++;
        }
        return count;
    }

    /**
     * Exchanges sums until all machines have those of all blocks.
     *
     * @param mine the sums of this machine's run of blocks; null if the run is empty
     * @param score receives the losses and hits of all blocks
     * @param sums receives the sums of all final states; must have no rows
     * @param gradient receives the sum of all gradients
     */
    void complete(@Nullable BlockSums mine, BlockScore score, List<Statistics.@Nullable Sums> sums, float[] gradient)
            throws IOException {
        int blocks = score.end();
        int values = gradient.length;
        long[] exact = numbers(mine == null ? sums : mine.statistics());
        for (int peer = 0; peer < size; peer++) {
            partsOut[peer] = room(partsOut[peer], partBytes(blocks, rank, exact.length, values, peer));
            partsIn[peer] = room(partsIn[peer], partBytes(blocks, peer, exact.length, values, rank));
            writePart(mine, partsOut[peer], exact, values, peer);
        }
        // A machine sends nothing to itself.
        partsIn[rank] = partsOut[rank];
        exchange.exchange(partsOut, partsIn);

        int exactAt = start(exact.length, rank);
        Arrays.fill(exact, exactAt, exactAt + length(exact.length, rank), 0);
        tree.start(length(values, rank), 0);
        for (int peer = 0; peer < size; peer++) {
            readPart(partsIn[peer].rewind(), blocks, peer, exact, score);
        }
        for (int peer = 0; peer < size; peer++) {
            wholes[peer] = room(wholes[peer], 8L * length(exact.length, peer) + 4L * length(values, peer));
        }
        ByteBuffer own = wholes[rank];
        writeLongs(own, exact, exactAt, length(exact.length, rank));
        writeFloats(own, tree.sum(), 0, length(values, rank));
        own.flip();
        ByteBuffer[] toAll = new ByteBuffer[size];
        Arrays.setAll(toAll, _ -> own.duplicate());
        exchange.exchange(toAll, wholes);

        for (int peer = 0; peer < size; peer++) {
            ByteBuffer whole = wholes[peer].rewind();
            readLongs(whole, exact, start(exact.length, peer), length(exact.length, peer));
            readFloats(whole, gradient, start(values, peer), length(values, peer));
        }
        addNumbers(exact, sums);
    }

    /** The bytes that {@code from} sends to {@code to} for the sums of its blocks. */
    private long partBytes(int blocks, int from, int longs, int values, int to) {
        return 8L * length(longs, to)
                + 4L * length(values, to) * subtrees(blocks, from)
                + (long) SCORE_BYTES * length(blocks, from);
    }

    private void writePart(@Nullable BlockSums mine, ByteBuffer part, long[] exact, int values, int peer) {
        writeLongs(part, exact, start(exact.length, peer), length(exact.length, peer));
        if (mine != null) {
            for (int i = 0; i < mine.tree().subtrees(); i++) {
                writeFloats(part, mine.tree().values(i), start(values, peer), length(values, peer));
            }
            for (int block = mine.first(); block < mine.end(); block++) {
                part.putDouble(mine.score().loss(block)).putInt(mine.score().hits(block));
            }
        }
        part.flip();
    }

    /** Adds the sums of this machine's slice that {@code peer} has sent. */
    private void readPart(ByteBuffer part, int blocks, int peer, long[] exact, BlockScore score) {
        int at = start(exact.length, rank);
        for (int i = 0; i < length(exact.length, rank); i++) {
            exact[at + i] += part.getLong();
        }
        int width = tree.width();
        floats = floats.length < width ? new float[width] : floats;
        int end = start(blocks, peer + 1);
        for (int block = start(blocks, peer); block < end; block = (int) tree.end()) {
            readFloats(part, floats, 0, width);
            tree.addSubtree(level(block, end), floats, 0);
        }
        for (int block = start(blocks, peer); block < end; block++) {
            score.set(block, part.getDouble(), part.getInt());
        }
    }

    private static void writeLongs(ByteBuffer to, long[] from, int at, int count) {
        to.asLongBuffer().put(from, at, count);
        to.position(to.position() + Long.BYTES * count);
    }

    private static void readLongs(ByteBuffer from, long[] to, int at, int count) {
        from.asLongBuffer().get(to, at, count);
        from.position(from.position() + Long.BYTES * count);
    }

    private static void writeFloats(ByteBuffer to, float[] from, int at, int count) {
        to.asFloatBuffer().put(from, at, count);
        to.position(to.position() + Float.BYTES * count);
    }

    private static void readFloats(ByteBuffer from, float[] to, int at, int count) {
        from.asFloatBuffer().get(to, at, count);
        from.position(from.position() + Float.BYTES * count);
    }

    /** A buffer with a limit of {@code bytes}; {@code had} if it is large enough. */
    private static ByteBuffer room(ByteBuffer had, long bytes) {
        int count = Math.toIntExact(bytes);
        return had.capacity() < count ? direct(count) : had.clear().limit(count);
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** All sums in a row, as numbers to which those of other machines are added. */
    private static long[] numbers(List<Statistics.@Nullable Sums> all) {
        List<long[]> each = new ArrayList<>();
        for (Statistics.Sums sums : all) {
            if (sums != null) {
                each.add(sums.toLongs());
            }
        }
        return each.stream().flatMapToLong(Arrays::stream).toArray();
    }

    private static void addNumbers(long[] numbers, List<Statistics.@Nullable Sums> all) {
        int at = 0;
        for (Statistics.Sums sums : all) {
            if (sums != null) {
                int count = sums.toLongs().length;
                sums.add(Arrays.copyOfRange(numbers, at, at + count));
                at += count;
            }
        }
    }
}
