package org.qlif;

import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.qlif.spi.BackendKernel;

/**
 * A neuron model on a device: one call runs all time steps of a batch, forward or backward.
 *
 * <p>Every backend returns the same bits for any number of threads, and for any split of a run over time or batch, except that
 * gradients of shared values are sums of a call (a NaN is a NaN: its payload is not part of that promise). Arguments are checked before anything is written. A kernel owns scratch memory and
 * helper threads and serves one call at a time: a call from a second thread meanwhile, or after {@link #close()}, throws
 * {@link IllegalStateException}. Open one kernel for each thread that calls.
 *
 * <pre>{@code
 * try (Kernel kernel = Kernel.open(QlifConfig.defaults(), "cpu")) {
 *     kernel.forward(new Forward()
 *             .input(Tensor.of(current, 100, 32, 128))
 *             .parameters(Parameters.shared(kernel.config()))
 *             .draws(new DrawStream(42, 0))
 *             .spikes(Tensor.of(spikes, 100, 32, 128)));
 * }
 * }</pre>
 */
public final class Kernel implements AutoCloseable {
    private static final int IDLE = 0;
    private static final int BUSY = 1;
    private static final int CLOSED = 2;

    private final NeuronConfig config;
    private final Device device;
    private final BackendKernel backend;
    private final AtomicInteger use = new AtomicInteger(IDLE);

    private Kernel(NeuronConfig config, Device device, BackendKernel backend) {
        this.config = config;
        this.device = device;
        this.backend = backend;
    }

    /** A kernel of {@code config} on the device of this name, on all processors; see {@link Device}. */
    public static Kernel open(NeuronConfig config, String device) {
        return open(config, Device.of(device), KernelOptions.defaults());
    }

    /**
     * A kernel of {@code config} on {@code device}.
     *
     * @throws IllegalArgumentException if no installed backend knows the device, or it can't run the configuration
     * @throws DeviceUnavailableException if the device can't run here
     */
    public static Kernel open(NeuronConfig config, Device device, KernelOptions options) {
        Objects.requireNonNull(config, "config");
        Objects.requireNonNull(options, "options");
        Devices.Choice choice = Devices.choose(Objects.requireNonNull(device, "device"));
        return new Kernel(config, choice.device(), choice.backend().open(config, choice.device(), options));
    }

    /** The configuration. */
    public NeuronConfig config() {
        return config;
    }

    /** The device that runs, by its full name. */
    public Device device() {
        return device;
    }

    /** What runs, for people. */
    public String description() {
        return backend.description();
    }

    /**
     * Runs all time steps of {@code call}.
     *
     * @throws IllegalArgumentException if an argument's type, shape, place or value is not what the call needs; values in the
     *     memory of a device are not looked at
     * @throws IllegalStateException if memory is closed, or the kernel is closed or in use
     * @throws NativeException if the device fails
     * @throws WrongThreadException if memory belongs to another thread's confined arena
     */
    public void forward(Forward call) {
        enter();
        try {
            call.check(config, this);
            Tape tape = call.tape();
            if (tape != null) {
                tape.recording();
            }
            long firstStep = call.firstStep();
            backend.forward(call);
            if (call.finalState() != null) {
                call.finalState().step(firstStep + call.steps());
            }
            if (tape != null) {
                tape.recorded(call);
            }
        } finally {
            use.set(IDLE);
        }
    }

    /**
     * Runs the backward pass of {@code call}, whose forward run must be the last one on its tape.
     *
     * @throws IllegalArgumentException if an argument's type, shape or place is not what the call needs
     * @throws IllegalStateException if the tape holds another run, memory is closed, or the kernel is closed or in use
     * @throws NativeException if the device fails
     * @throws WrongThreadException if memory belongs to another thread's confined arena
     */
    public void backward(Backward call) {
        enter();
        try {
            call.check(config, this);
            backend.backward(call);
            if (call.gradInitialState() != null) {
                call.gradInitialState().step(call.forward().firstStep());
            }
        } finally {
            use.set(IDLE);
        }
    }

