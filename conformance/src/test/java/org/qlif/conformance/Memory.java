// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.qlif.DType;
import org.qlif.NeuronConfig;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tensor;

/**
 * Where the tensors of a test live. Every tensor lies between two strips of guard bytes, and outputs start poisoned, so that a
 * stray or a missing write shows.
 */
final class Memory implements AutoCloseable {
    /** The kinds of memory that a caller can lend. */
    enum Kind {
        /** Whole arrays, without guards: the plainest way to call. */
        ARRAYS,
        /** Slices of arrays at odd places. */
        ARRAY_SLICES,
        /** Direct byte buffers. */
        DIRECT_BUFFERS,
        /** Off-heap memory, every tensor 64-byte aligned. */
        ALIGNED,
        /** Off-heap memory, every tensor aligned no better than its type asks for. */
        UNALIGNED,
        /** Off-heap memory of a confined arena, which the calling thread alone may touch. */
        CONFINED,
        /** Off-heap memory, every tensor in a shared arena of its own. */
        SHARED
    }

    static final byte POISON = (byte) 0xA5;
    static final float POISON_FLOAT = Float.intBitsToFloat(0xA5A5A5A5);
    private static final byte CANARY = (byte) 0x5C;
    private static final int GUARD = 128;

    private record Guarded(MemorySegment whole, long begin, long end) {}

    private final Kind kind;
    private final Arena arena;
    private final List<Arena> shared = new ArrayList<>();
    private final List<Guarded> guarded = new ArrayList<>();

    Memory(Kind kind) {
        this.kind = kind;
        this.arena = kind == Kind.CONFINED ? Arena.ofConfined() : Arena.ofAuto();
    }

    /** Releases what has an end; the rest is collected. */
    @Override
    public void close() {
        if (kind == Kind.CONFINED) {
            arena.close();
        }
        shared.forEach(Arena::close);
    }

    /** A tensor with a copy of {@code values}; null for null. */
    Tensor copy(float[] values, long... shape) {
        if (values == null) {
            return null;
        }
        Tensor tensor = allocate(DType.F32, shape);
        MemorySegment.copy(values, 0, tensor.segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
        return tensor;
    }

    /** An I64 tensor with a copy of {@code values}; null for null. */
    Tensor copy(long[] values, long... shape) {
        if (values == null) {
            return null;
        }
        Tensor tensor = allocate(DType.I64, shape);
        MemorySegment.copy(values, 0, tensor.segment(), ValueLayout.JAVA_LONG, 0, values.length);
        return tensor;
    }

    /** An output: every byte is {@link #POISON}. */
    Tensor poisoned(DType type, long... shape) {
        Tensor tensor = allocate(type, shape);
        tensor.segment().fill(POISON);
        return tensor;
    }

    /** A state with copies of {@code values}, by ordinal; null for null. */
    State copy(NeuronConfig config, float[][] values, long batch, long neurons) {
        if (values == null) {
            return null;
        }
        List<Tensor> tensors = new ArrayList<>();
        for (float[] variable : values) {
            tensors.add(copy(variable, batch, neurons));
        }
        return State.of(config, tensors);
    }

    /** A state whose every byte is {@link #POISON}. */
    State poisonedState(NeuronConfig config, long batch, long neurons) {
        List<Tensor> tensors = new ArrayList<>();
        for (StateVariable _ : config.stateVariables()) {
            tensors.add(poisoned(DType.F32, batch, neurons));
        }
        return State.of(config, tensors);
    }

    /** Fails if a byte around any tensor has changed. */
    void assertGuardsIntact() {
        for (Guarded tensor : guarded) {
            assertFilled(tensor.whole().asSlice(0, tensor.begin()), CANARY, "memory before a tensor");
            assertFilled(tensor.whole().asSlice(tensor.end()), CANARY, "memory after a tensor");
        }
    }

    static void assertPoisoned(Tensor tensor) {
        assertFilled(tensor.segment(), POISON, "an output of a refused call");
    }

    private static void assertFilled(MemorySegment segment, byte expected, String what) {
        for (long i = 0; i < segment.byteSize(); i++) {
            if (segment.get(ValueLayout.JAVA_BYTE, i) != expected) {
                assertThat(i)
                        .as("index of a byte that was written, in %s", what)
                        .isNegative();
            }
        }
    }

    private Tensor allocate(DType type, long... shape) {
        long bytes = Tensor.byteSize(type, shape);
        if (kind == Kind.ARRAYS) {
            return Tensor.zeros(type, shape);
        }
        int unit = unit(type);
        MemorySegment whole = switch (kind) {
            case ARRAY_SLICES -> array(type, bytes + 2 * GUARD + 3 * unit);
            case DIRECT_BUFFERS ->
                MemorySegment.ofBuffer(ByteBuffer.allocateDirect(Math.toIntExact(bytes + 2 * GUARD + 64)));
            case SHARED -> {
                Arena own = Arena.ofShared();
                shared.add(own);
                yield own.allocate(bytes + 2 * GUARD + 64, 64);
            }
            default -> arena.allocate(bytes + 2 * GUARD + 64, 64);
        };
        // Arrays and direct buffers start where the JVM likes; only a begin relative to the address makes alignment
        // certain.
        long begin = switch (kind) {
            case ARRAY_SLICES -> GUARD + 3L * unit;
            case UNALIGNED -> GUARD + unit;
            case DIRECT_BUFFERS -> GUARD - Math.floorMod(whole.address(), 8L);
            default -> GUARD;
        };
        whole.fill(CANARY);
        guarded.add(new Guarded(whole, begin, begin + bytes));
        MemorySegment place = whole.asSlice(begin, bytes);
        if (kind == Kind.DIRECT_BUFFERS) {
            ByteBuffer buffer = place.asByteBuffer().order(ByteOrder.nativeOrder());
            return type == DType.F32 ? Tensor.of(buffer.asFloatBuffer(), shape) : Tensor.of(type, buffer, shape);
        }
        return Tensor.of(type, place, shape);
    }

    private static MemorySegment array(DType type, long bytes) {
        return switch (type) {
            case F32 -> MemorySegment.ofArray(new float[Math.toIntExact((bytes + 3) / 4)]);
            case F16, BF16 -> MemorySegment.ofArray(new short[Math.toIntExact((bytes + 1) / 2)]);
            case U8 -> MemorySegment.ofArray(new byte[Math.toIntExact(bytes)]);
            case BIT, I64 -> MemorySegment.ofArray(new long[Math.toIntExact((bytes + 7) / 8)]);
        };
    }

    private static int unit(DType type) {
        return switch (type) {
            case F32 -> 4;
            case F16, BF16 -> 2;
            case U8 -> 1;
            case BIT, I64 -> 8;
        };
    }
}
