// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.LinearForward;

/**
 * The input current of tiles of neurons, computed by a linear layer into their scratch when their steps need it. Iterates over the units of
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

    // The current strip, and the current tile within it.
    private long first;
    private int stripsLeft;
    private int tiles;
    private int tile;

    /** The steps whose current is in the scratch: from this one to before {@link #to}. */
    private long from;

    private long to;

    /** Size of its scratch, in floats. */
    static int scratchSize(CurrentPlan plan) {
        return Math.addExact(LinearWorker.SCRATCH, plan.floats());
    }

    /**
     * Starts a call.
     *
     * @param keeps whether to write the layer's output as well, if the call has memory for it
     * @param at offset of its part of the scratch
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

    /** Starts a unit. Returns its first tile. */
    long start(long unit) {
        stripsLeft = plan.strips(unit);
        strip(plan.first(unit));
        return first / plan.width();
    }

    /** Returns the unit's next tile, or -1. */
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

    /** Makes sure that the current of step {@code t} is in the scratch. Returns the first later step whose current is not. */
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

    /** Computes the current of consecutive tiles: the end of a row of the batch, whole rows, and the start of a row. */
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

    /** Offset of the current tile's input current of step {@code t} in the scratch. */
    int index(long t) {
        return at + (int) (t - from) * stride() + tile * plan.width();
    }

    /** Floats between the input currents of two steps. */
    int stride() {
        return tiles * plan.width();
    }
}
