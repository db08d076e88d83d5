// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.ref.Cleaner;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.TapeStorage;

/**
 * What a forward run records for its backward run. {@link Kernel#newTape} makes a tape for one kernel and shape, in its own memory or in
 * the caller's; it can be reused for any number of runs. Its owner closes it, before or after the kernel; a tape that is never closed is
 * closed some time after it has become unreachable. Not thread-safe, except that any thread may close it.
 *
 * <pre>{@code
 * try (Tape tape = kernel.newTape(Tape.Mode.COMPACT, 1000, 32, 128)) {
 *     Forward forward = new Forward().input(input).parameters(parameters).draws(draws).tape(tape);
 *     kernel.forward(forward);
 *     kernel.backward(new Backward(forward).gradVoltages(gradVoltages).gradInput(gradInput));
 * }
 * }</pre>
 */
public final class Tape implements AutoCloseable {
    /** How much a tape keeps. */
    public enum Mode {
        /**
         * The potential before the reset (4 bytes a neuron-step, 2 if it is kept as {@code F16} or {@code BF16}), the spikes (1 bit) and the state every 64 steps: less than 5
         * bytes a neuron-step. The backward pass draws nothing. Without membrane noise, the potentials can be computed from the state, and
         * the tape is as small as a compact one.
         */
        VOLTAGE,
        /**
         * The spikes and the state every 64 steps: less than 1 byte a neuron-step. The backward pass draws the membrane noise
         * again; for long runs.
         */
        COMPACT
    }

    /**
     * Stands for the kernel: a reference to the kernel itself would keep it from being reclaimed as long as a description holds the tape.
     */
    private final Object owner;

    private final TapeStorage storage;
    /** The lent memory that it is in, or null. */
    private final @Nullable Tensor lent;

    private final long bytes;
    private final Mode mode;
    private final DType type;
    private final long steps;
    private final long batch;
    private final long neurons;
    private volatile @Nullable Forward recorded;
    private long recordedFirstStep;
    private long recordedChanges;
    private final CallGuard guard = new CallGuard("tape:", "give each run that is under way a tape of its own");
    private final Cleaner.Cleanable memory;

    Tape(
            Object owner,
            TapeStorage storage,
            @Nullable Tensor lent,
            Mode mode,
            DType type,
            long steps,
            long batch,
            long neurons) {
        this.owner = owner;
        this.storage = storage;
        this.lent = lent;
        this.bytes = storage.byteSize();
        this.mode = mode;
        this.type = type;
        this.steps = steps;
        this.batch = batch;
        this.neurons = neurons;
        this.memory = Reclaimer.register(this, storage::close);
    }

    /** How much the tape keeps. */
    public Mode mode() {
        return mode;
    }

    /** The type in which potentials are stored, if they are. */
    public DType type() {
        return type;
    }

    /** The bytes that the tape takes. */
    public long byteSize() {
        return bytes;
    }

    /** The backend's own part; for backends. */
    public TapeStorage storage() {
        return storage;
    }

    /** The memory that the caller lent for it, or null. */
    @Nullable
    Tensor memory() {
        return lent;
    }

    boolean hasShape(long... shape) {
        return shape[0] == steps && shape[1] == batch && shape[2] == neurons;
    }

    /** Keeps the tape from being closed until {@link #leave}. */
    void enter() {
        guard.enter();
    }

    void leave() {
        guard.exit();
    }

    private void requireOpen() {
        if (guard.isClosed()) {
            throw new IllegalStateException("tape: is closed");
        }
    }

    void requireFits(Object owner, long steps, long batch, long neurons) {
        requireOpen();
        if (this.owner != owner) {
            throw new IllegalArgumentException(
                    "tape: got one of another kernel, expected one of this kernel's newTape");
        }
        if (this.steps != steps || this.batch != batch || this.neurons != neurons) {
            throw new IllegalArgumentException("tape: got (T, B, N) = (" + this.steps + ", " + this.batch + ", "
                    + this.neurons + "), expected (" + steps + ", " + batch + ", " + neurons + ")");
        }
    }

    void recording() {
        recorded = null;
    }

    void recorded(Forward forward) {
        recorded = forward;
        recordedFirstStep = forward.firstStep();
        recordedChanges = forward.changes();
    }

    /** Whether {@code forward} was run last on this tape, to its end, and its description has not changed since. */
    boolean holds(Forward forward) {
        return recorded == forward && recordedFirstStep == forward.firstStep() && recordedChanges == forward.changes();
    }

    void requireRecorded(Forward forward) {
        boolean same = holds(forward);
        // Only now, since a thread that closes the tape in the meantime forgets the run.
        requireOpen();
        if (!same) {
            throw new IllegalStateException(
                    "tape: does not hold this forward run; expected Kernel.forward to have run it last,"
                            + " and its description not to have changed since");
        }
    }

    /** The mode, the shape, the size, and whether it is in lent memory or closed. */
    @Override
    public String toString() {
        return new Description("Tape")
                .add(mode.toString())
                .addIf(type != DType.F32, type.toString())
                .add("T", steps)
                .add("B", batch)
                .add("N", neurons)
                .add(bytes + " bytes")
                .addIf(lent != null, "lent")
                .addIf(guard.isClosed(), "closed")
                .toString();
    }

    /**
     * Waits for a call that uses the tape, then releases the memory. Closing twice is harmless.
     *
     * @throws IllegalStateException if the caller is inside that call; nothing is changed
     */
    @Override
    public void close() {
        guard.close(() -> {
            recorded = null;
            memory.clean();
        });
    }
}
