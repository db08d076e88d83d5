// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.fail;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Array;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.qlif.DType;
import org.qlif.Tensor;

/** Everything that a run wrote, by name, as arrays: the floats of numbers of any type, bytes of U8, longs of BIT. */
final class Result {
    private final Map<String, Object> values = new LinkedHashMap<>();

    void put(String name, Tensor tensor) {
        MemorySegment segment = tensor.segment();
        values.put(
                name,
                switch (tensor.type()) {
                    case F32, F16, BF16 -> tensor.toFloatArray();
                    case U8 -> segment.toArray(ValueLayout.JAVA_BYTE);
                    case BIT, I64 -> segment.toArray(ValueLayout.JAVA_LONG);
                });
    }

    void put(String name, Object array) {
        values.put(name, array);
    }

    float[] floats(String name) {
        return (float[]) values.get(name);
    }

    byte[] bytes(String name) {
        return (byte[]) values.get(name);
    }

    long[] longs(String name) {
        return (long[]) values.get(name);
    }

    Map<String, Object> values() {
        return values;
    }

    /** Fails unless everything in this result has the same bits in {@code expected}, a NaN counting as any NaN. */
    void assertSameBits(Result expected, String context) {
        assertSameBits(expected, _ -> true, context);
    }

    /** As above, for the names that {@code compared} accepts. */
    void assertSameBits(Result expected, Predicate<String> compared, String context) {
        for (Map.Entry<String, Object> entry : values.entrySet()) {
            if (compared.test(entry.getKey())) {
                Bits.assertSame(expected.values.get(entry.getKey()), entry.getValue(), entry.getKey() + "; " + context);
            }
        }
    }

    /** The names of what is not the same in {@code other}, which holds as much. */
    List<String> differsFrom(Result other) {
        return values.keySet().stream()
                .filter(name -> {
                    Object mine = values.get(name);
                    Object its = other.values.get(name);
                    return IntStream.range(0, Array.getLength(mine)).anyMatch(i -> !Bits.same(its, mine, i));
                })
                .toList();
    }

    /** Comparison of arrays as bits. */
    static final class Bits {
        private Bits() {}

        static void assertSame(Object expected, Object actual, String context) {
            int length = Array.getLength(expected);
            if (length != Array.getLength(actual)) {
                fail("got %d elements, expected %d: %s", Array.getLength(actual), length, context);
            }
            int differing = 0;
            int first = -1;
            for (int i = length - 1; i >= 0; i--) {
                if (!same(expected, actual, i)) {
                    differing++;
                    first = i;
                }
            }
            if (differing > 0) {
                fail(
                        "%d of %d differ, the first at index %d: got %s, expected %s: %s",
                        differing, length, first, show(actual, first), show(expected, first), context);
            }
        }

        private static boolean same(Object expected, Object actual, int index) {
            return switch (expected) {
                case float[] floats -> {
                    float other = ((float[]) actual)[index];
                    yield Float.floatToRawIntBits(floats[index]) == Float.floatToRawIntBits(other)
                            || (Float.isNaN(floats[index]) && Float.isNaN(other));
                }
                case byte[] bytes -> bytes[index] == ((byte[]) actual)[index];
                case long[] words -> words[index] == ((long[]) actual)[index];
                default -> throw new IllegalStateException("no arrays of " + expected.getClass());
            };
        }

        private static String show(Object array, int index) {
            return switch (array) {
                case float[] floats -> floats[index] + " = " + Float.toHexString(floats[index]);
                case byte[] bytes -> Byte.toString(bytes[index]);
                case long[] words -> "0x" + Long.toHexString(words[index]);
                default -> throw new IllegalStateException("no arrays of " + array.getClass());
            };
        }
    }

    /** The name that the spikes of a type have in a result. */
    static String spikes(DType type) {
        return "spikes." + type;
    }
}
