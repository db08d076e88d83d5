// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.lang.foreign.Arena;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.qlif.DType;
import org.qlif.Tensor;

/** Tensors of zeros, in memory that can be lent and in memory that can't. */
final class LentTensors {
    private LentTensors() {}

    static Tensor f32(long... shape) {
        return Tensor.zeros(DType.F32, shape);
    }

    static Tensor ofAClosedArena(long... shape) {
        try (Arena arena = Arena.ofShared()) {
            return Tensor.of(DType.F32, arena.allocate(Tensor.byteSize(DType.F32, shape), 4), shape);
        }
    }

    /** In a confined arena of a thread that is not the caller. */
    static Tensor ofAnotherThread(long... shape) throws Exception {
        try (ExecutorService other = Executors.newSingleThreadExecutor()) {
            return other.submit(() -> Tensor.of(
                            DType.F32, Arena.ofConfined().allocate(Tensor.byteSize(DType.F32, shape), 4), shape))
                    .get();
        }
    }
}
