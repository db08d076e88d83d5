// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Numbers of 16 bits: every one of them, and what lies between two. */
class DTypeTest {
    private static final List<DType> NARROW = List.of(DType.F16, DType.BF16);

    /** The value of a word, in float64 and from its parts. */
    private static double value(DType type, int word) {
        int bits = type == DType.F16 ? 10 : 7;
        int least = type == DType.F16 ? -14 : -126;
        int exponent = (word & 0x7fff) >> bits;
        int fraction = word & (1 << bits) - 1;
        double magnitude;
        if (exponent == 0x7fff >> bits) {
            magnitude = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
        } else if (exponent == 0) {
            magnitude = Math.scalb((double) fraction, least - bits);
        } else {
            magnitude = Math.scalb((double) ((1 << bits) + fraction), exponent - 1 + least - bits);
        }
        return (word & 0x8000) == 0 ? magnitude : -magnitude;
    }

    private static int narrow(DType type, float value) {
        MemorySegment memory = MemorySegment.ofArray(new short[2]);
        type.set(memory, 1, value);
        assertThat(memory.get(ValueLayout.JAVA_SHORT, 0)).isZero();
        return memory.getAtIndex(ValueLayout.JAVA_SHORT, 1) & 0xffff;
    }

    @Test
    void everyNumberIsReadAndWrittenAsItIs() {
        for (DType type : NARROW) {
            short[] words = new short[1 << 16];
            for (int i = 0; i < words.length; i++) {
                words[i] = (short) i;
            }
            MemorySegment memory = MemorySegment.ofArray(words);
            for (int word = 0; word < words.length; word++) {
                float read = type.get(memory, word);
                assertThat(Float.floatToIntBits(read))
                        .as("%s 0x%04x", type, word)
                        .isEqualTo(Float.floatToIntBits((float) value(type, word)));
                if (Float.isNaN(read)) {
                    assertThat(value(type, narrow(type, read))).isNaN();
                } else {
                    assertThat(narrow(type, read)).isEqualTo(word);
                }
            }
        }
    }

    @Test
    void whatLiesBetweenIsRoundedToTheNearestTiesToEven() {
        for (DType type : NARROW) {
            int infinity = type == DType.F16 ? 0x7c00 : 0x7f80;
            for (int word = 0; word < infinity; word++) {
                double low = value(type, word);
                // The next one would be, if the exponents went on.
                double high = word + 1 == infinity ? 2 * low - value(type, word - 1) : value(type, word + 1);
                float tie = (float) ((low + high) / 2);
                int even = word % 2 == 0 ? word : word + 1;
                assertThat(narrow(type, tie))
                        .as("%s, the tie above 0x%04x", type, word)
                        .isEqualTo(even);
                assertThat(narrow(type, Math.nextDown(tie))).as("below the tie").isEqualTo(word);
                assertThat(narrow(type, Math.nextUp(tie))).as("above the tie").isEqualTo(word + 1);
                assertThat(narrow(type, -tie)).as("the tie's opposite").isEqualTo(even | 0x8000);
            }
            assertThat(narrow(type, Float.MAX_VALUE)).isEqualTo(infinity);
            assertThat(narrow(type, Float.NEGATIVE_INFINITY)).isEqualTo(infinity | 0x8000);
            assertThat(narrow(type, Float.MIN_VALUE)).isZero();
            assertThat(narrow(type, -Float.MIN_VALUE)).isEqualTo(0x8000);
            // One whose fraction has only bits that are cut off.
            for (int bits : new int[] {0x7f800001, 0x7fffffff, 0xff800001, 0x7fc00000}) {
                assertThat(value(type, narrow(type, Float.intBitsToFloat(bits))))
                        .isNaN();
            }
        }
    }

    @Test
    void tensorsAreConverted() {
        Tensor wide = Tensor.of(new float[] {1.0001f, -2, 70000, 1e-8f, 0, -0f}, 2, 3);
        Tensor half = wide.to(DType.F16);
        assertThat(half.toString()).isEqualTo("F16[2, 3]");
        assertThat(half.segment().byteSize()).isEqualTo(12);
        assertThat(half.toFloatArray()).containsExactly(1, -2, Float.POSITIVE_INFINITY, 0, 0, -0f);
        assertThat(wide.to(DType.BF16).toFloatArray())
                .containsExactly(
                        1,
                        -2,
                        70144,
                        Float.intBitsToFloat(Float.floatToRawIntBits(1e-8f) + 0x8000 & 0xffff0000),
                        0,
                        -0f);
        assertThat(half.to(DType.BF16).to(DType.F32).getFloat(1)).isEqualTo(-2);
        half.setFloat(4, 3.0001f);
        assertThat(half.getFloat(4)).isEqualTo(3);
        half.slice(1, 2).fill(0.3f);
        assertThat(half.getFloat(3)).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(0.3f)));
        assertThat(Tensor.zeros(DType.BF16, 3).toFloatArray()).containsExactly(0, 0, 0);
    }

    @Test
    void whatIsNoNumberIsRefused() {
        Tensor bytes = Tensor.zeros(DType.U8, 2);
        assertThatThrownBy(() -> bytes.to(DType.F16))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("this tensor is U8[2], not of a type of [F32, F16, BF16]");
        assertThatThrownBy(() -> Tensor.zeros(DType.F32, 2).to(DType.BIT))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("type: got BIT, expected one of [F32, F16, BF16]");
        assertThatThrownBy(() -> bytes.getFloat(0)).isInstanceOf(IllegalStateException.class);
    }
}
