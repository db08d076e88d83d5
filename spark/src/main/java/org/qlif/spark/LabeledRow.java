// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A row of the training data in compact form.
 *
 * @param key its id, or the hash of its levels if there are no ids
 * @param label its class
 * @param levels what an encoder shows
 * @param fault why it can't be used; null if it can
 */
record LabeledRow(
        long key, int label, byte[] levels, @Nullable String fault) implements Serializable, Comparable<LabeledRow> {
    private static final long serialVersionUID = 1;

    static LabeledRow faulty(String fault) {
        return new LabeledRow(0, 0, new byte[0], fault);
    }

    /** Compares everything, so that rows that compare equal are interchangeable in a training. */
    @Override
    public int compareTo(LabeledRow other) {
        int order = Long.compare(key, other.key);
        if (order == 0) {
            order = Integer.compare(label, other.label);
        }
        return order == 0 ? Arrays.compareUnsigned(levels, other.levels) : order;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof LabeledRow row && compareTo(row) == 0;
    }

    @Override
    public int hashCode() {
        return 31 * Long.hashCode(key) + Arrays.hashCode(levels);
    }
}
