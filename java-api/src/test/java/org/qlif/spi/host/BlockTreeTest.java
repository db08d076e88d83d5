// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class BlockTreeTest {
    private static final int WIDTH = 19;

    /** Blocks whose sums depend on the order of additions. */
    private static float[][] blocks(int count) {
        SplittableRandom random = new SplittableRandom(count);
        float[][] blocks = new float[count][WIDTH];
        for (float[] block : blocks) {
            for (int i = 0; i < WIDTH; i++) {
                block[i] = (float) ((random.nextDouble() - 0.5) * Math.exp(8 * random.nextDouble()));
            }
        }
        return blocks;
    }

    /** The definition. */
    private static float[] sum(float[][] blocks, int from, int to) {
        if (to - from == 1) {
            return blocks[from].clone();
        }
        int split = from + Integer.highestOneBit(to - from - 1);
        float[] left = sum(blocks, from, split);
        float[] right = sum(blocks, split, to);
        for (int i = 0; i < WIDTH; i++) {
            left[i] += right[i];
        }
        return left;
    }

    private static float[] sumOf(BlockTree tree) {
        return Arrays.copyOf(tree.sum(), WIDTH);
    }

    @Test
    void addsByTheFixedTree() {
        BlockTree tree = new BlockTree();
        for (int count = 1; count < 140; count++) {
            float[][] blocks = blocks(count);
            tree.start(WIDTH, 0);
            for (float[] block : blocks) {
                tree.add(block, 0);
            }
            assertThat(tree.subtrees()).isEqualTo(Integer.bitCount(count));
            assertThat(sumOf(tree)).as("%d blocks", count).isEqualTo(sum(blocks, 0, count));
            assertThat(sumOf(tree)).as("asked again").isEqualTo(sum(blocks, 0, count));
        }
    }

    /** Or the tests of order would hold for any. */
    @Test
    void anotherOrderHasOtherBits() {
        float[][] blocks = blocks(100);
        float[] inOrder = new float[WIDTH];
        for (float[] block : blocks) {
            for (int i = 0; i < WIDTH; i++) {
                inOrder[i] += block[i];
            }
        }
        assertThat(sum(blocks, 0, 100)).isNotEqualTo(inOrder);
    }

    @Test
    void aBlockIsAnArrayPartOfOneOrMemory() {
        float[][] blocks = blocks(5);
        BlockTree tree = new BlockTree();
        tree.start(WIDTH, 0);
        tree.add(blocks[0], 0);
        float[] longer = new float[WIDTH + 7];
        System.arraycopy(blocks[1], 0, longer, 3, WIDTH);
        tree.add(longer, 3);
        System.arraycopy(blocks[2], 0, tree.next(), 0, WIDTH);
        tree.addNext();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(ValueLayout.JAVA_FLOAT, WIDTH + 7);
            MemorySegment.copy(blocks[3], 0, memory, ValueLayout.JAVA_FLOAT, 4 * 4, WIDTH);
            tree.add(memory, 4);
        }
        tree.add(MemorySegment.ofArray(blocks[4]), 0);
        assertThat(tree.end()).isEqualTo(5);
        assertThat(sumOf(tree)).isEqualTo(sum(blocks, 0, 5));
        assertThat(blocks).isDeepEqualTo(blocks(5));
    }

    @Test
    void oneBlockIsItsOwnSumAndNoneIsZero() {
        BlockTree tree = new BlockTree();
        float[] block = new float[WIDTH];
        Arrays.fill(block, -0f);
        tree.start(WIDTH, 0);
        tree.add(block, 0);
        assertThat(sumOf(tree)).isEqualTo(block);
        tree.start(WIDTH, 0);
        assertThat(sumOf(tree)).isEqualTo(new float[WIDTH]);
        assertThat(sumOf(tree)).as("asked again").isEqualTo(new float[WIDTH]);
        tree.start(0, 0);
        tree.add(block, 0);
        assertThat(tree.end()).isEqualTo(1);
    }

    /** Each part is summed apart, from its own first block on, and handed on as the sums of its subtrees. */
    @Test
    void rangesHandOnTheirSubtrees() {
        SplittableRandom random = new SplittableRandom(2);
        List<BlockTree> reused = new ArrayList<>();
        for (int round = 0; round < 400; round++) {
            int count = 1 + random.nextInt(round < 200 ? 20 : 300);
            float[][] blocks = blocks(count);
            int parts = 1 + random.nextInt(5);
            int[] cuts = random.ints(parts - 1, 0, count + 1).sorted().toArray();
            BlockTree whole = new BlockTree();
            whole.start(WIDTH, 0);
            for (int part = 0; part < parts; part++) {
                int from = part == 0 ? 0 : cuts[part - 1];
                int to = part == parts - 1 ? count : cuts[part];
                if (reused.size() == part) {
                    reused.add(new BlockTree());
                }
                BlockTree tree = reused.get(part);
                tree.start(WIDTH, from);
                for (int block = from; block < to; block++) {
                    tree.add(blocks[block], 0);
                }
                assertThat(tree.subtrees()).isLessThanOrEqualTo(2 * (32 - Integer.numberOfLeadingZeros(count)));
                if (part % 2 == 0) {
                    whole.append(tree);
                } else {
                    for (int i = 0; i < tree.subtrees(); i++) {
                        whole.addSubtree(tree.level(i), tree.values(i), 0);
                    }
                }
            }
            assertThat(sumOf(whole))
                    .as("%d blocks cut at %s", count, Arrays.toString(cuts))
                    .isEqualTo(sum(blocks, 0, count));
        }
    }

    /** Where a range lies far into a batch, and how many blocks each of its subtrees has. */
    @Test
    void aRangeIsItsLargestSubtrees() {
        BlockTree tree = new BlockTree();
        long first = (1L << 40) + 6;
        tree.start(1, first);
        for (int block = 0; block < 15; block++) {
            tree.add(new float[] {1}, 0);
        }
        int[] levels = new int[tree.subtrees()];
        Arrays.setAll(levels, tree::level);
        // 6 and 7, 8 to 15, 16 to 19, 20.
        assertThat(levels).containsExactly(1, 3, 2, 0);
        assertThat(tree.values(1)[0]).isEqualTo(8);
        assertThat(tree.end()).isEqualTo(first + 15);
    }

    @Test
    void refusesWhatIsNotInOrder() {
        BlockTree tree = new BlockTree();
        float[] block = new float[WIDTH];
        tree.start(WIDTH, 3);
        tree.add(block, 0);
        assertThatThrownBy(tree::sum).isInstanceOf(IllegalStateException.class).hasMessageContaining("from 0 on");
        tree.add(block, 0);
        assertThatThrownBy(() -> tree.addSubtree(1, block, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("level: got 1 at block 5");
        BlockTree other = new BlockTree();
        other.start(WIDTH, 4);
        assertThatThrownBy(() -> tree.append(other))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("from 5 on");
        other.start(1, 5);
        assertThatThrownBy(() -> tree.append(other))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("blocks of 19");
        assertThat(tree.end()).isEqualTo(5);
        other.start(WIDTH, 0);
        other.sum();
        assertThatThrownBy(() -> other.add(block, 0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(other::next).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void allocatesNothingOnceItHasRoom() {
        BlockTree tree = new BlockTree();
        float[][] blocks = blocks(50);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        float[] sum = new float[1];
        Runnable run = () -> {
            tree.start(WIDTH, 0);
            for (float[] block : blocks) {
                tree.add(block, 0);
            }
            sum[0] += tree.sum()[0];
        };
        run.run();
        // The least of several, since the JVM, too, allocates now and then.
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 100; i++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            run.run();
            least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
        }
        assertThat(least).isZero();
    }

    @Test
    void countsBlocks() {
        assertThat(List.of(0L, 1L, 32L, 33L, 64L, Long.MAX_VALUE))
                .extracting(BlockTree::blocks)
                .containsExactly(0L, 1L, 1L, 2L, 2L, (1L << 58));
    }
}
