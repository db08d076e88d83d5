// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.Forward;

/**
 * How a call whose input current comes from a linear layer is split among a crew's threads. A unit is one thread's work; it consists of
 * strips. A strip is a set of tiles whose current is computed together: for all steps, or in several goes if the strip is a single tile.
 * The linear layer copies its weights once per strip and lists the nonzero inputs once per unit, so strips cover many of its rows, but not
 * so many that their current outgrows the second-level cache.
 *
 * <p>If the number of neurons is a multiple of the tile's width, a strip covers the same columns of several rows of the batch, and a unit
 * has several strips of the same rows. Otherwise a strip is a run of consecutive tiles, most of whose rows are complete.
 */
final class CurrentPlan {
    /** Rows of the linear layer, one for each step and row of the batch, from which a strip's work outweighs its preparation; measured. */
    static final int ROWS = 640;

    /** Maximum number of floats of current in a strip of consecutive tiles; it may exceed the second-level cache. */
    private static final int MOST = 4 * ROWS * Lanes.TILE;

    private long elements;
    private int width;
    private int tiles;
    private int steps;
    /** Elements from a tile of a strip to the next: the number of neurons, or the tile's width. */
    private long tileStride;
    /** The number of strips side by side: tiles in a row of the batch, or 1. */
    private long columns;

    /** How many of them a unit has. */
    private long unitColumns;

    private long units;

    /** Plans {@code call} in tiles of {@code width} neurons, for {@code members} threads. Returns this. */
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
        // A multiple of the number of threads, if there are enough tiles.
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

    long units() {
        return units;
    }

    /** The tile's width: its number of neurons. */
    int width() {
        return width;
    }

    /** The number of steps computed at a time: all, or a multiple of a segment's length. */
    int steps() {
        return steps;
    }

    /** Elements from a tile of a strip to the next. */
    long tileStride() {
        return tileStride;
    }

    /** Floats of current in the scratch at a time. */
    int floats() {
        return tiles * width * steps;
    }

    /** The first element of a unit's first strip. */
    long first(long unit) {
        long across = parts(columns, unitColumns);
        return unit / across * tiles * tileStride + unit % across * unitColumns * width;
    }

    /** The number of strips in a unit; each begins {@link #width} elements after the one before it. */
    int strips(long unit) {
        long across = parts(columns, unitColumns);
        return (int) Math.min(unitColumns, columns - unit % across * unitColumns);
    }

    /** The number of tiles in the strip that begins with element {@code first}. */
    int tiles(long first) {
        return (int) Math.min(tiles, parts(elements - first, tileStride));
    }
}
