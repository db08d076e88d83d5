// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.List;

/**
 * The element types that a {@link Tensor} can have.
 *
 * <pre>{@code
 * Tensor bits = Tensor.zeros(DType.BIT, 100, 32, 130);
 * long bytes = Tensor.byteSize(DType.BIT, 100, 32, 130); // a step takes 32 * 130 / 64 = 65 words of 8 bytes
 * }</pre>
 */
public enum DType {
    /** IEEE 754 binary32, native byte order, 4-byte aligned. */
    F32,
    /** One unsigned byte an element. */
    U8,
    /**
     * One bit an element. The last two dimensions {@code (B, N)} of a {@code (T, B, N)} tensor are flattened to elements
     * {@code e = b * N + n}; each time step takes {@code ceil(B * N / 64)} little-endian 64-bit words, element {@code e} is
     * bit {@code e mod 64} of word {@code e div 64}, and the bits past the last element are 0. 8-byte aligned.
     */
    BIT,
    /** One 64-bit integer, native byte order, 8-byte aligned. */
    I64;

    /** The types that spikes can have. */
    public static final List<DType> SPIKES = List.of(F32, U8, BIT);

    /** Bytes that a tensor of this type and shape takes. */
    long byteSize(long[] shape) {
        for (long extent : shape) {
            if (extent == 0) {
                return 0;
            }
        }
        long elements = 1;
        if (this == BIT) {
            long row = 1;
            for (int i = Math.min(1, shape.length); i < shape.length; i++) {
                row = Math.multiplyExact(row, shape[i]);
            }
            long rows = shape.length == 0 ? 1 : shape[0];
            return Math.multiplyExact(rows, Math.multiplyExact(bitRowWords(row), 8L));
        }
        for (long extent : shape) {
            elements = Math.multiplyExact(elements, extent);
        }
        return Math.multiplyExact(elements, alignment());
    }

    long alignment() {
        return switch (this) {
            case F32 -> 4;
            case U8 -> 1;
            case BIT, I64 -> 8;
        };
    }

    static long bitRowWords(long elements) {
        return (elements >>> 6) + ((elements & 63) == 0 ? 0 : 1);
    }
}
