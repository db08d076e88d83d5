// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.qlif.DType;
import org.qlif.Tensor;

/** Where the tensors of a run lie. */
public enum Storage {
    /** Java arrays, whose elements start 16 bytes after a multiple of 8. */
    HEAP {
        @Override
        Tensor allocate(Arena arena, DType type, long... shape) {
            return Tensor.zeros(type, shape);
        }
    },
    /** Off-heap memory that starts at a cache line. */
    ALIGNED {
        @Override
        Tensor allocate(Arena arena, DType type, long... shape) {
            return Tensor.of(type, arena.allocate(Tensor.byteSize(type, shape), CACHE_LINE), shape);
        }
    },
    /** Off-heap memory that starts 4 bytes after a cache line: a slice of something larger. */
    OFFSET_4 {
        @Override
        Tensor allocate(Arena arena, DType type, long... shape) {
            long bytes = Tensor.byteSize(type, shape);
            MemorySegment larger = arena.allocate(bytes + 4, CACHE_LINE);
            return Tensor.of(type, larger.asSlice(4, bytes), shape);
        }
    };

    private static final long CACHE_LINE = 64;

    /** A zero-filled tensor; off-heap memory belongs to {@code arena}. */
    abstract Tensor allocate(Arena arena, DType type, long... shape);

    /** A tensor of shape {@code shape} with {@code values} in it. */
    Tensor allocate(Arena arena, float[] values, long... shape) {
        Tensor tensor = allocate(arena, DType.F32, shape);
        MemorySegment.copy(values, 0, tensor.segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
        return tensor;
    }
}
