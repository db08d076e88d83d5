// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.TapeStorage;

/**
 * A neuron model on a device: one call runs all time steps of a batch, forward or backward.
 *
 * <p>Every backend returns the same bits for any number of threads, and for any split of a run over time or batch, except that
 * gradients of shared values are summed per call (a NaN is a NaN: its payload may differ). Arguments are checked
 * before anything is written, including the values of parameters in the host's memory ({@link Parameters#requireValid}). Input, modulation
 * and a given state may contain NaN, which stays in its neuron. Lent memory must stay open until the call returns. If another thread closes
 * its arena in the meantime, either that fails, or the call ends with an exception and its outputs are incomplete.
 *
 * <p>A kernel serves one call at a time, from any thread, including virtual ones. A second thread's call in the meantime, or a call after
 * {@link #close()}, throws {@link IllegalStateException}. Open one kernel for each thread that calls; kernels share helper threads, see
 * {@link KernelOptions}. Interrupting the thread does not end a call; the interrupt is kept. A kernel that you forget to close is closed
 * some time after it has become unreachable.
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
    /**
     * The alignment, in bytes, of memory that is lent for a tape or as the scratch memory of a backward call. 64, a cache line, may be
     * faster.
     */
    public static final long ALIGNMENT = 16;

    private final NeuronConfig config;
    private final Device device;
    private final BackendKernel backend;
    private final Predicate<Device> reachable;
    private final ParameterChecks parameterChecks;
    private final CallGuard guard =
            new CallGuard("this kernel", "it serves one at a time: open one kernel for each thread that calls");
    private final Cleaner.Cleanable resources;
    /** Identifies this kernel to its tapes. */
    private final Object tapeOwner = new Object();

    private Kernel(NeuronConfig config, Device device, BackendKernel backend) {
        this.config = config;
        this.device = device;
        this.backend = backend;
        this.reachable = backend::reaches;
        this.parameterChecks = new ParameterChecks(config);
        this.resources = Reclaimer.register(this, backend::close);
    }

    /**
     * A kernel of {@code config} on the device of this name, with {@link KernelOptions#defaults()}; see {@link Device}.
     *
     * @throws IllegalArgumentException if the name is malformed, or as {@link #open(NeuronConfig, Device, KernelOptions)} does
     * @throws DeviceUnavailableException if the device can't run here, or no backend can be used
     * @throws NativeException if the device fails
     */
    public static Kernel open(NeuronConfig config, String device) {
        return open(config, Device.of(device), KernelOptions.defaults());
    }

    /**
     * A kernel of {@code config} on {@code device}. If the name leaves a choice, as {@code auto} and {@code cpu} do, the kernel runs on the best
     * device that can run the configuration; each outcome is logged once (INFO, logger {@code org.qlif}), and {@link #device()} returns it.
     *
     * <p>If {@code cpu:simd} is chosen, the JVM still has to compile its code. Until then, other devices of the CPU run the kernel's plain
     * calls, with the same bits: small ones {@code cpu:scalar}, then {@code cpu:native}, once a background thread has loaded it. That thread
     * also warms up the code, on data of its own; {@code cpu:simd} takes over once it has been the faster one. A plain call is a forward run
     * without tape, modulation, lent draws, linear layer or traces, of at most 2^22 neuron-steps. To run all calls on one device, ask for
     * it by its full name, or set a thread factory.
     *
     * @throws IllegalArgumentException if no installed backend knows the device, or none that the name can mean can run the configuration
     *     with these options
     * @throws DeviceUnavailableException if the device can't run here, or no backend can be used
     * @throws NativeException if the device fails
     */
    public static Kernel open(NeuronConfig config, Device device, KernelOptions options) {
        Objects.requireNonNull(config, "config");
        Objects.requireNonNull(options, "options");
        Devices.Choice choice = Devices.choose(Objects.requireNonNull(device, "device"), config, options);
        return new Kernel(config, choice.device(), Relay.open(config, device, choice, options));
    }

    /** A kernel on the device of {@code choice} and no other. */
    static Kernel open(NeuronConfig config, Devices.Choice choice, KernelOptions options) {
        return new Kernel(config, choice.device(), choice.requireBackend().open(config, choice.device(), options));
    }

    /** The configuration. */
    public NeuronConfig config() {
        return config;
    }

    /**
     * The full name of the device that runs the calls, such as {@code cpu:simd}. If another one runs the first calls until this one is fast
     * ({@link #open(NeuronConfig, Device, KernelOptions)}), it is the device of the last call.
     */
    public Device device() {
        return backend instanceof Relay relay ? relay.device() : device;
    }

    /** A description of what runs the calls, such as the instruction set and the threads, for people to read. */
    public String description() {
        return backend.description();
    }

    /**
     * Runs all time steps of {@code call}.
     *
     * @throws IllegalArgumentException if an argument's type, shape, place or value is not what the call needs; values in a device's memory
     *     are only checked if its extension is told to
     * @throws IllegalStateException if memory is closed, or the kernel is closed or in use
     * @throws NativeException if the device fails
     * @throws WrongThreadException if memory belongs to another thread's confined arena
     */
    public void forward(Forward call) {
        Objects.requireNonNull(call, "call");
        guard.enter();
        try {
            call.check(config, this);
            backend.check(call.parameters());
            Tape tape = call.tape();
            if (tape == null) {
                run(call);
                return;
            }
            tape.enter();
            try {
                tape.recording();
                run(call);
                tape.recorded(call);
            } finally {
                tape.leave();
            }
        } finally {
            exit();
        }
    }

    private void run(Forward call) {
        long firstStep = call.firstStep();
        backend.forward(call);
        if (call.finalState() != null) {
            call.finalState().step(firstStep + call.steps());
        }
    }

    /**
     * Runs the backward pass of {@code call}, whose forward run must be the last one on its tape.
     *
     * @throws IllegalArgumentException if an argument's type, shape, place or value is not what the call needs
     * @throws IllegalStateException if the tape holds another run, memory is closed, or the kernel is closed or in use
     * @throws NativeException if the device fails
     * @throws WrongThreadException if memory belongs to another thread's confined arena
     */
    public void backward(Backward call) {
        Objects.requireNonNull(call, "call");
        guard.enter();
        try {
            call.check(config, this);
            backend.check(call.forward().parameters());
            Tape tape = Objects.requireNonNull(call.forward().tape());
            tape.enter();
            try {
                backend.backward(call);
            } finally {
                tape.leave();
            }
            if (call.gradInitialState() != null) {
                call.gradInitialState().step(call.forward().firstStep());
            }
        } finally {
            exit();
        }
    }

    /**
     * Writes the random numbers that a run would draw. They have the same bits on every backend and do not depend on the configuration,
     * which only decides which of them a run uses.
     *
     * @param stream which numbers
     * @param firstStep the absolute index of the first step, at least 0
     * @param uniforms where the decision uniforms go, each in [0, 1), {@code F32 (T, B, N)}, or {@code (T, W, B, N)} for the W wires of
     *     MULTI_QUBIT; null for none
     * @param normals where the standard normals go, {@code F32 (T, B, N)}; null for none
     * @throws IllegalArgumentException if a type, shape or place is not what the call needs, or the run passes the end of the draws'
     *     counter
     */
    public void draw(DrawStream stream, long firstStep, @Nullable Tensor uniforms, @Nullable Tensor normals) {
        draw(stream, firstStep, null, uniforms, normals);
    }

    /**
     * Writes the random numbers that a run would draw for given rows of the whole batch.
     *
     * @param stream which numbers; with row indices its offset is 0
     * @param firstStep the absolute index of the first step
     * @param rowIndex the index of each row, {@code I64 (B)}, as for {@link Forward#rowIndex}; null for consecutive rows
     * @param uniforms as in {@link #draw(DrawStream, long, Tensor, Tensor)}
     * @param normals as in {@link #draw(DrawStream, long, Tensor, Tensor)}
     * @throws IllegalArgumentException if a type, shape or place is not what the call needs, or the run passes the end of the draws'
     *     counter
     */
    public void draw(
            DrawStream stream,
            long firstStep,
            @Nullable Tensor rowIndex,
            @Nullable Tensor uniforms,
            @Nullable Tensor normals) {
        guard.enter();
        try {
            Objects.requireNonNull(stream, "stream");
            Lending lending = new Lending();
            lending.read("rowIndex", rowIndex);
            if (uniforms != null) {
                boolean wires = uniforms.rank() == 4;
                if (uniforms.type() != DType.F32
                        || !(wires || uniforms.rank() == 3)
                        || (wires && (uniforms.extent(1) < 1 || uniforms.extent(1) > 64))) {
                    throw new IllegalArgumentException("uniforms: got " + uniforms
                            + ", expected F32 of shape (T, B, N) or (T, W, B, N) with W from 1 to 64");
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
            lending.requireReachable(device, reachable);
            Tensor any = uniforms != null ? uniforms : normals;
            if (any == null) {
                return;
            }
            if (rowIndex != null) {
                DrawStream.requireRowIndex(stream, rowIndex, any.extent(any.rank() - 2));
            }
            long elements = Tensor.elementsPerStep(
                    uniforms != null ? "uniforms" : "normals", any.extent(any.rank() - 2), any.extent(any.rank() - 1));
            DrawStream.requireWithinCounter(rowIndex == null ? stream : null, firstStep, any.extent(0), elements);
            if (any.elements() > 0) {
                backend.draw(stream, firstStep, rowIndex, uniforms, normals);
            }
        } finally {
            exit();
        }
    }

    /**
     * What this kernel's backend offers beyond this class, such as streams of a GPU; empty if it has nothing of that type. It is
     * bound to this kernel: use it from one thread at a time, between calls, until {@link #close()}.
     */
    public <T> Optional<T> extension(Class<T> type) {
        return backend.extension(Objects.requireNonNull(type, "type"));
    }

    /** Whether this kernel reaches memory of a device. */
    Predicate<Device> reachable() {
        return reachable;
    }

    /** Throws unless this kernel's runs can take a linear layer instead of an input. */
    void requireLinear() {
        if (!backend.takesLinear()) {
            throw new IllegalArgumentException("linear: given, expected none, since a kernel on " + device
                    + " can't compute the current from spikes: pass an input, such as the output of a SpikeLinear");
        }
    }

    /** Throws unless the model can run with {@code parameters}; see {@link Parameters#requireValid}. */
    void requireValid(Parameters parameters) {
        parameterChecks.requireValid(parameters);
    }

    /**
     * Whether calls and tapes can use numbers of this type: {@link DType#F32} always, {@link DType#F16} and {@link DType#BF16} on all
     * devices except {@code cpu:simd}. All arithmetic is float32 in any case.
     */
    public boolean takes(DType type) {
        return type == DType.F32 || backend.takes(Objects.requireNonNull(type, "type"));
    }

    /** Throws unless this kernel takes the type of {@code tensor}, which may be null. */
    void requireTaken(String name, @Nullable Tensor tensor) {
        if (tensor != null && !takes(tensor.type())) {
            throw new IllegalArgumentException(name + ": got " + tensor + ", expected F32: " + takers());
        }
    }

    private void requireTaken(DType type) {
        if (!DType.NUMBERS.contains(Objects.requireNonNull(type, "type"))) {
            throw new IllegalArgumentException("type: got " + type + ", expected one of " + DType.NUMBERS);
        }
        if (!takes(type)) {
            throw new IllegalArgumentException("type: got " + type + ", expected F32: " + takers());
        }
    }

    private String takers() {
        return "a kernel on " + device + " takes no numbers of 16 bits; cpu:scalar, cpu:native and GPUs do";
    }

    /** Identifies this kernel to its tapes. */
    Object tapeOwner() {
        return tapeOwner;
    }

    /**
     * Makes a tape for runs of this shape, which the caller closes.
     *
     * @param mode how much it keeps
     * @param steps T, at least 0
     * @param batch B, at least 0
     * @param neurons N, at least 0
     * @throws IllegalArgumentException if an extent is negative, or the tape's size passes 2^63 bytes
     * @throws IllegalStateException if the kernel is closed or in use
     * @throws NativeException of kind {@code OUT_OF_MEMORY} if there is not enough memory memory
     */
    public Tape newTape(Tape.Mode mode, long steps, long batch, long neurons) {
        return newTape(mode, DType.F32, steps, batch, neurons);
    }

    /**
     * Makes a tape for runs of this shape that stores potentials in the given type, which the caller closes. Rounded potentials take half
     * the memory; the backward pass uses them, while spikes and stored states stay exact.
     *
     * @param mode how much it keeps
     * @param type of {@link DType#NUMBERS}, one that this kernel {@linkplain #takes takes}; {@link DType#BF16} has the range of {@code
     *     F32}, while {@code F16} makes a potential beyond 65504 infinite
     * @param steps T, at least 0
     * @param batch B, at least 0
     * @param neurons N, at least 0
     * @throws IllegalArgumentException if an extent is negative, the tape's size passes 2^63 bytes, or this kernel does not take the type
     * @throws IllegalStateException if the kernel is closed or in use
     * @throws NativeException of kind {@code OUT_OF_MEMORY} if there is not enough memory memory
     */
    public Tape newTape(Tape.Mode mode, DType type, long steps, long batch, long neurons) {
        guard.enter();
        try {
            return tape(mode, type, steps, batch, neurons, null);
        } finally {
            exit();
        }
    }

    /**
     * Makes a tape for runs of this shape in memory that the caller lends until the tape is closed. The caller closes the tape, before or
     * after the memory.
     *
     * <pre>{@code
     * try (Arena arena = Arena.ofShared()) {
     *     long bytes = kernel.tapeBytes(Tape.Mode.COMPACT, 100, 32, 128);
     *     Tensor memory = Tensor.of(DType.U8, arena.allocate(bytes, Kernel.ALIGNMENT), bytes);
     *     try (Tape tape = kernel.newTape(Tape.Mode.COMPACT, 100, 32, 128, memory)) {
     *         kernel.forward(forward.tape(tape));
     *         long scratch = kernel.scratchBytes(backward);
     *         backward.scratch(Tensor.of(DType.U8, arena.allocate(scratch, Kernel.ALIGNMENT), scratch));
     *         kernel.backward(backward);
     *     }
     * }
     * }</pre>
     *
     * @param mode how much it keeps
     * @param steps T, at least 0
     * @param batch B, at least 0
     * @param neurons N, at least 0
     * @param memory {@code U8} of at least {@link #tapeBytes} bytes, aligned to {@link #ALIGNMENT}: native memory of the host, or the
     *     GPU's for a kernel on a GPU. Two tapes must not share it
     * @throws IllegalArgumentException if an extent is negative, the tape's size passes 2^63 bytes, or the memory is too small, misaligned,
     *     read-only, or in another place
     * @throws IllegalStateException if the kernel is closed or in use, or the memory is closed
     * @throws WrongThreadException if the memory belongs to another thread's confined arena
     */
    public Tape newTape(Tape.Mode mode, long steps, long batch, long neurons, Tensor memory) {
        return newTape(mode, DType.F32, steps, batch, neurons, memory);
    }

    /**
     * The same for a tape that stores potentials in a given type.
     *
     * @param mode how much it keeps
     * @param type as in {@link #newTape(Tape.Mode, DType, long, long, long)}
     * @param steps T, at least 0
     * @param batch B, at least 0
     * @param neurons N, at least 0
     * @param memory as in {@link #newTape(Tape.Mode, long, long, long, Tensor)}, of at least {@link #tapeBytes(Tape.Mode, DType, long,
     *     long, long)} bytes
     * @throws IllegalArgumentException as there, or if the type is not taken
     * @throws IllegalStateException if the kernel is closed or in use, or the memory is closed
     * @throws WrongThreadException if the memory belongs to another thread's confined arena
     */
    public Tape newTape(Tape.Mode mode, DType type, long steps, long batch, long neurons, Tensor memory) {
        guard.enter();
        try {
            return tape(mode, type, steps, batch, neurons, Objects.requireNonNull(memory, "memory"));
        } finally {
            exit();
        }
    }

    private Tape tape(Tape.Mode mode, DType type, long steps, long batch, long neurons, @Nullable Tensor memory) {
        Tape.Mode kept = kept(mode);
        requireTaken(type);
        requireTapeSize(steps, batch, neurons);
        if (memory != null) {
            requireRoom("memory", memory, backend.tapeBytes(kept, type, steps, batch, neurons));
            Lending lending = new Lending();
            lending.write("memory", memory);
            lending.requireReachable(device, reachable);
        }
        TapeStorage storage = backend.newTape(kept, type, steps, batch, neurons, memory);
        return new Tape(tapeOwner, storage, memory, mode, type, steps, batch, neurons);
    }

    /** Without noise, a repeated step computes the same potential; storing it would only cost memory and bandwidth. */
    private Tape.Mode kept(Tape.Mode mode) {
        Objects.requireNonNull(mode, "mode");
        return config.drawsNormals() ? mode : Tape.Mode.COMPACT;
    }

    /**
     * The number of bytes that a tape takes, for {@link #newTape(Tape.Mode, long, long, long, Tensor)}. It differs between backends.
     *
     * @param mode how much it keeps
     * @param steps T, at least 0
     * @param batch B, at least 0
     * @param neurons N, at least 0
     * @throws IllegalArgumentException if an extent is negative, or the number passes 2^63
     * @throws IllegalStateException if the kernel is closed or in use
     */
    public long tapeBytes(Tape.Mode mode, long steps, long batch, long neurons) {
        return tapeBytes(mode, DType.F32, steps, batch, neurons);
    }

    /**
     * The same for a tape that stores potentials in a given type.
     *
     * @param mode how much it keeps
     * @param type as in {@link #newTape(Tape.Mode, DType, long, long, long)}
     * @param steps T, at least 0
     * @param batch B, at least 0
     * @param neurons N, at least 0
     * @throws IllegalArgumentException if an extent is negative, the number passes 2^63, or this kernel does not take the type
     * @throws IllegalStateException if the kernel is closed or in use
     */
    public long tapeBytes(Tape.Mode mode, DType type, long steps, long batch, long neurons) {
        guard.enter();
        try {
            Tape.Mode kept = kept(mode);
            requireTaken(type);
            requireTapeSize(steps, batch, neurons);
            return backend.tapeBytes(kept, type, steps, batch, neurons);
        } finally {
            exit();
        }
    }

    /**
     * The number of bytes of scratch memory that a backward call needs, for {@link Backward#scratch}. It depends on the shapes, and on
     * whether the gradient of a modulation that varies over time and is shared is requested.
     *
     * @param call the call, without its scratch memory; its forward run need not have been run
     * @throws IllegalArgumentException if a type or shape is not what the call needs
     * @throws IllegalStateException if the kernel is closed or in use
     */
    public long scratchBytes(Backward call) {
        guard.enter();
        try {
            call.requireShapes(config);
            return backend.scratchBytes(call);
        } finally {
            exit();
        }
    }

    /** As {@link #scratchBytes}, within a call whose shapes are right. */
    long scratchBytesOf(Backward call) {
        return backend.scratchBytes(call);
    }

    /** Throws unless a tape or a run can use {@code memory}, and it has at least this many bytes. */
    void requireRoom(String name, Tensor memory, long bytes) {
        if (memory.type() != DType.U8) {
            throw new IllegalArgumentException(name + ": got " + memory + ", expected U8");
        }
        Device expected = backend.reaches(device) ? device : null;
        if (!Objects.equals(memory.place(), expected)) {
            throw new IllegalArgumentException(
                    name + ": got memory of " + name(memory.place()) + ", expected memory of " + name(expected));
        }
        if (!memory.memory().isNative()) {
            throw new IllegalArgumentException(name + ": got memory on the Java heap, expected native memory");
        }
        if (memory.elements() < bytes) {
            throw new IllegalArgumentException(
                    name + ": got " + memory.elements() + " bytes, expected at least " + bytes);
        }
        if (bytes > 0 && memory.address() % ALIGNMENT != 0) {
            throw new IllegalArgumentException(name + ": got address 0x" + Long.toHexString(memory.address())
                    + ", expected a multiple of " + ALIGNMENT);
        }
    }

    private static String name(@Nullable Device place) {
        return place == null ? "the host" : place.toString();
    }

    /** Throws if the size of a tape of this shape could overflow a long, with any backend and layout. */
    private void requireTapeSize(long steps, long batch, long neurons) {
        Tensor.requireExtent("steps", steps);
        Tensor.requireExtent("batch", batch);
        Tensor.requireExtent("neurons", neurons);
        Tensor.byteSize(DType.F32, steps, batch, neurons);
        // A potential and a bit for each step, padded to words, and a state for some steps.
        long most = 4 + 1 + 4L * config.stateVariables().size();
        long elements = Tensor.elementsPerStep("shape", batch, neurons) + 64;
        if (steps > Long.MAX_VALUE / (most * elements)) {
            throw new IllegalArgumentException(
                    "shape: a tape of (T, B, N) = (" + steps + ", " + batch + ", " + neurons + ") passes 2^63 bytes");
        }
    }

    private void exit() {
        guard.exit();
        // Keeps the kernel from being reclaimed during the call.
        Reference.reachabilityFence(this);
    }

    /**
     * Waits for a running call, then releases memory and the helper threads that no other kernel uses. Closing twice is harmless. Any
     * thread may close.
     *
     * @throws IllegalStateException if the caller is inside a call of this kernel, such as in a transform function; nothing is changed
     */
    @Override
    public void close() {
        guard.close(resources::clean);
    }

    /** The device, the configuration, and whether the kernel is closed. */
    @Override
    public String toString() {
        return new Description("Kernel")
                .add(device.toString())
                .add(config.toString())
                .addIf(guard.isClosed(), "closed")
                .toString();
    }

    /** Throws if {@link #close()} would be refused on this thread. */
    void requireClosable() {
        guard.requireClosable();
    }
}
