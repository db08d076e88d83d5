// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
    /** IEEE 754 binary16, native byte order, 2-byte aligned. */
    F16,
    /** bfloat16, the upper half of an {@link #F32}, native byte order, 2-byte aligned. */
    BF16,
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

    /**
     * The types that numbers can have: input, spike values, their gradients, and a tape's potentials. Values are converted to float32 when
     * they are read, exactly, and all arithmetic is float32. Results are rounded to nearest, ties to even; overflow becomes infinity.
     */
    public static final List<DType> NUMBERS = List.of(F32, F16, BF16);

    /**
     * Number {@code index} of memory of this type, one of {@link #NUMBERS}, as a float32. For backends: see {@link Tensor#getFloat}.
     *
     * @throws IllegalStateException if this is not a type of numbers
     */
    public float get(MemorySegment memory, long index) {
        return switch (this) {
            case F32 -> memory.getAtIndex(ValueLayout.JAVA_FLOAT, index);
            case F16 -> Float.float16ToFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT, index));
            case BF16 -> Float.intBitsToFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT, index) << 16);
            case U8, BIT, I64 -> throw new IllegalStateException(this + " is none of " + NUMBERS);
        };
    }

    /**
     * Sets number {@code index} of memory of this type, one of {@link #NUMBERS}, rounded to it. For backends: see {@link Tensor#setFloat}.
     *
     * @throws IllegalStateException if this is not a type of numbers
     */
    public void set(MemorySegment memory, long index, float value) {
        switch (this) {
            case F32 -> memory.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
            case F16 -> memory.setAtIndex(ValueLayout.JAVA_SHORT, index, Float.floatToFloat16(value));
            case BF16 -> memory.setAtIndex(ValueLayout.JAVA_SHORT, index, upperHalf(value));
            case U8, BIT, I64 -> throw new IllegalStateException(this + " is none of " + NUMBERS);
        }
    }

    private static short upperHalf(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            // Sets the quiet bit, since rounding a NaN could make it an infinity or 0.
            return (short) (bits >>> 16 | 0x40);
        }
        // A carry goes into the exponent, and turns the largest one into infinity.
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }

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
            case F16, BF16 -> 2;
            case U8 -> 1;
            case BIT, I64 -> 8;
        };
    }

    static long bitRowWords(long elements) {
        return (elements >>> 6) + ((elements & 63) == 0 ? 0 : 1);
    }
}
