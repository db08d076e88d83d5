package org.qlif;

import org.qlif.spi.TapeStorage;

/**
 * What a forward run leaves for its backward run. Made by {@link Kernel#newTape} for one kernel and shape, reusable for any
 * number of runs, closed by its owner. Closing twice is harmless. Not thread-safe.
 */
public final class Tape implements AutoCloseable {
    /** How much a tape keeps. */
    public enum Mode {
        /**
         * The potential before the reset (4 bytes a neuron-step), the spikes (1 bit) and the state every 64 steps: less than 5
         * bytes a neuron-step. The backward pass draws nothing. Without membrane noise potentials follow from the state, and the tape
         * is as small as a compact one.
         */
        VOLTAGE,
        /**
         * The spikes and the state every 64 steps: less than 1 byte a neuron-step. The backward pass draws the membrane noise
         * again; for long runs.
         */
        COMPACT
    }

    private final Kernel kernel;
    private final TapeStorage storage;
    private final Mode mode;
    private final long steps;
    private final long batch;
    private final long neurons;
    private Forward recorded;
    private long recordedFirstStep;
    private long recordedChanges;
    private boolean closed;

    Tape(Kernel kernel, TapeStorage storage, Mode mode, long steps, long batch, long neurons) {
        this.kernel = kernel;
        this.storage = storage;
        this.mode = mode;
        this.steps = steps;
        this.batch = batch;
        this.neurons = neurons;
    }

    /** How much the tape keeps. */
    public Mode mode() {
        return mode;
    }

    /** The bytes that the tape takes. */
    public long byteSize() {
        return storage.byteSize();
    }

    /** The backend's own part; for backends. */
    public TapeStorage storage() {
        return storage;
    }

    boolean hasShape(long... shape) {
        return shape[0] == steps && shape[1] == batch && shape[2] == neurons;
    }

    void requireFits(Kernel kernel, long steps, long batch, long neurons) {
        if (closed) {
            throw new IllegalStateException("tape: is closed");
        }
        if (this.kernel != kernel) {
            throw new IllegalArgumentException(
                    "tape: was made by another kernel, expected one of this kernel's newTape");
        }
        if (this.steps != steps || this.batch != batch || this.neurons != neurons) {
            throw new IllegalArgumentException("tape: was made for (T, B, N) = (" + this.steps + ", " + this.batch
                    + ", " + this.neurons + "), expected (" + steps + ", " + batch + ", " + neurons + ")");
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

    void requireRecorded(Forward forward) {
        if (closed) {
            throw new IllegalStateException("tape: is closed");
        }
        boolean same =
                recorded == forward && recordedFirstStep == forward.firstStep() && recordedChanges == forward.changes();
        if (!same) {
            throw new IllegalStateException(
                    "tape: does not hold this forward run; expected Kernel.forward to have run it last,"
                            + " and its description not to have changed since");
        }
    }

    /** Releases the memory. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            recorded = null;
            storage.close();
        }
    }
}