    /**
     * Writes the numbers that a run of this kernel would draw: the same bits on every backend.
     *
     * @param stream which numbers
     * @param firstStep the absolute index of the first step
     * @param uniforms where the decision uniforms go, {@code F32 (T, B, N)}, or {@code (T, W, B, N)} for the W wires of
     *     MULTI_QUBIT; null for none
     * @param normals where the standard normals go, {@code F32 (T, B, N)}; null for none
     */
    public void draw(DrawStream stream, long firstStep, Tensor uniforms, Tensor normals) {
        enter();
        try {
            Objects.requireNonNull(stream, "stream");
            Lending lending = new Lending();
            if (uniforms != null) {
                boolean wires = uniforms.rank() == 4;
                if (uniforms.type() != DType.F32
                        || !(wires || uniforms.rank() == 3)
                        || (wires && uniforms.extent(1) > 64)) {
                    throw new IllegalArgumentException("uniforms: got " + uniforms
                            + ", expected F32 of shape (T, B, N) or (T, W, B, N) with W <= 64");
                }
                lending.write("uniforms", uniforms);
            }
            if (normals != null) {
                long[] expected = uniforms == null ? normals.shape() : uniforms.shape();
                if (expected.length == 4) {
                    expected = new long[] {expected[0], expected[2], expected[3]};
                }
                if (normals.type() != DType.F32 || normals.rank() != 3 || !normals.hasShape(expected)) {
                    throw new IllegalArgumentException("normals: got " + normals + ", expected F32 of shape (T, B, N)"
                            + (uniforms == null ? "" : " = " + Arrays.toString(expected)));
                }
                lending.write("normals", normals);
            }
            lending.requireReachable(this);
            Tensor any = uniforms != null ? uniforms : normals;
            if (any != null) {
                long elements = any.extent(any.rank() - 2) * any.extent(any.rank() - 1);
                DrawStream.requireWithinCounter(stream, firstStep, any.extent(0), elements);
            }
            backend.draw(stream, firstStep, uniforms, normals);
        } finally {
            use.set(IDLE);
        }
    }

    /**
     * What this kernel's backend offers beyond this class, such as streams of a GPU; empty if it has nothing of that type. It is
     * bound to this kernel, to be used from one thread at a time, not during a call, and until {@link #close()}.
     */
    public <T> Optional<T> extension(Class<T> type) {
        return backend.extension(type);
    }

    /** Whether this kernel can reach memory of the device {@code place}. */
    boolean reaches(Device place) {
        return backend.reaches(place);
    }

    /** A tape for runs of this shape, to be closed by the caller. */
    public Tape newTape(Tape.Mode mode, long steps, long batch, long neurons) {
        enter();
        try {
            Objects.requireNonNull(mode, "mode");
            Tensor.byteSize(DType.F32, steps, batch, neurons);
            // Without noise a step done again finds its potential; keeping it would only cost memory and its bandwidth.
            Tape.Mode kept = config.drawsNormals() ? mode : Tape.Mode.COMPACT;
            return new Tape(this, backend.newTape(kept, steps, batch, neurons), mode, steps, batch, neurons);
        } finally {
            use.set(IDLE);
        }
    }

    private void enter() {
        if (!use.compareAndSet(IDLE, BUSY)) {
            throw new IllegalStateException(
                    use.get() == CLOSED
                            ? "this kernel is closed"
                            : "this kernel is in use by another thread; open one kernel for each thread that calls");
        }
    }

    /**
     * Releases helper threads and memory. Closing twice is harmless.
     *
     * @throws IllegalStateException if a call is running
     */
    @Override
    public void close() {
        if (use.get() == CLOSED) {
            return;
        }
        if (!use.compareAndSet(IDLE, CLOSED)) {
            throw new IllegalStateException("this kernel is in use by another thread and can't be closed yet");
        }
        backend.close();
    }
}
