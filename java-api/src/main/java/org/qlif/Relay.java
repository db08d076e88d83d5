// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.TapeStorage;

/**
 * A kernel whose code the JVM compiles while it runs, with another kernel that runs its first calls: in a new process these would take a
 * second, since vector code is interpreted at first. Both return the same bits. The other kernel hands over at the first call after {@link
 * WarmUp} has measured that this one is faster.
 *
 * <p>Only plain calls go to the other kernel: forward runs of a moderate size, without a tape, that lend only input, parameters, state and
 * draws. Other calls need code that the warm-up does not run, or a tape that only the kernel that recorded it can read.
 */
final class Relay implements BackendKernel {
    /** The neuron-steps of a call that takes long enough for the JVM to compile its code. */
    private static final long LARGE = 1 << 22;

    private final BackendKernel compiled;
    private final Device compiledDevice;
    private final Device firstDevice;
    private final WarmUp warmUp;
    private final Runnable begin;
    private final Trace[] traces;

    /** The kernel that runs the first calls; null once they are over. */
    private @Nullable BackendKernel first;

    private boolean begun;
    private volatile Device device;

    private Relay(
            NeuronConfig config,
            BackendKernel compiled,
            Device compiledDevice,
            BackendKernel first,
            Device firstDevice,
            WarmUp warmUp,
            Runnable begin) {
        this.compiled = compiled;
        this.compiledDevice = compiledDevice;
        this.first = first;
        this.firstDevice = firstDevice;
        this.warmUp = warmUp;
        this.begin = begin;
        traces = config.traces().toArray(Trace[]::new);
        device = compiledDevice;
    }

    /**
     * Returns {@code kernel}, on the device {@code taken} of those that {@code asked} can mean, with another kernel for its first calls if
     * they would be slow and there is such a kernel.
     */
    static BackendKernel around(
            BackendKernel kernel, Device asked, Devices.Choice taken, NeuronConfig config, KernelOptions options) {
        Backend backend = taken.requireBackend();
        Optional<Object> code = backend.compiledWhileRunning(config);
        // A caller with a thread factory expects exactly its own threads.
        if (code.isEmpty()
                || asked.equals(taken.device())
                || options.threadFactory().isPresent()) {
            return kernel;
        }
        WarmUp warmUp = WarmUp.of(code.get());
        Optional<Devices.Choice> other =
                warmUp.isDone() ? Optional.empty() : Devices.starter(asked, taken, config, options);
        if (other.isEmpty()) {
            return kernel;
        }
        Devices.Choice starter = other.get();
        try {
            return new Relay(
                    config,
                    kernel,
                    taken.device(),
                    starter.requireBackend().open(config, starter.device(), options),
                    starter.device(),
                    warmUp,
                    () -> warmUp.begin(
                            config,
                            alone -> Kernel.open(config, starter, alone),
                            alone -> Kernel.open(config, taken, alone)));
        } catch (RuntimeException | LinkageError failure) {
            return kernel;
        }
    }

    /** The device of the last call; before the first call, that of later calls. */
    Device device() {
        return device;
    }

    @Override
    public String description() {
        BackendKernel starter = first;
        return starter == null || device.equals(compiledDevice) ? compiled.description() : starter.description();
    }

    @Override
    public boolean reaches(Device place) {
        return compiled.reaches(place);
    }

    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return compiled.extension(type);
    }

    @Override
    public void check(Parameters parameters) {
        compiled.check(parameters);
    }

    @Override
    public boolean takesLinear() {
        return compiled.takesLinear();
    }

    @Override
    public boolean takes(DType type) {
        return compiled.takes(type);
    }

    @Override
    public void forward(Forward call) {
        BackendKernel starter = first;
        if (starter != null && warmUp.isDone()) {
            first = null;
            starter.close();
            starter = null;
        }
        if (starter != null && isPlain(call)) {
            if (!begun) {
                begun = true;
                begin.run();
            }
            device = firstDevice;
            starter.forward(call);
        } else {
            device = compiledDevice;
            compiled.forward(call);
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
        device = compiledDevice;
        compiled.backward(call);
    }

    @Override
    public void draw(
            DrawStream stream,
            long firstStep,
            @Nullable Tensor rowIndex,
            @Nullable Tensor uniforms,
            @Nullable Tensor normals) {
        compiled.draw(stream, firstStep, rowIndex, uniforms, normals);
    }

    @Override
    public long tapeBytes(Tape.Mode mode, DType type, long steps, long batch, long neurons) {
        return compiled.tapeBytes(mode, type, steps, batch, neurons);
    }

    @Override
    public TapeStorage newTape(
            Tape.Mode mode, DType type, long steps, long batch, long neurons, @Nullable Tensor memory) {
        return compiled.newTape(mode, type, steps, batch, neurons, memory);
    }

    @Override
    public long scratchBytes(Backward call) {
        return compiled.scratchBytes(call);
    }

    @Override
    public void close() {
        try {
            compiled.close();
        } finally {
            BackendKernel starter = first;
            if (starter != null) {
                starter.close();
            }
        }
    }
}
