// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.qlif.WarmUp.Progress;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.TapeStorage;

/**
 * A kernel whose code the JVM compiles while it runs, with another kernel that runs its first calls: in a new process these would take
 * seconds, since vector code is interpreted at first. Both return the same bits. The other kernel hands over at the first call after {@link
 * WarmUp} has measured that this one is faster. This one is opened only when it is needed, since loading its classes takes longer than most
 * first calls.
 *
 * <p>Small calls go to a device that is known to run, in practice {@code cpu:scalar}, until {@link WarmUp} has loaded a better one, {@code
 * cpu:native}, in the background: loading the library takes longer than such a call.
 *
 * <p>Only plain calls go to the other kernel: forward runs of a moderate size, without a tape, that lend only input, parameters, state and
 * draws. Other calls need code that the warm-up does not run, or a tape that only the kernel that recorded it can read.
 */
final class Relay implements BackendKernel {
    /** The neuron-steps of a call that takes long enough for the JVM to compile its code. */
    private static final long LARGE = 1 << 22;

    /** The neuron-steps of a call up to which scalar code takes less time than loading the native library. */
    private static final long SMALL = 1 << 16;

    private final NeuronConfig config;
    private final KernelOptions options;
    private final Device asked;
    private final Devices.Choice taken;
    private final Object code;
    private final Trace[] traces;

    /** The device of the next. */
    private volatile Devices.Choice starter;

    /** The kernel that runs the first calls; null before the first of them and after the last. */
    private volatile @Nullable BackendKernel first;

    /** Whether the first calls are over. */
    private volatile boolean over;

    /** Whether the best device for the first calls has been looked for. */
    private boolean settled;

    /** Null until it is needed. Guarded by this, as is the next, since a kernel may be asked what it is during a call. */
    private @Nullable BackendKernel compiled;

    private boolean closed;

    /** Null before the first call. */
    private @Nullable AtomicReference<Progress> progress;

    private volatile Device device;

    private Relay(
            NeuronConfig config,
            Device asked,
            Devices.Choice taken,
            KernelOptions options,
            Devices.Choice starter,
            Object code) {
        this.config = config;
        this.options = options;
        this.asked = asked;
        this.taken = taken;
        this.starter = starter;
        this.code = code;
        traces = config.traces().toArray(new Trace[0]);
        device = taken.device();
    }

    /**
     * Returns a kernel on the device {@code taken} of those that {@code asked} can mean, with another kernel for its first calls if they
     * would be slow and there is such a kernel.
     */
    static BackendKernel open(NeuronConfig config, Device asked, Devices.Choice taken, KernelOptions options) {
        Backend backend = taken.requireBackend();
        // A caller with a thread factory expects exactly its own threads.
        if (!asked.equals(taken.device()) && options.threadFactory().isEmpty()) {
            Object code = backend.compiledWhileRunning(config).orElse(null);
            if (code != null && !WarmUp.isDone(code)) {
                try {
                    Devices.Choice starter = Devices.starter(asked, taken, config, options, true);
                    if (starter == null) {
                        starter = Devices.starter(asked, taken, config, options, false);
                    }
                    if (starter != null) {
                        return new Relay(config, asked, taken, options, starter, code);
                    }
                } catch (RuntimeException | LinkageError failure) {
                    // Then without one.
                }
            }
        }
        return backend.open(config, taken.device(), options);
    }

    private BackendKernel open(Devices.Choice choice) {
        return choice.requireBackend().open(config, choice.device(), options);
    }

    private synchronized BackendKernel compiled() {
        if (compiled == null) {
            if (closed) {
                throw new IllegalStateException("this kernel is closed");
            }
            compiled = open(taken);
        }
        return compiled;
    }

    /** The device of the last call; before the first call, that of later calls. */
    Device device() {
        return device;
    }

    @Override
    public String description() {
        BackendKernel starting = first;
        if (starting != null && device.equals(starter.device())) {
            return starting.description();
        }
        synchronized (this) {
            return closed && compiled == null
                    ? taken.info().description()
                    : compiled().description();
        }
    }

