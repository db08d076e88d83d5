// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.qlif.DType;
import org.qlif.Tensor;

/**
 * float32 memory that the engine sees as an array and a kernel as a tensor; neither copies. It lives as long as the arena, which must
 * outlive the manager.
 */
record SharedArray(NDArray array, Tensor tensor) {
    /** A cache line, and the widest vector. */
    private static final long ALIGNMENT = 64;

    static SharedArray zeros(Arena arena, NDManager manager, long... shape) {
        MemorySegment segment = arena.allocate(Tensor.byteSize(DType.F32, shape), ALIGNMENT);
        NDArray array = manager.create(
                segment.asByteBuffer().order(ByteOrder.nativeOrder()), new Shape(shape), DataType.FLOAT32);
        return new SharedArray(array, Tensor.of(DType.F32, segment, shape));
    }

    /** The engine's own memory of {@code array}, which must be contiguous, as a tensor of this shape. */
    static Tensor view(NDArray array, long... shape) {
        return Tensor.of(DType.F32, array.toByteBuffer(true), shape);
    }

    MemorySegment segment() {
        return tensor.segment();
    }

    SharedArray set(float[] values) {
        MemorySegment.copy(values, 0, segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
        return this;
    }
}
