// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The fixed order in which the sums of blocks of {@link #ROWS} rows are added in float32: docs/numerics.md. The sum of one block is
 * itself; that of n blocks is the sum of the first p plus that of the rest, p the largest power of two below n. So 2^k blocks, of which the
 * first one's number is a multiple of 2^k, form a subtree with a sum of its own, whatever comes before and after them. If a batch is
 * distributed, each part sends the sums of its largest subtrees, and adding these gives the same bits as adding all blocks in one place.
 *
 * <pre>{@code
 * import org.qlif.spi.host.BlockTree;
 * BlockTree tree = new BlockTree();
 * tree.start(10, 0);
 * for (long block = 0; block < BlockTree.blocks(batch); block++) {
 *     float[] sums = tree.next();
 *     // Fill the first 10 with the sums of the block's rows here.
 *     tree.addNext();
 * }
 * float[] sum = tree.sum();
 * }</pre>
 *
 * <p>Keeps the sums of about log2(n) subtrees, in arrays that are reused after {@link #start}. Not thread-safe.
 */
public final class BlockTree {
    /** The rows of a block; the last block of a batch may have fewer. */
    public static final int ROWS = 32;

    private static final float[] NONE = {};

    private int width;
    /** The sums of adjacent subtrees, from first to last, and the number of blocks of each, as a power of two; there is one spare array. */
    private float[][] sums = new float[4][];

    private int[] levels = new int[3];
    private int count;
    private long first;
    private long end;
    private boolean ended;

    /** A tree without blocks; {@link #start} sets their width. */
    public BlockTree() {
        Arrays.fill(sums, NONE);
    }

    /** The number of blocks of {@code rows} rows. */
    public static long blocks(long rows) {
        return rows / ROWS + (rows % ROWS == 0 ? 0 : 1);
    }

    /**
     * Starts anew.
     *
     * @param width the floats of a block
     * @param first the number of the first block; must be 0 if you call {@link #sum}
     */
    public void start(int width, long first) {
        this.width = width;
        this.first = first;
        end = first;
        count = 0;
        ended = false;
    }

    /** The floats of a block. */
    public int width() {
        return width;
    }

    /** The number of the next block. */
    public long end() {
        return end;
    }

    /**
     * Returns an array of at least {@link #width} floats with undefined contents, to write the next block to before {@link #addNext}. Call
     * it for each block.
     */
    public float[] next() {
        requireStarted();
        if (sums[count].length < width) {
            sums[count] = new float[width];
        }
        return sums[count];
    }

    /** Adds the block that has been written to {@link #next}. */
    public void addNext() {
        next();
        push(0);
    }

    /** Adds the next block, {@code values} from {@code offset} on, which is copied. */
    public void add(float[] values, int offset) {
        addSubtree(0, values, offset);
    }

    /** Adds the next block, {@code values} from {@code index} on, in floats; it is copied. */
    public void add(MemorySegment values, long index) {
        MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, index * Float.BYTES, next(), 0, width);
        push(0);
    }

    /**
     * Adds the sum of the next 2^{@code level} blocks, {@code values} from {@code offset} on, which is copied.
     *
     * @throws IllegalArgumentException if they are not a subtree, since their number does not divide {@link #end}
     */
    public void addSubtree(int level, float[] values, int offset) {
        if ((end & ((1L << level) - 1)) != 0) {
            throw new IllegalArgumentException("level: got " + level + " at block " + end
                    + ", expected one for which 2^level divides that number");
        }
        System.arraycopy(values, offset, next(), 0, width);
        push(level);
    }

    /**
     * Adds the blocks of {@code later}, which is not changed.
     *
     * @throws IllegalArgumentException if it does not start where this ends, or its blocks are of another width
     */
    public void append(BlockTree later) {
        if (later.first != end || later.width != width) {
            throw new IllegalArgumentException("later: got blocks of " + later.width + " floats from " + later.first
                    + " on, expected blocks of " + width + " from " + end + " on");
        }
        later.requireStarted();
        for (int i = 0; i < later.count; i++) {
            addSubtree(later.levels[i], later.sums[i], 0);
        }
    }

    /** The number of subtrees that the added blocks form; they are adjacent, and each is as large as possible. */
    public int subtrees() {
        return count;
    }

    /** Subtree {@code i} has 2^level blocks. */
    public int level(int i) {
        return levels[i];
    }

    /** The sum of subtree {@code i}, in the first {@link #width} floats: live, valid until the next change. */
    public float[] values(int i) {
        return sums[i];
    }

    /**
     * The sum of all blocks, in the first {@link #width} floats, zeros if there are none. Valid until {@link #start}, which must be the
     * next call.
     *
     * @throws IllegalStateException if the first block was not block 0
     */
    public float[] sum() {
        if (first != 0) {
            throw new IllegalStateException(
                    "these are blocks " + first + " to " + end + ": the sum needs those from 0 on");
        }
        if (count == 0 && !ended) {
            Arrays.fill(next(), 0, width, 0f);
        }
        ended = true;
        for (; count > 1; count--) {
            addTo(sums[count - 2], sums[count - 1], width);
        }
        return sums[0];
    }

    /** Works like a binary counter: adds a subtree to the one before it if the two are halves of a larger one. */
    private void push(int level) {
        levels[count++] = level;
        end += 1L << level;
        while (count > 1 && levels[count - 1] == levels[count - 2] && (end & ((2L << levels[count - 1]) - 1)) == 0) {
            addTo(sums[count - 2], sums[count - 1], width);
            levels[count - 2]++;
            count--;
        }
        if (count == levels.length) {
            levels = Arrays.copyOf(levels, 2 * count);
            int had = sums.length;
            sums = Arrays.copyOf(sums, 2 * count + 1);
            Arrays.fill(sums, had, sums.length, NONE);
        }
    }

    /** Both start at their first element; otherwise the compiler could not vectorize the loop. */
    private static void addTo(float[] sum, float[] values, int width) {
        for (int i = 0; i < width; i++) {
            sum[i] += values[i];
        }
    }

    private void requireStarted() {
        if (ended) {
            throw new IllegalStateException("the sum has been taken: start() comes before the next block");
        }
    }
}