    @Override
    public boolean reaches(Device place) {
        return compiled().reaches(place);
    }

    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return compiled().extension(type);
    }

    @Override
    public void check(Parameters parameters) {
        // Before the first call none is open, and on the CPU there is nothing to check.
        BackendKernel starting = first;
        if (starting != null) {
            starting.check(parameters);
        } else if (over) {
            compiled().check(parameters);
        }
    }

    @Override
    public boolean takesLinear() {
        return compiled().takesLinear();
    }

    @Override
    public boolean takes(DType type) {
        return compiled().takes(type);
    }

    @Override
    public void forward(Forward call) {
        if (!over && progress != null && progress.get() == Progress.FASTER) {
            // Opened before the other is closed: if it fails, nothing has changed.
            compiled();
            over = true;
            replaceFirst(null);
        }
        if (over || !isPlain(call)) {
            device = taken.device();
            compiled().forward(call);
            return;
        }
        BackendKernel starting = first(call);
        device = starter.device();
        starting.forward(call);
        if (progress == null) {
            // After the call, which needs the processors.
            progress = WarmUp.begin(code, config, asked, taken);
        }
    }

    /** The kernel for {@code call}, one of the first. */
    private BackendKernel first(Forward call) {
        // Another kernel's first calls may have had it loaded, while this one waits for its turn in the background.
        boolean loaded = WarmUp.isLoaded() || progress != null && progress.get() == Progress.LOADED;
        if (!settled && (loaded || call.steps() * call.elements() > SMALL)) {
            settled = true;
            settle();
        }
        BackendKernel starting = first;
        if (starting == null) {
            starting = open(starter);
            first = starting;
        }
        return starting;
    }

    /** Goes over to the best device for the first calls. */
    private void settle() {
        try {
            Devices.Choice best = Devices.starter(asked, taken, config, options, false);
            if (best != null && !best.device().equals(starter.device())) {
                BackendKernel opened = open(best);
                starter = best;
                replaceFirst(opened);
            }
        } catch (RuntimeException | LinkageError failure) {
            // Then they stay where they are.
        }
    }

    private void replaceFirst(@Nullable BackendKernel next) {
        BackendKernel replaced = first;
        first = next;
        if (replaced != null) {
            replaced.close();
        }
    }

    private boolean isPlain(Forward call) {
        if (call.tape() != null
                || call.linear() != null
                || call.modulation() != null
                || call.uniforms() != null
                || call.normals() != null
                || call.steps() > 0 && call.elements() > LARGE / call.steps()) {
            return false;
        }
        for (Trace trace : traces) {
            if (call.trace(trace) != null) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void backward(Backward call) {
        device = taken.device();
        compiled().backward(call);
    }

    @Override
    public void draw(
            DrawStream stream,
            long firstStep,
            @Nullable Tensor rowIndex,
            @Nullable Tensor uniforms,
            @Nullable Tensor normals) {
        compiled().draw(stream, firstStep, rowIndex, uniforms, normals);
    }

    @Override
    public long tapeBytes(Tape.Mode mode, DType type, long steps, long batch, long neurons) {
        return compiled().tapeBytes(mode, type, steps, batch, neurons);
    }

    @Override
    public TapeStorage newTape(
            Tape.Mode mode, DType type, long steps, long batch, long neurons, @Nullable Tensor memory) {
        return compiled().newTape(mode, type, steps, batch, neurons, memory);
    }

    @Override
    public long scratchBytes(Backward call) {
        return compiled().scratchBytes(call);
    }

    @Override
    public void close() {
        BackendKernel opened;
        synchronized (this) {
            closed = true;
            opened = compiled;
        }
        try {
            if (opened != null) {
                opened.close();
            }
        } finally {
            BackendKernel starting = first;
            if (starting != null) {
                starting.close();
            }
        }
    }
}
