// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.Forward;

/**
 * How a call is shared out in which a linear layer makes the input current: in units of some strips each. A strip is as many tiles as have
 * their current made together, all steps of it or, of a tile by itself, some. A linear layer copies its weights for each strip and lists the
 * inputs that count for each unit, so strips have many rows of it, but not so many that their current leaves the second-level cache.
 *
 * <p>Where tiles divide the neurons, a strip is the same columns of several rows of the batch, and a unit has several strips
 * of the same rows. Elsewhere it is tiles that follow each other, with all columns of most of their rows.
 */
final class CurrentPlan {
    /** Rows of the linear layer, one for each step of a row of the batch, that make its work on a strip worth its preparation: measured. */
    static final int ROWS = 640;

    /** Floats of current that a strip may have of several rows with all their columns: they may leave the second-level cache. */
    private static final int MOST = 4 * ROWS * Lanes.TILE;

    private long elements;
    private int width;
    private int tiles;
    private int steps;
    /** Elements from a tile of a strip to the next: the neurons, or the width. */
    private long tileStride;
    /** The tiles that begin in a row of the batch, or 1: how many strips there are beside each other. */
    private long columns;

    /** Of these, those of a unit. */
    private long unitColumns;

    private long units;

    /** Plans {@code call} in tiles of {@code width} neurons, for so many members of the team. Returns this. */
    CurrentPlan of(Forward call, int width, int members) {
        this.width = width;
        elements = call.elements();
        long neurons = call.neurons();
        boolean divided = neurons % width == 0;
        tileStride = divided ? neurons : width;
        columns = divided ? neurons / width : 1;
        long all = divided ? call.batch() : (elements + width - 1) / width;
        long rows = Math.min(ROWS, LinearWorker.mostRows(call.linear().inputs()));
        long together = rows / Math.max(1, call.steps());
        if (!divided) {
            together = Math.min(together * neurons, MOST / Math.max(1, call.steps())) / width;
        }
        long most = Math.clamp(together, 1, all);
        // As many for one member as for another, where there are enough.
        long groups = Math.min(all, parts(parts(all, most), members) * members);
        tiles = (int) parts(all, groups);
        groups = parts(all, tiles);
        unitColumns = parts(columns, Math.min(columns, parts(members, groups)));
        units = groups * parts(columns, unitColumns);
        steps = (int) (tiles > 1 ? call.steps() : Math.min(ROWS, call.steps()));
        return this;
    }

    private static long parts(long all, long size) {
        return (all + size - 1) / size;
    }

    /** How many units there are. */
    long units() {
        return units;
    }

    /** Neurons in a tile. */
    int width() {
        return width;
    }

    /** The steps that are made at a time: all, or a multiple of a segment's. */
    int steps() {
        return steps;
    }

    /** Elements from a tile of a strip to the next. */
    long tileStride() {
        return tileStride;
    }

    /** Floats of current that a strip has at a time. */
    int floats() {
        return tiles * width * steps;
    }

    /** The first element of a unit's first strip. */
    long first(long unit) {
        long across = parts(columns, unitColumns);
        return unit / across * tiles * tileStride + unit % across * unitColumns * width;
    }

    /** How many strips a unit has, each {@link #width} elements after another. */
    int strips(long unit) {
        long across = parts(columns, unitColumns);
        return (int) Math.min(unitColumns, columns - unit % across * unitColumns);
    }

    /** How many tiles the strip has that begins with element {@code first}. */
    int tiles(long first) {
        return (int) Math.min(tiles, parts(elements - first, tileStride));
    }
}
