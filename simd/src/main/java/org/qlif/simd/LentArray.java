// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.lang.foreign.MemorySegment;
import org.qlif.Tensor;

/**
 * The Java array behind a tensor, if it has one. Vectors are loaded from and stored to arrays directly; other memory is copied through the
 * scratch. Not thread-safe.
 */
final class LentArray {
    private MemorySegment segment;
    private Object array;
    private int first;

    /**
     * Looks up the array behind {@code tensor}, which may be null. Allocates nothing if the memory is the same as last time.
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

    /** Copies floats from the tensor's element {@code index} on to a line. */
    void fetch(long index, float[] to, int at, int lanes) {
        if (array instanceof float[] floats) {
            System.arraycopy(floats, index(index), to, at, lanes);
        } else {
            SimdKernel.fetch(segment, index, to, at, lanes);
        }
    }

    /** Copies a line to the tensor, from element {@code index} on. */
    void store(float[] from, int at, long index, int lanes) {
        if (array instanceof float[] floats) {
            System.arraycopy(from, at, floats, index(index), lanes);
        } else {
            SimdKernel.store(from, at, segment, index, lanes);
        }
    }

    /** The index in the array of the tensor's element {@code index}. */
    int index(long index) {
        return first + (int) index;
    }
}
