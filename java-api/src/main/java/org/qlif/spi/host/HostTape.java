package org.qlif.spi.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.qlif.Tape;
import org.qlif.spi.TapeStorage;

/**
 * A tape in host memory: spikes as bits, a checkpoint of the state before every 64th step of the run except the first, and with
 * {@link Tape.Mode#VOLTAGE} the potential before the reset. The state before the first step is not on it: the backward pass is
 * lent it again. Rows of bits are laid out as {@link org.qlif.DType#BIT} says.
 */
public final class HostTape implements TapeStorage {
    /** Steps from one checkpoint to the next. */
    public static final int SEGMENT = 64;

    private static final long ALIGNMENT = 64;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment voltages;
    private final MemorySegment bits;
    private final MemorySegment checkpoints;
    private final long elements;
    private final int variables;
    private final long words;

    /** A tape for {@code steps} steps of {@code elements} neurons with {@code variables} state variables in a checkpoint. */
    public HostTape(Tape.Mode mode, long steps, long elements, int variables) {
        this.elements = elements;
        this.variables = variables;
        this.words = (elements + 63) >>> 6;
        try {
            long count = steps == 0 ? 0 : (steps - 1) / SEGMENT;
            bits = allocate(Math.multiplyExact(steps, words * 8));
            checkpoints = allocate(Math.multiplyExact(count, Math.multiplyExact(elements, variables * 4L)));
            voltages = mode == Tape.Mode.VOLTAGE ? allocate(Math.multiplyExact(steps, elements * 4)) : null;
        } catch (Throwable failure) {
            arena.close();
            throw failure;
        }
    }

    private MemorySegment allocate(long bytes) {
        return arena.allocate(bytes, ALIGNMENT);
    }

    /** Whether the potentials are kept. */
    public boolean keepsVoltages() {
        return voltages != null;
    }

    /** The potentials before the reset, {@code float (T, elements)}, or null. */
    public MemorySegment voltages() {
        return voltages;
    }

    /** The rows of spike bits. */
    public MemorySegment bits() {
        return bits;
    }

    /** 64-bit words in a row of bits. */
    public long words() {
        return words;
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
        long word = bits.getAtIndex(ValueLayout.JAVA_LONG, step * words + (element >>> 6));
        return ((word >>> element) & 1) != 0;
    }

    @Override
    public long byteSize() {
        return bits.byteSize() + checkpoints.byteSize() + (voltages == null ? 0 : voltages.byteSize());
    }

    @Override
    public void close() {
        arena.close();
    }
}
