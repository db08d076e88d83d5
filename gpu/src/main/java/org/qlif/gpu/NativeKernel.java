// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.KernelOptions;
import org.qlif.LinearForward;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.Trace;
import org.qlif.gpu.Staging.Use;
import org.qlif.gpu.ffi.qlif.qlif_backward_args;
import org.qlif.gpu.ffi.qlif.qlif_broadcast;
import org.qlif.gpu.ffi.qlif.qlif_draw_args;
import org.qlif.gpu.ffi.qlif.qlif_forward_args;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.gpu.ffi.qlif.qlif_kernel_options;
import org.qlif.gpu.ffi.qlif.qlif_linear_forward_args;
import org.qlif.spi.BackendKernel;
import org.qlif.spi.TapeStorage;
import org.qlif.spi.host.Broadcast;

/**
 * A kernel of the library, on the host or on a GPU: fills the argument structs from descriptions and calls the library. Devices differ in
 * how they reach memory ({@link Staging}) and in what surrounds a call ({@link Site}).
 */
final class NativeKernel implements BackendKernel {
    private static final long POINTER = qlif_h.C_POINTER.byteSize();

    /** Shared, since native code on other threads reads it, and kernels may move between threads. */
    private final Arena arena = Arena.ofShared();

    private final MemorySegment forwardArgs = arena.allocate(qlif_forward_args.layout());
    private final MemorySegment backwardArgs = arena.allocate(qlif_backward_args.layout());
    private final MemorySegment backwardsForward = arena.allocate(qlif_forward_args.layout());
    private final MemorySegment linearArgs = arena.allocate(qlif_linear_forward_args.layout());
    private final MemorySegment drawArgs = arena.allocate(qlif_draw_args.layout());

    private final NeuronConfig config;
    // Arrays, since iterating over a list would allocate an iterator at every call.
    private final StateVariable[] variables;
    private final NeuronParameter[] parameters;
    private final Trace[] traces;
    private final Site site;
    private final Staging staging;
    private final MemorySegment handle;
    private final Lifetime lifetime = new Lifetime("this kernel");
    private final Holders holders = new Holders(this::release);
    private final String description;
    private @Nullable Broadcast modulation;

    /** Where a kernel or a linear layer runs, and what has to be done around its calls. */
    interface Site extends AutoCloseable {
        /** The device's number in the library. */
        int number();

        Staging staging();

        /** Whether calls may lend memory of this device. */
        boolean reaches(Device place);

        /** Called before the first copy of a call; {@link #leave} undoes it. Returns the stream. */
        MemorySegment enter();

        /**
         * Checks the values of parameters in the device's memory, if that is turned on. Not called within a call.
         *
         * @throws IllegalArgumentException naming parameter, index and value
         */
        void check(NeuronConfig config, Parameters parameters);

        /**
         * Waits for a call if it must be done when it returns; otherwise keeps what it uses.
         *
         * @param called the holders of the kernel or layer
         * @param tape may be null
         */
        void finish(Holders called, @Nullable NativeTape tape);

        /** After a failure, waits until nothing uses the caller's memory any more, or keeps that memory. Throws nothing. */
        void abandon(Holders called, @Nullable NativeTape tape);

        void leave();

        /** An interface to this device's own features; see {@link org.qlif.Kernel#extension}. */
        <T> Optional<T> extension(Class<T> type, NativeKernel kernel);

        /** The same for a linear layer; see {@link org.qlif.SpikeLinear#extension}. */
        <T> Optional<T> extension(Class<T> type, NativeLinear linear);

        @Override
        void close();
    }

    /** Opens a kernel on {@code site}, which is closed with the kernel, or if that can't be opened. */
    static NativeKernel open(NeuronConfig config, KernelOptions options, Site site) {
        try {
            return new NativeKernel(config, options, site);
        } catch (Throwable failure) {
            site.close();
            throw failure;
        }
    }

