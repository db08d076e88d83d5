// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.qlif.DType;
import org.qlif.Tensor;

/**
 * Something that is learned, and its place in the array of all learned values of a network.
 *
 * @param name its name in the network, such as {@code 0.weight}
 * @param at the index of its first value
 * @param extents its shape
 */
record Learnable(String name, int at, List<Integer> extents) {
    int length() {
        return extents.stream().reduce(1, (a, b) -> a * b);
    }

    /** The tensor over its part of {@code all}, an array with a value for everything that is learned. */
    Tensor in(float[] all) {
        MemorySegment segment = MemorySegment.ofArray(all).asSlice(4L * at, 4L * length());
        return Tensor.of(
                DType.F32,
                segment,
                extents.stream().mapToLong(Integer::longValue).toArray());
    }
}
