// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.LinearForward;

/**
 * The input current that a linear layer makes for tiles of neurons, in their scratch, when their steps need it. It goes through the units of
 * a {@link CurrentPlan}, strip by strip and tile by tile. Not thread-safe.
 */
final class TileCurrent {
    private final LinearWorker linear = new LinearWorker();
    private CurrentPlan plan;
    private LinearForward call;
    private boolean keeps;
    private float[] scratch;
    private int at;
    private long neurons;
    private long batch;

    // The strip, and which of its tiles is at hand.
    private long first;
    private int stripsLeft;
    private int tiles;
    private int tile;

    /** The steps that are there. */
    private long from;

    private long to;

    /** Floats of scratch that it works in. */
    static int scratchSize(CurrentPlan plan) {
        return Math.addExact(LinearWorker.SCRATCH, plan.floats());
    }

    /**
     * Takes up a call.
     *
     * @param keeps whether the layer's output is written, too, if it is lent
     * @param at where its part of the scratch begins
     */
    void bind(LinearForward call, boolean keeps, CurrentPlan plan, float[] scratch, int at) {
        this.call = call;
        this.keeps = keeps && call.output() != null;
        this.plan = plan;
        this.scratch = scratch;
        this.at = at + LinearWorker.SCRATCH;
        neurons = call.outputs();
        batch = call.batch();
        linear.bind(scratch, at);
    }

    /** Begins a unit. Returns its first tile. */
    long start(long unit) {
        stripsLeft = plan.strips(unit);
        strip(plan.first(unit));
        return first / plan.width();
    }

    /** The unit's next tile, or -1. */
    long next() {
        if (++tile == tiles) {
            if (--stripsLeft == 0) {
                return -1;
            }
            strip(first + plan.width());
        }
        return (first + tile * plan.tileStride()) / plan.width();
    }

    private void strip(long first) {
        this.first = first;
        tiles = plan.tiles(first);
        tile = 0;
        from = 0;
        to = 0;
    }

    /** Sees to it that the current of step {@code t} is there, and of those that follow it in its segment. Returns up to which step it is. */
    long make(long t) {
        if (t < from || t >= to) {
            from = t - t % plan.steps();
            to = Math.min(call.steps(), from + plan.steps());
            if (plan.tileStride() == plan.width()) {
                makeRows();
            } else {
                make(0, first / neurons, tiles, first % neurons, plan.width(), plan.width());
            }
        }
        return to;
    }

    /** The current of tiles that follow each other: the end of a row of the batch, whole rows, the start of one. */
    private void makeRows() {
        long end = Math.min(batch * neurons, first + (long) tiles * plan.width());
        for (long e = first; e < end; ) {
            long column = e % neurons;
            long rows = column > 0 ? 1 : Math.max(1, (end - e) / neurons);
            long columns = Math.min(neurons - column, end - e);
            make((int) (e - first), e / neurons, (int) rows, column, columns, (int) neurons);
            e += rows * columns;
        }
    }

    private void make(int offset, long b, int rows, long column, long columns, int rowStride) {
        int to = at + offset;
        linear.current(call, from, steps(), b, rows, column, column + columns, keeps, to, stride(), rowStride);
    }

    private int steps() {
        return (int) (to - from);
    }

    /** Where the tile's current of step {@code t} begins in the scratch. */
    int index(long t) {
        return at + (int) (t - from) * stride() + tile * plan.width();
    }

    /** Floats from a step's to the next's. */
    int stride() {
        return tiles * plan.width();
    }
}