    private NativeKernel(NeuronConfig config, KernelOptions options, Site site) {
        this.config = config;
        this.variables = config.stateVariables().toArray(new StateVariable[0]);
        this.parameters = config.parameters().toArray(new NeuronParameter[0]);
        this.traces = config.traces().toArray(new Trace[0]);
        this.site = site;
        this.staging = site.staging();
        MemorySegment opened = MemorySegment.NULL;
        try {
            setSizes();
            MemorySegment out = arena.allocate(qlif_h.C_POINTER);
            Status.check(
                    qlif_h.qlif_kernel_open(site.number(), NativeConfig.of(config, arena), struct(options, arena), out),
                    "qlif_kernel_open");
            opened = NativeLibrary.handle(out);
            MemorySegment text = arena.allocate(512);
            Status.check(qlif_h.qlif_kernel_describe(opened, text, text.byteSize()), "qlif_kernel_describe");
            description = text.getString(0);
        } catch (Throwable failure) {
            qlif_h.qlif_kernel_close(opened);
            arena.close();
            throw failure;
        }
        handle = opened;
    }

    /** The library's struct of options, which has no thread factory. */
    static MemorySegment struct(KernelOptions options, Arena arena) {
        MemorySegment struct = arena.allocate(qlif_kernel_options.layout());
        qlif_kernel_options.size(struct, (int) struct.byteSize());
        qlif_kernel_options.threads(struct, options.threads());
        long spin = options.spin().toNanos();
        // In the library, 0 means its default.
        qlif_kernel_options.spin_nanos(struct, spin == 0 ? -1 : spin);
        return struct;
    }

    private void setSizes() {
        qlif_forward_args.size(forwardArgs, (int) forwardArgs.byteSize());
        qlif_backward_args.size(backwardArgs, (int) backwardArgs.byteSize());
        qlif_forward_args.size(backwardsForward, (int) backwardsForward.byteSize());
        qlif_linear_forward_args.size(linearArgs, (int) linearArgs.byteSize());
        qlif_draw_args.size(drawArgs, (int) drawArgs.byteSize());
        // As a number: a handle for pointers takes a new process milliseconds to create.
        backwardArgs.set(qlif_h.C_LONG, qlif_backward_args.forward$offset(), backwardsForward.address());
    }

    @Override
    public String description() {
        return description;
    }

    @Override
    public boolean reaches(Device place) {
        return site.reaches(place);
    }

    @Override
    public boolean takesLinear() {
        return true;
    }

