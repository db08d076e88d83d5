// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import org.jspecify.annotations.Nullable;

/**
 * What the driver needs to know about all rows.
 *
 * @param rows the number of rows
 * @param leastKey the least key
 * @param greatestKey the greatest
 * @param leastWidth the fewest features of a row
 * @param greatestWidth the most
 * @param greatestLabel the greatest class
 * @param fault the first fault of a row, in alphabetical order; null if there is none
 */
record Survey(
        long rows,
        long leastKey,
        long greatestKey,
        int leastWidth,
        int greatestWidth,
        int greatestLabel,
        @Nullable String fault)
        implements Serializable {
    private static final long serialVersionUID = 1;

    /** The survey of no rows. */
    static final Survey NONE = new Survey(0, Long.MAX_VALUE, Long.MIN_VALUE, Integer.MAX_VALUE, 0, -1, null);

    Survey with(LabeledRow row) {
        if (row.fault() != null) {
            return with(new Survey(1, Long.MAX_VALUE, Long.MIN_VALUE, Integer.MAX_VALUE, 0, -1, row.fault()));
        }
        int width = row.levels().length;
        return with(new Survey(1, row.key(), row.key(), width, width, row.label(), null));
    }

    Survey with(Survey other) {
        String first = fault == null || other.fault != null && other.fault.compareTo(fault) < 0 ? other.fault : fault;
        return new Survey(
                rows + other.rows,
                Math.min(leastKey, other.leastKey),
                Math.max(greatestKey, other.greatestKey),
                Math.min(leastWidth, other.leastWidth),
                Math.max(greatestWidth, other.greatestWidth),
                Math.max(greatestLabel, other.greatestLabel),
                first);
    }

    /**
     * Throws unless there is data to learn from.
     *
     * @param featuresCol the features' column, for messages
     */
    void requireUsable(String featuresCol) {
        if (fault != null) {
            throw new IllegalArgumentException(fault);
        }
        if (rows == 0) {
            throw new IllegalArgumentException("dataset: got no rows, expected at least one");
        }
        if (leastWidth != greatestWidth) {
            throw new IllegalArgumentException(featuresCol + ": got vectors of " + leastWidth + " and of "
                    + greatestWidth + " elements, expected all of the same size");
        }
        if (greatestWidth == 0) {
            throw new IllegalArgumentException(featuresCol + ": got empty vectors, expected at least one element");
        }
        if (rows > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(
                    "dataset: got " + rows + " rows, expected at most " + (Integer.MAX_VALUE - 8));
        }
    }

    /** Whether keys, if they are distinct, are 0 to the number of rows - 1. */
    boolean hasRowNumbers() {
        return leastKey == 0 && greatestKey == rows - 1;
    }
}
