// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.Backend;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.TapeStorage;

/**
 * A kernel whose code is compiled while it runs, with another one that does its first calls: in a new process those would take a second, in
 * which vector code is interpreted. Both give the same bits. It hands over at the first call after {@link WarmUp} has seen the former be
 * the faster.
 *
 * <p>Only plain calls go to the other one: forward runs without a tape, of a moderate size, that lend no more than input, parameters, state
 * and draws. The rest needs code that the warm-up does not run, or a tape that only the kernel that has recorded it can read.
 */
final class Relay implements BackendKernel {
    /** Neuron-steps of a call during which the code is compiled anyway. */
    private static final long LARGE = 1 << 22;

    private final BackendKernel compiled;
    private final Device compiledDevice;
    private final Device firstDevice;
    private final WarmUp warmUp;
    private final Runnable begin;
    private final Trace[] traces;

    /** What does the first calls; null once they are over. */
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
     * {@code kernel}, which is on the device {@code taken} of those that {@code asked} can mean; with another for its first calls if they
     * would be slow and there is one.
     */
    static BackendKernel around(
            BackendKernel kernel, Device asked, Devices.Choice taken, NeuronConfig config, KernelOptions options) {
        Backend backend = taken.requireBackend();
        Optional<Object> code = backend.compiledWhileRunning(config);
        // Threads that a caller makes are counted by him.
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

    /** The device of the last call, before the first call that of the later ones. */
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
