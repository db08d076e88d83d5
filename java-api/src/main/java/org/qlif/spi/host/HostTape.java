// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.spi.TapeStorage;

/**
 * A tape in host memory, its own or lent: spikes as bits, a checkpoint of the state before every 64th step of the run except the first, and with
 * {@link Tape.Mode#VOLTAGE} the potential before the reset. The state before the first step is not on it; the caller lends it again to the
 * backward pass.
 *
 * <p>Spikes and potentials are kept block by block, a block being the elements that a kernel takes through time together: all
 * steps of the first block, then all of the second. So a kernel reads and writes them sequentially, which suits the prefetcher; in a
 * tensor, each step would be on another page.
 */
public final class HostTape implements TapeStorage {
    /** Steps from one checkpoint to the next. */
    public static final int SEGMENT = 64;

    /** The alignment of parts of the tape: a cache line, if the memory starts at one. */
    private static final long ALIGNMENT = 64;

    /** Owns the memory; null if it is lent. */
    private final @Nullable Arena arena;

    private final DType type;
    private final MemorySegment memory;
    private final @Nullable MemorySegment voltages;
    private final MemorySegment bits;
    private final MemorySegment checkpoints;
    private final long elements;
    private final int variables;
    private final long steps;
    private final int block;

    /**
     * A tape for {@code steps} steps of {@code elements} neurons with {@code variables} state variables in a checkpoint.
     *
     * @param type of the potentials, one of {@link DType#NUMBERS}
     * @param block the elements of a block, a multiple of 64; the last block may have fewer
     * @param lent memory of at least {@link #bytes}, aligned to 8, which the owner keeps alive; null for memory of the tape's own
     * @throws org.qlif.NativeException if memory runs out
     */
    public HostTape(
            Tape.Mode mode,
            DType type,
            long steps,
            long elements,
            int variables,
            int block,
            @Nullable MemorySegment lent) {
        this.type = type;
        this.elements = elements;
        this.variables = variables;
        this.steps = steps;
        this.block = block;
        long bytes = bytes(mode, type, steps, elements, variables);
        if (lent == null) {
            arena = Arena.ofShared();
            try {
                memory = HostMemory.allocate(arena, bytes, "a tape");
            } catch (Throwable failure) {
                arena.close();
                throw failure;
            }
        } else {
            arena = null;
            memory = lent.asSlice(0, bytes);
        }
        long bitBytes = bitBytes(steps, elements);
        long checkpointBytes = checkpointBytes(steps, elements, variables);
        long checkpointsAt = aligned(bitBytes);
        bits = memory.asSlice(0, bitBytes);
        checkpoints = memory.asSlice(checkpointsAt, checkpointBytes);
        voltages = mode == Tape.Mode.VOLTAGE
                ? memory.asSlice(checkpointsAt + aligned(checkpointBytes), voltageBytes(type, steps, elements))
                : null;
    }

    /** The number of bytes of such a tape. */
    public static long bytes(Tape.Mode mode, DType type, long steps, long elements, int variables) {
        return aligned(bitBytes(steps, elements))
                + aligned(checkpointBytes(steps, elements, variables))
                + (mode == Tape.Mode.VOLTAGE ? voltageBytes(type, steps, elements) : 0);
    }

    private static long bitBytes(long steps, long elements) {
        return Math.multiplyExact(steps, ((elements + 63) >>> 6) * 8);
    }

    private static long checkpointBytes(long steps, long elements, int variables) {
        long count = steps == 0 ? 0 : (steps - 1) / SEGMENT;
        return Math.multiplyExact(count, Math.multiplyExact(elements, variables * 4L));
    }

    private static long voltageBytes(DType type, long steps, long elements) {
        return Tensor.byteSize(type, steps, elements);
    }

    private static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** Whether the potentials are stored. */
    public boolean keepsVoltages() {
        return voltages != null;
    }

    /** The potentials before the reset, or null; see {@link #voltageIndex}. */
    public @Nullable MemorySegment voltages() {
        return voltages;
    }

    /** The spike bits, 64 elements to a word; see {@link #wordIndex}. */
    public MemorySegment bits() {
        return bits;
    }

    /** The type of the potentials. */
    public DType type() {
        return type;
    }

    /** The position in {@link #voltages()}, in numbers, of an element at a step; the elements of a block are next to each other. */
    public long voltageIndex(long step, long element) {
        long first = element - element % block;
        long length = Math.min(block, elements - first);
        return first * steps + step * length + (element - first);
    }

    /** The position in {@link #bits()}, in words, of an element at a step; the words of a block are next to each other. */
    public long wordIndex(long step, long element) {
        long first = element - element % block;
        long words = (Math.min(block, elements - first) + 63) >>> 6;
        return (first >>> 6) * steps + step * words + (element - first >>> 6);
    }

    /** Checkpoints, {@code float (count, variables, elements)}; number c is the state before step {@code 64 * (c + 1)}. */
    public MemorySegment checkpoints() {
        return checkpoints;
    }

    /** The position in {@link #checkpoints()}, in floats, of {@code variable} of element 0 in checkpoint {@code number}. */
    public long checkpointIndex(long number, int variable) {
        return (number * variables + variable) * elements;
    }

    /** The spike of {@code element} at {@code step}. */
    public boolean spike(long step, long element) {
        long word = bits.getAtIndex(ValueLayout.JAVA_LONG, wordIndex(step, element));
        return ((word >>> element) & 1) != 0;
    }

    @Override
    public long byteSize() {
        return memory.byteSize();
    }

    @Override
    public void close() {
        if (arena != null) {
            arena.close();
        }
    }
}
