// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.lang.foreign.MemorySegment;
import org.qlif.Tensor;

/**
 * The Java array under a tensor, if there is one that can be reached: vectors are loaded from and stored to an array directly, and for any
 * other memory through the scratch. Not thread-safe.
 */
final class LentArray {
    private MemorySegment segment;
    private Object array;
    private int first;

    /**
     * Looks for an array under {@code tensor}, which may be null. Allocates nothing if the memory is the same as before.
     *
     * @param type the array's class
     * @param elementBytes the bytes that an element takes
     */
    void of(Tensor tensor, Class<?> type, int elementBytes) {
        MemorySegment now = tensor == null ? null : tensor.segment();
        if (now == segment) {
            return;
        }
        segment = now;
        array = now == null ? null : now.heapBase().filter(type::isInstance).orElse(null);
        first = array == null ? 0 : (int) (now.address() / elementBytes);
    }

    boolean isThere() {
        return array != null;
    }

    Object array() {
        return array;
    }

    /** Where element {@code index} of the tensor is in the array. */
    int index(long index) {
        return first + (int) index;
    }
}
