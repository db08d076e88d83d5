// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import org.jspecify.annotations.Nullable;
import org.qlif.Tensor;

/**
 * The strides of a tensor that broadcasts to {@code (T, B, N)}: an element is at {@code t * strideT + b * strideB + n * strideN}, with
 * stride 0 along dimensions over which it is shared.
 *
 * @param tensor the tensor
 * @param strideT elements from one step to the next
 * @param strideB elements from one row to the next
 * @param strideN elements from one neuron to the next
 */
public record Broadcast(Tensor tensor, long strideT, long strideB, long strideN) {
    /**
     * The strides of {@code tensor}, whose shape broadcasts from the right; null if there is none. Returns {@code last}, which may be null,
     * if it has the same tensor, so that running a description again allocates nothing.
     */
    public static @Nullable Broadcast of(@Nullable Tensor tensor, @Nullable Broadcast last) {
        if (tensor == null || (last != null && last.tensor == tensor)) {
            return tensor == null ? null : last;
        }
        long[] strides = new long[3];
        long stride = 1;
        for (int axis = 0; axis < tensor.rank(); axis++) {
            long extent = tensor.extent(tensor.rank() - 1 - axis);
            strides[2 - axis] = extent == 1 ? 0 : stride;
            stride *= extent;
        }
        return new Broadcast(tensor, strides[0], strides[1], strides[2]);
    }

    /** The position for step 0 of element {@code e = b * neurons + n}. */
    public long offset(long e, long neurons) {
        return e / neurons * strideB + e % neurons * strideN;
    }
}
