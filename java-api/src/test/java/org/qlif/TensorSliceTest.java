// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class TensorSliceTest {
    @Test
    void sharesTheMemoryOfTheSteps() {
        Tensor whole = Tensor.of(new float[] {0, 1, 2, 3, 4, 5}, 3, 1, 2);
        Tensor slice = whole.slice(1, 3);
        assertThat(slice.shape()).isEqualTo(new long[] {2, 1, 2});
        assertThat(slice.toFloatArray()).isEqualTo(new float[] {2, 3, 4, 5});
        slice.setFloat(0, 9);
        assertThat(whole.getFloat(2)).isEqualTo(9);
        assertThat(whole.slice(3, 3).elements()).isEqualTo(0);
    }

    @Test
    void cutsBitsBetweenSteps() {
        Tensor whole = Tensor.of(new long[] {1, 2, 3, 4, 5, 6}, 3, 5, 13);
        assertThat(whole.slice(1, 2).toLongArray()).isEqualTo(new long[] {3, 4});
    }

    @Test
    void keepsPlaceAndScope() {
        Tensor slice;
        try (Arena arena = Arena.ofConfined()) {
            Tensor whole = Tensor.on(Device.of("cuda:0"), DType.U8, arena.allocate(6), 3, 2);
            slice = whole.slice(1, 2);
            assertThat(slice.place()).isEqualTo(whole.place());
            assertThat(slice.address()).isEqualTo(whole.address() + 2);
        }
        assertThat(slice.memory().scope().isAlive()).isFalse();
    }

    @Test
    void refusesWhatIsNotThere() {
        Tensor whole = Tensor.zeros(DType.F32, 3, 2);
        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> whole.slice(-1, 2));
        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> whole.slice(2, 1));
        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> whole.slice(0, 4));
        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(() -> Tensor.zeros(DType.F32).slice(0, 0));
    }
}
