// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.Statistics;
import org.qlif.spi.host.BlockTree;

/**
 * The sums of a range of a batch's blocks: what one machine has of a training step that several do together. Those of adjacent ranges are
 * appended, from the first to the last; when they are of the whole batch, every machine updates its network by them, and all have the bits
 * of one that has done the whole batch alone.
 *
 * <pre>{@code
 * Batch batch = new Batch(encoder, loss, rows);
 * BlockSums mine = trainer.gradients(batch, 0, 2);
 * BlockSums theirs = other.gradients(batch, 2, batch.blocks()); // of a network with the same values
 * StepResult result = trainer.update(mine.append(theirs));
 * }</pre>
 *
 * <p>Made by {@link Trainer#gradients}, to be used until that trainer makes others, and refused after. Not thread-safe.
 */
public final class BlockSums {
    private final Trainer trainer;
    private final Network network;
    /** Which of the trainer's sums these are. */
    private final long call;

    private final long step;
    private final int batchBlocks;
    private BlockScore score;
    /** Of the neurons' final states, a layer after the other; null for one that carries nothing on. */
    private final List<Statistics.@Nullable Sums> statistics;

    private final StepTimes times;
    /** The sum of all blocks of the batch, if these are all. */
    private float @Nullable [] complete;
    /** Those of the largest subtrees, if these are not all. */
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
     * Adds the sums of the blocks that follow.
     *
     * @return these
     * @throws IllegalArgumentException if {@code later} does not start where these end, or is of another training step, batch or network
     * @throws IllegalStateException if either's trainer has made others since
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
     * The gradient of the batch's mean loss with respect to what is learned under this name, not clipped: a new array.
     *
     * @throws IllegalArgumentException if there is nothing of this name
     * @throws IllegalStateException if these are not all blocks of the batch, or their trainer has made others since
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

    /** Those of the largest subtrees. */
    BlockTree tree() {
        return Objects.requireNonNull(tree);
    }

    /** Throws if the memory of these holds other sums by now. */
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

    /** Adds sums to others, of which each may be absent. */
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

    /** Which blocks they are of, for people. */
    @Override
    public String toString() {
        return "BlockSums[blocks " + first() + " to " + end() + " of " + batchBlocks + ", step " + step + "]";
    }
}
