// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The description of a forward run: which memory is read and which is written. Shapes follow from the input's {@code (T, B,
 * N)}. Only {@link #input}, or {@link #linear} in its place, and {@link #parameters} are required, and {@link #draws} where the
 * configuration draws something that is not given. Setters check little: {@link Kernel#forward} checks types, shapes and memory, before it writes anything.
 *
 * <p>A description can be run any number of times and is checked again only after a change; running it again allocates
 * nothing. Setters return {@code this}. Not thread-safe.
 *
 * <pre>{@code
 * Forward call = new Forward()
 *         .input(Tensor.of(current, 100, 32, 128))
 *         .parameters(Parameters.shared(kernel.config()))
 *         .draws(new DrawStream(42, 0))
 *         .spikes(Tensor.zeros(DType.BIT, 100, 32, 128))
 *         .voltages(Tensor.zeros(DType.F32, 100, 32, 128))
 *         .trace(QlifTrace.PROBABILITY, Tensor.zeros(DType.F32, 100, 32, 128));
 * kernel.forward(call);
 * float[] probabilities = call.trace(QlifTrace.PROBABILITY).toFloatArray();
 * }</pre>
 */
public final class Forward {
    private @Nullable Tensor input;
    private @Nullable LinearForward linear;
    private @Nullable Parameters parameters;
    private @Nullable Tensor modulation;
    private @Nullable Tensor uniforms;
    private @Nullable Tensor normals;
    private @Nullable DrawStream draws;
    private @Nullable Tensor rowIndex;
    private long firstStep = -1;
    private @Nullable State initialState;
    private @Nullable State finalState;
    private final @Nullable Tensor[] spikes = new @Nullable Tensor[DType.values().length];
    private @Nullable Tensor spikeValues;
    private @Nullable Tensor voltages;
    /** The requested traces, and the memory of each. */
    private Trace[] traces = {};

    private @Nullable Tensor[] traced = {};
    private @Nullable Tape tape;

    private @Nullable NeuronConfig checkedFor;
    private int changes;
    private long checkedChanges;
    private final Lending lending = new Lending();
    private boolean threadBound;

    /** An empty description. */
    public Forward() {}

    /**
     * Lends the input current I, {@code (T, B, N)}, of type {@code F32}, or of another type of numbers if the {@linkplain Kernel#takes
     * kernel takes it}.
     */
    public Forward input(Tensor input) {
        this.input = Objects.requireNonNull(input, "input");
        return changed();
    }

    /**
     * Lends a linear layer instead of an input: its output {@code (T, B, M)} is the input current, where M is the number of neurons. The
     * current is computed for some neurons at a time, just before their steps, so that it stays in the cache. All bits are those of {@link
     * SpikeLinear#forward} followed by a run on its output. If the layer's output is lent, it is written, too, and the backward run reads
     * it; if not, the backward run computes the current again. Null for none.
     *
     * <pre>{@code
     * LinearForward linear = new LinearForward().input(spikeBits).weights(weights).bias(bias); // BIT[100, 32, 784]
     * kernel.forward(new Forward()
     *         .linear(linear)
     *         .parameters(parameters)
     *         .draws(new DrawStream(42, 0))
     *         .spikes(Tensor.zeros(DType.BIT, 100, 32, 128)));
     * }</pre>
     */
    public Forward linear(@Nullable LinearForward linear) {
        this.linear = linear;
        return changed();
    }

    /** Lends the model's parameters, each of length N or 1. */
    public Forward parameters(Parameters parameters) {
        this.parameters = Objects.requireNonNull(parameters, "parameters");
        return changed();
    }

    /**
     * Lends the external modulation m, {@code F32} of any shape that broadcasts to {@code (T, B, N)} from the right, such as
     * {@code ()}, {@code (N)}, {@code (B, N)}, {@code (T, 1, 1)}; null for none: then M stays that of the state.
     */
    public Forward modulation(@Nullable Tensor modulation) {
        this.modulation = modulation;
        return changed();
    }

    /**
     * Lends the decision uniforms, {@code F32 (T, B, N)}, or {@code (T, W, B, N)} for W wires, each in [0, 1); null to draw them. Their
     * values are not checked: any value that is not below p, including NaN, means no spike.
     */
    public Forward uniforms(@Nullable Tensor uniforms) {
        this.uniforms = uniforms;
        return changed();
    }

    /** Lends the standard normals of the membrane noise, {@code F32 (T, B, N)}; null to draw them. */
    public Forward normals(@Nullable Tensor normals) {
        this.normals = normals;
        return changed();
    }

    /** Selects the random numbers to draw if none are lent; null if the run draws none. */
    public Forward draws(@Nullable DrawStream draws) {
        this.draws = draws;
        return changed();
    }

    /**
     * Lends each row's index in the whole batch, {@code I64 (B)}, read as unsigned: the numbers of element {@code (b, n)} are then those
     * of element {@code rowIndex[b] * N + n}, modulo 2^64, in place of the draws' {@code elementOffset + b * N + n}. So a row draws the
     * same numbers in a shard and in a shuffled or interleaved batch. Null for consecutive rows.
     */
    public Forward rowIndex(@Nullable Tensor rowIndex) {
        this.rowIndex = rowIndex;
        return changed();
    }

    /**
     * Sets the absolute index of the run's first step, counted from the start of the stream: at least 0, and the run must end at 2^33 at
     * most, the limit of the draws' counter. By default it is the step of the initial state, or 0. Leave it unset in a description that
     * continues from a state: a value that is set takes precedence over the state's.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public Forward firstStep(long firstStep) {
        if (firstStep < 0) {
            throw new IllegalArgumentException("firstStep: got " + firstStep + ", expected at least 0");
        }
        this.firstStep = firstStep;
        return changed();
    }

    /**
     * Lends the state before the first step: one for each row, or a single row that all rows start from; null for the model's initial
     * state. The backward pass has no gradient with respect to a shared row.
     */
    public Forward initialState(@Nullable State initialState) {
        this.initialState = initialState;
        return changed();
    }

    /**
     * Lends memory for the state after the last step; null to drop it. Without a tape it may be the initial state itself, which is then
     * updated in place.
     */
    public Forward finalState(@Nullable State finalState) {
        this.finalState = finalState;
        return changed();
    }

    /**
     * Lends memory for the spikes s, {@code (T, B, N)} of type {@link DType#F32}, {@link DType#U8} or {@link DType#BIT}; call it once for
     * each type that you want.
     *
     * @throws IllegalArgumentException if it has another type
     */
    public Forward spikes(Tensor spikes) {
        if (!DType.SPIKES.contains(Objects.requireNonNull(spikes, "spikes").type())) {
            throw new IllegalArgumentException("spikes: got " + spikes + ", expected a type of " + DType.SPIKES);
        }
        this.spikes[spikes.type().ordinal()] = spikes;
        return changed();
    }

    /**
     * Drops the spikes of this type.
     *
     * @throws IllegalArgumentException if it is not a type of spikes
     */
    public Forward dropSpikes(DType type) {
        if (!DType.SPIKES.contains(Objects.requireNonNull(type, "type"))) {
            throw new IllegalArgumentException("type: got " + type + ", expected one of " + DType.SPIKES);
        }
        spikes[type.ordinal()] = null;
        return changed();
    }

    /** Lends memory for the spike values y, {@code (T, B, N)}, of any type that the input may have; null to drop them. */
    public Forward spikeValues(@Nullable Tensor spikeValues) {
        this.spikeValues = spikeValues;
        return changed();
    }

    /** Lends memory for the membrane potentials V after the reset, {@code F32 (T, B, N)}; null to drop them. */
    public Forward voltages(@Nullable Tensor voltages) {
        this.voltages = voltages;
        return changed();
    }

    /** Lends memory for {@code trace}, {@code F32 (T, B, N)}; null to drop it. */
    public Forward trace(Trace trace, @Nullable Tensor tensor) {
        int i = indexOf(Objects.requireNonNull(trace, "trace"));
        if (i < 0) {
            i = traces.length;
            traces = Arrays.copyOf(traces, i + 1);
            traced = Arrays.copyOf(traced, i + 1);
            traces[i] = trace;
        }
        traced[i] = tensor;
        return changed();
    }

    /** Records what {@link Kernel#backward} needs; null to record nothing. */
    public Forward tape(@Nullable Tape tape) {
        this.tape = tape;
        return changed();
    }

    /**
     * The input current.
     *
     * @throws IllegalStateException if none was lent yet
     */
    public Tensor input() {
        if (input == null) {
            throw new IllegalStateException("input: missing, expected F32 of shape (T, B, N)");
        }
        return input;
    }

    /** The linear layer whose output is the input current, or null. */
    public @Nullable LinearForward linear() {
        return linear;
    }

    /** The memory of the input current; null if a linear layer computes it and its output is not kept. */
    public @Nullable Tensor current() {
        return linear == null ? input() : linear.output();
    }

    /**
     * The parameters.
     *
     * @throws IllegalStateException if none were lent yet
     */
    public Parameters parameters() {
        if (parameters == null) {
            throw new IllegalStateException("parameters: missing, expected those of the model");
        }
        return parameters;
    }

    /** The external modulation, or null. */
    public @Nullable Tensor modulation() {
        return modulation;
    }

    /** The lent decision uniforms, or null. */
    public @Nullable Tensor uniforms() {
        return uniforms;
    }

    /** The lent normals, or null. */
    public @Nullable Tensor normals() {
        return normals;
    }

    /** Which numbers to draw, or null. */
    public @Nullable DrawStream draws() {
        return draws;
    }

    /** Each row's index in the whole batch, or null. */
    public @Nullable Tensor rowIndex() {
        return rowIndex;
    }

    /** The absolute index of the run's first step. */
    public long firstStep() {
        return firstStep >= 0 ? firstStep : initialState != null ? initialState.step() : 0;
    }

    /** The state before the first step, or null for the model's initial one. */
    public @Nullable State initialState() {
        return initialState;
    }

    /** Whether all rows start from the one row of {@link #initialState()}; always so where B = 1. */
    public boolean initialStateIsShared() {
        return initialState != null && initialState.batch() == 1;
    }

    /** Where the state after the last step goes, or null. */
    public @Nullable State finalState() {
        return finalState;
    }

    /** Where the spikes of this type go, or null. */
    public @Nullable Tensor spikes(DType type) {
        return spikes[type.ordinal()];
    }

    /** Where the spike values go, or null. */
    public @Nullable Tensor spikeValues() {
        return spikeValues;
    }

    /** Where the potentials go, or null. */
    public @Nullable Tensor voltages() {
        return voltages;
    }

    /** Where {@code trace} goes, or null. */
    public @Nullable Tensor trace(Trace trace) {
        int i = indexOf(trace);
        return i < 0 ? null : traced[i];
    }

    /** Compared by identity, among the requested traces only: anyone can implement the interface, with any ordinal. */
    private int indexOf(Trace trace) {
        for (int i = 0; i < traces.length; i++) {
            if (traces[i] == trace) {
                return i;
            }
        }
        return -1;
    }

    /** The tape, or null. */
    public @Nullable Tape tape() {
        return tape;
    }

    /** The number of time steps T. */
    public long steps() {
        return linear == null ? extent(0) : linear.steps();
    }

    /** The batch size B. */
    public long batch() {
        return linear == null ? extent(1) : linear.batch();
    }

    /** The number of neurons N. */
    public long neurons() {
        return linear == null ? extent(2) : linear.outputs();
    }

    /** Also works for an input of another rank, which {@link Kernel} refuses. */
    private long extent(int axis) {
        if (input().rank() != 3) {
            throw new IllegalStateException("input: got " + input() + ", expected F32 of shape (T, B, N)");
        }
        return input().extent(axis);
    }

    /** The number of elements, B * N. */
    public long elements() {
        return batch() * neurons();
    }

    /** Whether some memory belongs to a confined arena, so that the run must stay on the calling thread. */
    public boolean threadBound() {
        return threadBound;
    }

    /** Changes whenever the description, its set of parameters or its linear layer changes. */
    long changes() {
        int lent = (parameters == null ? 0 : parameters.changes()) + (linear == null ? 0 : linear.changes());
        return (long) changes << 32 | lent & 0xFFFFFFFFL;
    }

    private Forward changed() {
        changes++;
        checkedFor = null;
        return this;
    }

    /** What is lent and what is requested. */
    @Override
    public String toString() {
        Description description = new Description("Forward")
                .add("input", input)
                .add("linear", linear)
                .add("parameters", parameters)
                .add("modulation", modulation)
                .add("uniforms", uniforms)
                .add("normals", normals)
                .add("draws", draws)
                .add("rowIndex", rowIndex)
                .add("firstStep", firstStep())
                .add("initialState", initialState)
                .add("finalState", finalState);
        for (DType type : DType.SPIKES) {
            description.add("spikes", spikes(type));
        }
        description.add("spikeValues", spikeValues).add("voltages", voltages);
        for (int i = 0; i < traces.length; i++) {
            description.add(traces[i].symbol(), traced[i]);
        }
        return description.add("tape", tape).toString();
    }

    /** Throws unless a kernel of {@code config} can run this; nothing has been written then. */
    void check(NeuronConfig config, Kernel kernel) {
        if (checkedFor != config || checkedChanges != changes()) {
            checkShapes(config);
            checkMemory(config);
            checkedFor = config;
            checkedChanges = changes();
        }
        if (linear != null) {
            kernel.requireLinear();
        }
        kernel.requireTaken("spikeValues", spikeValues);
        lending.requireReachable(kernel.device(), kernel.reachable());
        checkValues(config, kernel);
    }

    /** Checks what can change while the description doesn't: the kernel, the parameters' values, the tape's state. */
    void checkValues(NeuronConfig config, Kernel kernel) {
        kernel.requireTaken("input", input);
        DrawStream.requireWithinCounter(rowIndex == null ? draws : null, firstStep(), steps(), elements());
        kernel.requireValid(parameters());
        if (tape != null) {
            tape.requireFits(kernel.tapeOwner(), steps(), batch(), neurons());
        }
    }

    void checkShapes(NeuronConfig config) {
        checkCurrent();
        long t = steps();
        long b = batch();
        long n = neurons();
        Tensor.elementsPerStep("input", b, n);
        if (parameters == null) {
            throw new IllegalArgumentException("parameters: missing, expected those of " + config.model());
        }
        parameters.requireModel("parameters", config);
        parameters.requireNeurons(config, n);
        if (modulation != null) {
            if (!config.acceptsModulation()) {
                throw new IllegalArgumentException(
                        "modulation: given, expected none, since " + config.model() + " takes no modulation");
            }
            requireBroadcastable(modulation, t, b, n);
        }
        int wires = config.uniformsPerStep();
        if (uniforms != null) {
            if (wires == 0) {
                throw new IllegalArgumentException(
                        "uniforms: given, expected none, since this configuration decides without drawing");
            }
            boolean flat = wires == 1 && uniforms.hasShape(t, b, n);
            if (uniforms.type() != DType.F32 || !(flat || uniforms.hasShape(t, wires, b, n))) {
                throw new IllegalArgumentException("uniforms: got " + uniforms + ", expected F32"
                        + Arrays.toString(wires == 1 ? new long[] {t, b, n} : new long[] {t, wires, b, n}));
            }
        }
        if (normals != null) {
            if (!config.drawsNormals()) {
                throw new IllegalArgumentException(
                        "normals: given, expected none, since this configuration has no membrane noise");
            }
            require("normals", normals, DType.F32, t, b, n);
        }
        boolean draws = (wires > 0 && uniforms == null) || (config.drawsNormals() && normals == null);
        if (draws && this.draws == null) {
            throw new IllegalArgumentException("draws: missing, expected a DrawStream, since this configuration draws "
                    + (wires > 0 && uniforms == null ? "decision uniforms" : "membrane noise"));
        }
        if (rowIndex != null) {
            DrawStream.requireRowIndex(this.draws, rowIndex, b);
        }
        requireState("initialState", initialState, config, initialStateIsShared() ? 1 : b, n);
        requireState("finalState", finalState, config, b, n);
        for (DType type : DType.SPIKES) {
            requireIfGiven("spikes", spikes(type), type, t, b, n);
        }
        requireNumbersIfGiven("spikeValues", spikeValues, t, b, n);
        requireIfGiven("voltages", voltages, DType.F32, t, b, n);
        for (int i = 0; i < traces.length; i++) {
            if (traced[i] != null) {
                Ordinals.of("trace", config.traces(), traces[i], traces[i].ordinal());
                require(traces[i].symbol(), traced[i], DType.F32, t, b, n);
            }
        }
        if (tape != null && initialState != null && initialState == finalState) {
            throw new IllegalArgumentException(
                    "finalState: is the initial state, which the backward pass reads again; expected a"
                            + " state of its own when a tape is given");
        }
    }

    /** The input, or the linear layer that computes it. */
    private void checkCurrent() {
        if (linear == null) {
            if (input == null || !DType.NUMBERS.contains(input.type()) || input.rank() != 3) {
                throw new IllegalArgumentException(
                        "input: got " + input + ", expected F32, F16 or BF16 of shape (T, B, N)");
            }
            return;
        }
        if (input != null) {
            throw new IllegalArgumentException("linear: given beside an input, expected one of the two");
        }
        linear.checkShapes("linear.");
        requireIfGiven("linear.output", linear.output(), DType.F32, steps(), batch(), neurons());
    }

    private void checkMemory(NeuronConfig config) {
        lending.clear();
        if (linear != null) {
            readLinear(linear, lending);
        }
        lending.read("input", input);
        readTensors(lending);
        if (finalState != initialState) {
            lending.read("initialState", initialState);
        }
        lending.write("linear.output", linear == null ? null : linear.output());
        lending.write("tape", tape == null ? null : tape.memory());
        lending.write("finalState", finalState);
        for (DType type : DType.SPIKES) {
            lending.write("spikes", spikes(type));
        }
        lending.write("spikeValues", spikeValues);
        lending.write("voltages", voltages);
        for (Trace trace : config.traces()) {
            lending.write(trace.symbol(), trace(trace));
        }
        threadBound = lending.threadBound();
    }

    private static void readLinear(LinearForward linear, Lending lending) {
        linear.readAll("linear.", lending);
        lending.read("linear.bias", linear.bias());
    }

    /** Adds what the backward pass reads again. */
    void readAll(Lending lending) {
        if (linear != null && linear.output() == null) {
            readLinear(linear, lending);
        }
        lending.read(linear == null ? "input" : "linear.output", current());
        readTensors(lending);
        lending.read("tape", tape == null ? null : tape.memory());
        lending.read("initialState", initialState);
    }

    private void readTensors(Lending lending) {
        lending.read("parameters", parameters());
        lending.read("modulation", modulation);
        lending.read("uniforms", uniforms);
        lending.read("normals", normals);
        lending.read("rowIndex", rowIndex);
    }

    private static void requireBroadcastable(Tensor modulation, long t, long b, long n) {
        long[] full = {t, b, n};
        boolean ok = modulation.type() == DType.F32 && modulation.rank() <= 3;
        for (int axis = 0; ok && axis < modulation.rank(); axis++) {
            long extent = modulation.extent(modulation.rank() - 1 - axis);
            ok = extent == 1 || extent == full[2 - axis];
        }
        if (!ok) {
            throw new IllegalArgumentException("modulation: got " + modulation
                    + ", expected F32 of a shape that broadcasts to " + Arrays.toString(full));
        }
    }

    static void requireState(String name, @Nullable State state, NeuronConfig config, long b, long n) {
        if (state == null) {
            return;
        }
        if (state.variables() != config.stateVariables()) {
            throw new IllegalArgumentException(
                    name + ": got a state of another model, expected one of " + config.model());
        }
        if (state.batch() != b || state.neurons() != n) {
            throw new IllegalArgumentException(name + ": got shape (" + state.batch() + ", " + state.neurons()
                    + "), expected (B, N) = (" + b + ", " + n + ")");
        }
    }

    static void requireIfGiven(String name, @Nullable Tensor tensor, DType type, long... shape) {
        if (tensor != null) {
            require(name, tensor, type, shape);
        }
    }

    static void require(String name, @Nullable Tensor tensor, DType type, long... shape) {
        if (tensor == null || tensor.type() != type || !tensor.hasShape(shape)) {
            throw new IllegalArgumentException(
                    name + ": got " + tensor + ", expected " + type + Arrays.toString(shape));
        }
    }

    /** The same for a tensor of any type of numbers. */
    static void requireNumbersIfGiven(String name, @Nullable Tensor tensor, long... shape) {
        if (tensor != null && !(DType.NUMBERS.contains(tensor.type()) && tensor.hasShape(shape))) {
            throw new IllegalArgumentException(name + ": got " + tensor + ", expected F32" + Arrays.toString(shape)
                    + ", or F16 or BF16 of this shape");
        }
    }
}
