// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.State;
import org.qlif.Tensor;

/** Memory that can't be what a tensor says it is, and what else is refused before a kernel sees it. */
class TensorRefusalTest {
    @Test
    void refusesMemoryOfAnotherLength() {
        for (int length : new int[] {0, 5, 7}) {
            refused(() -> Tensor.of(new float[length], 2, 3), "length " + length + ", expected 6");
            refused(() -> Tensor.of(new byte[length], 2, 3), "expected 6");
        }
        refused(() -> Tensor.of(new long[3], 2, 1, 65), "length 3, expected 4");
    }

    @Test
    void refusesImpossibleShapes() {
        refused(() -> Tensor.zeros(DType.F32, 2, -1), "-1");
        refused(() -> Tensor.of(new float[0], Long.MAX_VALUE, 2), "2^63");
        refused(() -> Tensor.byteSize(DType.F32, 1L << 62, 1), "2^63");
        refused(() -> Tensor.zeros(DType.F32, 1L << 33), "MemorySegment");
        refused(() -> Tensor.byteSize(DType.BIT, 1L << 32, 1L << 32, 1), "2^63 elements");
    }

    /** An extent of 0 leaves nothing, whatever the others are and wherever it stands. */
    @Test
    void hasNoElementsWhereAnExtentIsZero() {
        long huge = 1L << 62;
        for (long[] shape : new long[][] {{0, huge, huge}, {huge, 0, huge}, {huge, huge, 0}}) {
            for (DType type : DType.values()) {
                assertThat(Tensor.byteSize(type, shape)).isZero();
                assertThat(Tensor.zeros(type, shape).elements()).isZero();
            }
        }
    }

    /** Times 4, these are 0, 4 and 4 again: an index is checked before it is multiplied. */
    @Test
    void refusesIndexesOutsideTheTensor() {
        Tensor tensor = Tensor.of(new float[] {1, 2}, 2);
        for (long index : new long[] {
            -1,
            2,
            1L << 30,
            1L << 32,
            1L << 62,
            (1L << 62) + 1,
            -(1L << 62),
            Long.MIN_VALUE,
            Long.MIN_VALUE + 1,
            Long.MAX_VALUE
        }) {
            assertThatThrownBy(() -> tensor.getFloat(index)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> tensor.setFloat(index, 7)).isInstanceOf(IndexOutOfBoundsException.class);
        }
        assertThat(tensor.toFloatArray()).containsExactly(1, 2);
        for (int axis : new int[] {-1, 1}) {
            assertThatThrownBy(() -> tensor.extent(axis)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void namesWholeNumbersAsWholeNumbers() {
        assertThatThrownBy(() -> KernelOptions.defaults().withThreads(0))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("threads: got 0, expected a whole number in [1, 1024]");
    }

    @Test
    void refusesMisalignedMemory() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(64, 64);
            refused(() -> Tensor.of(DType.F32, memory.asSlice(2, 8), 2), "aligned");
            refused(() -> Tensor.of(DType.BIT, memory.asSlice(4, 8), 1, 64), "aligned");
            assertThat(Tensor.of(DType.F32, memory.asSlice(4, 8), 2).elements()).isEqualTo(2);
            assertThat(Tensor.of(DType.U8, memory.asSlice(3, 2), 2).elements()).isEqualTo(2);
        }
        // A byte array promises no alignment, wherever it happens to lie.
        refused(() -> Tensor.of(DType.F32, MemorySegment.ofArray(new byte[8]), 2), "aligned");
        refused(() -> Tensor.of(DType.BIT, MemorySegment.ofArray(new float[2]), 1, 64), "aligned");
    }

    @Test
    void refusesForeignByteOrder() {
        ByteOrder foreign =
                ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
        FloatBuffer buffer = ByteBuffer.allocateDirect(8).order(foreign).asFloatBuffer();
        refused(() -> Tensor.of(buffer, 2), "order");
    }

    @Test
    void refusesNegativePlacesInTheStream() {
        refused(() -> new DrawStream(1, 1, -1), "elementOffset");
        refused(() -> new Forward().firstStep(-1), "firstStep");
        refused(() -> State.initial(QlifConfig.defaults(), 1, 1).step(-1), "step");
    }

    @Test
    void refusesStatesAndParametersOfOddTensors() {
        QlifConfig config = QlifConfig.defaults();
        refused(() -> State.of(config, List.of(Tensor.zeros(DType.F32, 2, 3))), "tensors");
        refused(() -> Parameters.shared(config).set(QlifParameter.TAU, Tensor.zeros(DType.F32, 2, 3)), "tau");
        refused(() -> Parameters.shared(config).set(QlifParameter.TAU, Tensor.zeros(DType.U8, 1)), "tau");
    }

    private static void refused(Runnable action, String message) {
        assertThatThrownBy(action::run)
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }
}
