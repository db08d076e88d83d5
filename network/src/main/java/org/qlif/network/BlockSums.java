// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.Statistics;
import org.qlif.spi.host.BlockTree;

/**
 * The sums of a range of a batch's blocks: one machine's part of a training step that several machines share. Append the sums of adjacent
 * ranges, from first to last; with those of the whole batch, every machine updates its network, with the same bits as a single machine that
 * does the whole batch.
 *
 * <pre>{@code
 * Batch batch = new Batch(encoder, loss, rows);
 * BlockSums mine = trainer.gradients(batch, 0, 2);
 * BlockSums theirs = other.gradients(batch, 2, batch.blocks()); // of a network with the same values
 * StepResult result = trainer.update(mine.append(theirs));
 * }</pre>
 *
 * <p>Made by {@link Trainer#gradients}. They can be used until that trainer makes others; after that, methods throw. Not thread-safe.
 */
public final class BlockSums {
    private final Trainer trainer;
    private final Network network;
    /** The number of these sums among those of the trainer. */
    private final long call;

    private final long step;
    private final int batchBlocks;
    private BlockScore score;
    /** Sums of the neurons' final states, layer by layer; null for a layer that carries nothing on. */
    private final List<Statistics.@Nullable Sums> statistics;

    private final StepTimes times;
    /** The sum of all blocks of the batch, if these are all. */
    private float @Nullable [] complete;
    /** The sums of the largest subtrees, if these are not all blocks. */
    private final @Nullable BlockTree tree;

    /** All blocks of a batch. */
    BlockSums(
            Trainer trainer,
            BlockScore score,
            List<Statistics.@Nullable Sums> statistics,
            float[] complete,
            StepTimes times) {
        this(trainer, score.end(), score, statistics, times, complete, null);
    }

    /** Some blocks of a batch. */
    BlockSums(
            Trainer trainer,
            int batchBlocks,
            BlockScore score,
            List<Statistics.@Nullable Sums> statistics,
            BlockTree tree,
            StepTimes times) {
        this(trainer, batchBlocks, score, statistics, times, null, tree);
    }

    private BlockSums(
            Trainer trainer,
            int batchBlocks,
            BlockScore score,
            List<Statistics.@Nullable Sums> statistics,
            StepTimes times,
            float @Nullable [] complete,
            @Nullable BlockTree tree) {
        this.trainer = trainer;
        this.network = trainer.network();
        this.call = trainer.calls();
        this.step = trainer.step();
        this.batchBlocks = batchBlocks;
        this.score = score;
        this.statistics = statistics;
        this.times = times;
        this.complete = complete;
        this.tree = tree;
    }

    /** The first block. */
    public int first() {
        return score.first();
    }

    /** The block after the last. */
    public int end() {
        return score.end();
    }

    /** Whether these are all blocks of the batch. */
    public boolean isComplete() {
        return first() == 0 && end() == batchBlocks;
    }

    /**
     * Adds the sums of the following blocks.
     *
     * @return these
     * @throws IllegalArgumentException if {@code later} does not start where these end, or belongs to another training step, batch or
     *     network
     * @throws IllegalStateException if the trainer of either has made other sums since
     */
    public BlockSums append(BlockSums later) {
        Objects.requireNonNull(later, "later");
        requireCurrent("these sums");
        later.requireCurrent("later");
        if (later.first() != end()
                || later.step != step
                || later.batchBlocks != batchBlocks
                || later.score.rows() != score.rows()
                || !later.network.isLike(network)) {
            throw new IllegalArgumentException(
                    "later: got " + later + ", expected blocks from " + end() + " on of the same batch as " + this);
        }
        if (tree == null || later.tree == null) {
            throw new IllegalArgumentException("later: got " + later + " for " + this + ", which is complete");
        }
        tree.append(later.tree);
        score = score.with(later.score);
        add(statistics, later.statistics);
        return this;
    }

    /**
     * The gradient of the batch's mean loss with respect to the learned values of this name, before clipping: a new array.
     *
     * @throws IllegalArgumentException if there are no learned values of this name
     * @throws IllegalStateException if these are not all blocks of the batch, or their trainer has made other sums since
     */
    public float[] gradient(String name) {
        requireCurrent("these sums");
        Learnable learnable = network.learnable(name);
        return Arrays.copyOfRange(sum(), learnable.at(), learnable.at() + learnable.length());
    }

    /** The sum of all blocks, live. */
    float[] sum() {
        if (!isComplete()) {
            throw new IllegalStateException("got " + this + ", expected all blocks of the batch");
        }
        if (complete == null && tree != null) {
            complete = tree.sum();
        }
        return Objects.requireNonNull(complete);
    }

    /** The sums of the largest subtrees. */
    BlockTree tree() {
        return Objects.requireNonNull(tree);
    }

    /** Throws if the memory of these sums has been reused for others. */
    void requireCurrent(String name) {
        if (call != trainer.calls()) {
            throw new IllegalStateException(name + ": got " + this + ", whose trainer has made others since");
        }
    }

    Network network() {
        return network;
    }

    long step() {
        return step;
    }

    BlockScore score() {
        return score;
    }

    List<Statistics.@Nullable Sums> statistics() {
        return statistics;
    }

    /** Adds sums to others, each of which may be absent. */
    static void add(List<Statistics.@Nullable Sums> all, List<Statistics.@Nullable Sums> more) {
        for (int i = 0; i < all.size(); i++) {
            Statistics.Sums sums = all.get(i);
            Statistics.Sums others = more.get(i);
            if (sums != null && others != null) {
                sums.add(others);
            }
        }
    }

    StepTimes times() {
        return times;
    }

    /** The range of blocks. */
    @Override
    public String toString() {
        return "BlockSums[blocks " + first() + " to " + end() + " of " + batchBlocks + ", step " + step + "]";
    }
}