    @Override
    public boolean takes(DType type) {
        return DType.NUMBERS.contains(type);
    }

    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return site.extension(type, this);
    }

    @Override
    public void check(Parameters parameters) {
        site.check(config, parameters);
    }

    @Override
    public void forward(Forward call) {
        MemorySegment stream = site.enter();
        NativeTape tape = tapeOf(call);
        boolean done = false;
        try {
            bindInputs(forwardArgs, call, false);
            bindOutputs(forwardArgs, call);
            staging.load();
            Status.check(
                    HeldCalls.forward(
                            handle, forwardArgs, stream, staging.holds().segments()),
                    "qlif_forward");
            staging.store();
            site.finish(holders, tape);
            done = true;
        } finally {
            end(done, tape, call);
        }
    }

    @Override
    public void backward(Backward call) {
        MemorySegment stream = site.enter();
        NativeTape tape = tapeOf(call.forward());
        boolean done = false;
        try {
            bindInputs(backwardsForward, call.forward(), true);
            bindGradients(call);
            bindScratch(call.scratch());
            staging.load();
            Status.check(
                    HeldCalls.backward(
                            handle, backwardArgs, stream, staging.holds().segments()),
                    "qlif_backward");
            staging.store();
            site.finish(holders, tape);
            done = true;
        } finally {
            end(done, tape, call);
        }
    }

    @Override
    public void draw(
            DrawStream stream,
            long firstStep,
            @Nullable Tensor rowIndex,
            @Nullable Tensor uniforms,
            @Nullable Tensor normals) {
        Tensor any = uniforms != null ? uniforms : normals;
        if (any == null) {
            return;
        }
        MemorySegment queue = site.enter();
        boolean done = false;
        try {
            qlif_draw_args.stream(drawArgs, stream.stream());
            qlif_draw_args.seed(drawArgs, stream.seed());
            qlif_draw_args.element_offset(drawArgs, stream.elementOffset());
            qlif_draw_args.first_step(drawArgs, firstStep);
            qlif_draw_args.steps(drawArgs, any.extent(0));
            qlif_draw_args.wires(drawArgs, any.rank() == 4 ? any.extent(1) : 1);
            qlif_draw_args.elements(
                    drawArgs, Math.multiplyExact(any.extent(any.rank() - 2), any.extent(any.rank() - 1)));
            qlif_draw_args.neurons(drawArgs, any.extent(any.rank() - 1));
            staging.bind(drawArgs, qlif_draw_args.row_index$offset(), rowIndex, Use.READ);
            staging.bind(drawArgs, qlif_draw_args.uniforms$offset(), uniforms, Use.WRITE);
            staging.bind(drawArgs, qlif_draw_args.normals$offset(), normals, Use.WRITE);
            staging.load();
            Status.check(HeldCalls.draw(handle, drawArgs, queue, staging.holds().segments()), "qlif_draw");
            staging.store();
            site.finish(holders, null);
            done = true;
        } finally {
            end(done, null, any);
            Reference.reachabilityFence(normals);
            Reference.reachabilityFence(rowIndex);
        }
    }

    /** Ends a call. Keeps {@code call} reachable until here, since native code may use memory owned by the garbage collector. */
    private void end(boolean done, @Nullable NativeTape tape, Object call) {
        try {
            if (!done) {
                site.abandon(holders, tape);
            }
        } finally {
            staging.clear();
            site.leave();
            Reference.reachabilityFence(call);
        }
    }

    /** Binds what a run reads, and the tape. {@code again} means for its backward run. */
    private void bindInputs(MemorySegment args, Forward call, boolean again) {
        qlif_forward_args.steps(args, call.steps());
        qlif_forward_args.batch(args, call.batch());
        qlif_forward_args.neurons(args, call.neurons());
        qlif_forward_args.first_step(args, call.firstStep());
        DrawStream draws = call.draws();
        qlif_forward_args.seed(args, draws == null ? 0 : draws.seed());
        qlif_forward_args.element_offset(args, draws == null ? 0 : draws.elementOffset());
        qlif_forward_args.stream(args, draws == null ? 0 : draws.stream());
        staging.bind(args, qlif_forward_args.row_index$offset(), call.rowIndex(), Use.READ);
        bindCurrent(args, call, again);
        int perNeuron = 0;
        for (NeuronParameter parameter : parameters) {
            Tensor tensor = Objects.requireNonNull(call.parameters().get(parameter));
            int ordinal = parameter.ordinal();
            staging.bind(args, qlif_forward_args.parameters$offset() + ordinal * POINTER, tensor, Use.READ);
            if (tensor.elements() != 1) {
                perNeuron |= 1 << ordinal;
            }
        }
        qlif_forward_args.per_neuron_parameters(args, perNeuron);
        bindModulation(args, call.modulation());
        staging.bind(args, qlif_forward_args.uniforms$offset(), call.uniforms(), Use.READ);
        staging.bind(args, qlif_forward_args.normals$offset(), call.normals(), Use.READ);
        State initial = call.initialState();
        qlif_forward_args.initial_state_shared(args, call.initialStateIsShared() && call.batch() > 1 ? 1 : 0);
        if (initial == null || initial != call.finalState()) {
            bindState(args, qlif_forward_args.initial_state$offset(), initial, Use.READ);
        }
        NativeTape tape = tapeOf(call);
        // Set as a long, since setting a pointer would allocate a segment.
        args.set(
                qlif_h.C_LONG,
                qlif_forward_args.tape$offset(),
                tape == null ? 0 : tape.handle().address());
        if (tape != null && tape.lent() != null) {
            staging.hold(tape.lent());
        }
    }

    private void bindCurrent(MemorySegment args, Forward call, boolean again) {
        LinearForward linear = call.linear();
        Tensor input = linear == null ? call.input() : null;
        qlif_forward_args.input_type(args, typeOf(input));
        staging.bind(args, qlif_forward_args.input$offset(), input, Use.READ);
        // A long, as for the tape.
        args.set(qlif_h.C_LONG, qlif_forward_args.linear$offset(), linear == null ? 0 : linearArgs.address());
        if (linear == null) {
            return;
        }
        if (again && linear.output() != null) {
            NativeLinear.bindOutput(staging, linearArgs, linear);
        } else {
            NativeLinear.bind(staging, linearArgs, linear);
        }
    }

    private static @Nullable NativeTape tapeOf(Forward call) {
        Tape tape = call.tape();
        return tape == null ? null : (NativeTape) tape.storage();
    }

    private void bindModulation(MemorySegment args, @Nullable Tensor tensor) {
        Broadcast broadcast = Broadcast.of(tensor, modulation);
        modulation = broadcast;
        long at = qlif_forward_args.modulation$offset();
        staging.bind(args, at + qlif_broadcast.data$offset(), tensor, Use.READ);
        args.set(qlif_h.C_LONG, at + qlif_broadcast.stride_t$offset(), broadcast == null ? 0 : broadcast.strideT());
        args.set(qlif_h.C_LONG, at + qlif_broadcast.stride_b$offset(), broadcast == null ? 0 : broadcast.strideB());
        args.set(qlif_h.C_LONG, at + qlif_broadcast.stride_n$offset(), broadcast == null ? 0 : broadcast.strideN());
    }

    private void bindState(MemorySegment args, long offset, @Nullable State state, Use use) {
        for (StateVariable variable : variables) {
            Tensor tensor = state == null ? null : state.get(variable);
            staging.bind(args, offset + variable.ordinal() * POINTER, tensor, use);
        }
    }

    private void bindOutputs(MemorySegment args, Forward call) {
        long initial = qlif_forward_args.initial_state$offset();
        long last = qlif_forward_args.final_state$offset();
        State state = call.finalState();
        if (state == null || state != call.initialState()) {
            bindState(args, last, state, Use.WRITE);
        } else {
            for (StateVariable variable : variables) {
                long place = variable.ordinal() * POINTER;
                staging.bind(args, initial + place, last + place, state.get(variable), Use.READ_AND_WRITE);
            }
        }
        staging.bind(args, qlif_forward_args.spikes_f32$offset(), call.spikes(DType.F32), Use.WRITE);
        staging.bind(args, qlif_forward_args.spikes_u8$offset(), call.spikes(DType.U8), Use.WRITE);
        staging.bind(args, qlif_forward_args.spikes_bit$offset(), call.spikes(DType.BIT), Use.WRITE);
        qlif_forward_args.spike_value_type(args, typeOf(call.spikeValues()));
        staging.bind(args, qlif_forward_args.spike_values$offset(), call.spikeValues(), Use.WRITE);
        staging.bind(args, qlif_forward_args.voltages$offset(), call.voltages(), Use.WRITE);
        for (Trace trace : traces) {
            long offset = qlif_forward_args.traces$offset() + trace.ordinal() * POINTER;
            staging.bind(args, offset, call.trace(trace), Use.WRITE);
        }
    }

    private void bindGradients(Backward call) {
        MemorySegment args = backwardArgs;
        qlif_backward_args.grad_type(args, typeOf(call.gradSpikeValues()));
        staging.bind(args, qlif_backward_args.grad_spike_values$offset(), call.gradSpikeValues(), Use.READ);
        qlif_backward_args.grad_spike_values_shared(args, isShared(call) ? 1 : 0);
        staging.bind(args, qlif_backward_args.grad_voltages$offset(), call.gradVoltages(), Use.READ);
        bindState(args, qlif_backward_args.grad_final_state$offset(), call.gradFinalState(), Use.READ);
        qlif_backward_args.grad_input_type(args, typeOf(call.gradInput()));
        staging.bind(args, qlif_backward_args.grad_input$offset(), call.gradInput(), Use.WRITE);
        staging.bind(args, qlif_backward_args.grad_modulation$offset(), call.gradModulation(), Use.WRITE);
        Parameters gradients = call.gradParameters();
        for (NeuronParameter parameter : parameters) {
            long offset = qlif_backward_args.grad_parameters$offset() + parameter.ordinal() * POINTER;
            staging.bind(args, offset, gradients == null ? null : gradients.get(parameter), Use.WRITE);
        }
        bindState(args, qlif_backward_args.grad_initial_state$offset(), call.gradInitialState(), Use.WRITE);
    }

    private void bindScratch(@Nullable Tensor scratch) {
        long address = 0;
        long bytes = 0;
        if (scratch != null && scratch.elements() > 0) {
            address = scratch.address();
            bytes = scratch.elements();
            staging.hold(scratch.memory());
        }
        // A long, as for the tape.
        backwardArgs.set(qlif_h.C_LONG, qlif_backward_args.scratch$offset(), address);
        qlif_backward_args.scratch_bytes(backwardArgs, bytes);
    }

    /** Whether all steps share one gradient of the spike values. */
    private static boolean isShared(Backward call) {
        return call.gradSpikeValues() != null && call.gradSpikeValuesStride() == 0;
    }

    @Override
    public long tapeBytes(Tape.Mode mode, DType type, long steps, long batch, long neurons) {
        try (Arena local = Arena.ofConfined()) {
            MemorySegment out = local.allocate(qlif_h.C_LONG);
            Status.check(
                    qlif_h.qlif_tape_bytes_for(handle, number(mode), number(type), steps, batch, neurons, out),
                    "qlif_tape_bytes_for");
            return out.get(qlif_h.C_LONG, 0);
        }
    }

    @Override
    public TapeStorage newTape(
            Tape.Mode mode, DType type, long steps, long batch, long neurons, @Nullable Tensor memory) {
        try (Arena local = Arena.ofConfined()) {
            MemorySegment out = local.allocate(qlif_h.C_POINTER);
            if (memory == null) {
                Status.check(
                        qlif_h.qlif_tape_open(handle, number(mode), number(type), steps, batch, neurons, out),
                        "qlif_tape_open");
                return new NativeTape(NativeLibrary.handle(out), null);
            }
            long bytes = tapeBytes(mode, type, steps, batch, neurons);
            Status.check(
                    qlif_h.qlif_tape_open_in(
                            handle,
                            number(mode),
                            number(type),
                            steps,
                            batch,
                            neurons,
                            bytes == 0 ? MemorySegment.NULL : memory.memory(),
                            bytes,
                            0,
                            out),
                    "qlif_tape_open_in");
            return new NativeTape(NativeLibrary.handle(out), memory.memory());
        }
    }

    private static int typeOf(@Nullable Tensor tensor) {
        return tensor == null ? qlif_h.QLIF_TYPE_F32() : number(tensor.type());
    }

    private static int number(DType type) {
        return switch (type) {
            case F32 -> qlif_h.QLIF_TYPE_F32();
            case F16 -> qlif_h.QLIF_TYPE_F16();
            case BF16 -> qlif_h.QLIF_TYPE_BF16();
            case U8, BIT, I64 -> throw new AssertionError("a checked call has no numbers of " + type);
        };
    }

    private static int number(Tape.Mode mode) {
        return switch (mode) {
            case VOLTAGE -> qlif_h.QLIF_TAPE_VOLTAGE();
            case COMPACT -> qlif_h.QLIF_TAPE_COMPACT();
        };
    }

    @Override
    public long scratchBytes(Backward call) {
        Forward forward = call.forward();
        try (Arena local = Arena.ofConfined()) {
            MemorySegment out = local.allocate(qlif_h.C_LONG);
            Status.check(
                    qlif_h.qlif_scratch_bytes(
                            handle,
                            forward.steps(),
                            forward.batch(),
                            forward.neurons(),
                            sharesVaryingModulation(call) ? 1 : 0,
                            out),
                    "qlif_scratch_bytes");
            return out.get(qlif_h.C_LONG, 0);
        }
    }

    /** Whether the call wants the gradient of a modulation that varies over time and is shared. */
    private static boolean sharesVaryingModulation(Backward call) {
        Tensor gradient = call.gradModulation();
        Broadcast broadcast = Broadcast.of(gradient, null);
        return gradient != null
                && broadcast != null
                && broadcast.strideT() != 0
                && (broadcast.strideB() == 0 || broadcast.strideN() == 0);
    }

    /** See {@link CudaKernel#reserve}. */
    void reserve(long steps, long batch, long neurons, boolean modulationSteps) {
        lifetime.enter();
        try {
            Status.check(
                    qlif_h.qlif_kernel_reserve(handle, steps, batch, neurons, modulationSteps ? 1 : 0),
                    "qlif_kernel_reserve");
        } finally {
            lifetime.exit();
        }
    }

    /** Guards calls of extensions against closing. */
    Lifetime lifetime() {
        return lifetime;
    }

    /** The holders of the kernel: its owner, and graphs. */
    Holders holders() {
        return holders;
    }

    @Override
    public void close() {
        if (!lifetime.end()) {
            return;
        }
        try {
            Capture capture = Capture.current();
            if (capture != null) {
                // Freed when the graph is closed; freeing it now would invalidate the capture.
                capture.hold(holders);
            }
            holders.letGo();
        } finally {
            lifetime.ended();
        }
    }

    private void release() {
        // All are closed even if one fails; the kernel first, since it may wait for work that uses the others' memory.
        try (arena;
                site) {
            Status.close("qlif_kernel_close", () -> qlif_h.qlif_kernel_close(handle));
        }
    }
}
