// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.util.Arrays;
import java.util.function.Consumer;

/** A set of objects, by identity, that keeps them reachable. Allocates only to grow. Not thread-safe. */
final class References {
    private static final int CAPACITY = 256;

    /** Open addressing, at most half full; the length is a power of two. */
    private Object[] table = new Object[CAPACITY];

    private int size;

    int size() {
        return size;
    }

    void add(Object object) {
        if (put(object)) {
            size++;
            if (2 * size > table.length) {
                Object[] full = table;
                table = new Object[2 * full.length];
                for (Object each : full) {
                    if (each != null) {
                        put(each);
                    }
                }
            }
        }
    }

    private static int place(Object object, int last) {
        // Spreads hash codes, which may differ in only a few bits.
        return System.identityHashCode(object) * 0x9E3779B9 >>> 8 & last;
    }

    /** The index of the object, or of the free slot for it. */
    private int find(Object object) {
        int last = table.length - 1;
        int i = place(object, last);
        while (table[i] != null && table[i] != object) {
            i = i + 1 & last;
        }
        return i;
    }

    /** Adds the object. Returns whether it was not there before. */
    private boolean put(Object object) {
        int i = find(object);
        if (table[i] != null) {
            return false;
        }
        table[i] = object;
        return true;
    }

    boolean contains(Object object) {
        return table[find(object)] != null;
    }

    void forEach(Consumer<Object> action) {
        for (Object each : table) {
            if (each != null) {
                action.accept(each);
            }
        }
    }

    void clear() {
        if (size > 0) {
            if (table.length > CAPACITY) {
                table = new Object[CAPACITY];
            } else {
                Arrays.fill(table, null);
            }
            size = 0;
        }
    }
}
