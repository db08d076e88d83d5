// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;
import static org.qlif.conformance.LentTensors.f32;
import static org.qlif.conformance.LentTensors.ofAClosedArena;
import static org.qlif.conformance.LentTensors.ofAnotherThread;
import static org.qlif.conformance.Refusal.refusal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.Trace;

/** What every backend refuses: by the right exception, naming the argument, before anything is written. */
abstract class RefusalContract {
    private static final int T = 3;
    private static final int B = 2;
    private static final int N = 5;
    private static final QlifConfig CONFIG = QlifConfig.defaults();

    /** Positions among the parameters of every model: a first, a positive one, and two more. */
    private static final int FIRST = 0;

    private static final int POSITIVE = 1;
    private static final int OTHER = 2;

    private final Device device;

    RefusalContract(String device) {
        this.device = Device.of(device);
    }

    private Kernel open(NeuronConfig config) {
        return Kernel.open(config, device, KernelOptions.defaults().withThreads(2));
    }

    /** A valid forward and backward call with every output asked for, for a case to spoil. */
    private static final class Call implements AutoCloseable {
        final Kernel kernel;
        final NeuronConfig config;
        final Memory memory = new Memory(Memory.Kind.ARRAY_SLICES);
        final Tape tape;
        final Forward forward;
        final Backward backward;
        final Parameters gradients;
        final List<Tensor> alsoUntouched = new ArrayList<>();

        Call(Kernel kernel) {
            this.kernel = kernel;
            config = kernel.config();
            tape = kernel.newTape(Tape.Mode.VOLTAGE, T, B, N);
            forward = new Forward()
                    .input(f32(T, B, N))
                    .parameters(Parameters.perNeuron(config, N))
                    .draws(new DrawStream(1, 2))
                    .initialState(State.initial(config, B, N))
                    .finalState(memory.poisonedState(config, B, N))
                    .spikeValues(output())
                    .voltages(output())
                    .tape(tape);
            for (DType type : DType.SPIKES) {
                forward.spikes(memory.poisoned(type, T, B, N));
            }
            for (Trace trace : config.traces()) {
                forward.trace(trace, output());
            }
            gradients = Parameters.none(config);
            for (NeuronParameter parameter : config.parameters()) {
                gradients.set(parameter, memory.poisoned(DType.F32, N));
            }
            backward = new Backward(forward)
                    .gradSpikeValues(f32(T, B, N))
                    .gradVoltages(f32(T, B, N))
                    .gradFinalState(State.zeros(config, B, N))
                    .gradInput(output())
                    .gradParameters(gradients)
                    .gradInitialState(memory.poisonedState(config, B, N));
            if (config.acceptsModulation()) {
                forward.modulation(f32(B, N));
                backward.gradModulation(memory.poisoned(DType.F32, B, N));
            }
        }

        NeuronParameter parameter(int index) {
            return config.parameters().get(index);
        }

        /** A configuration of another model. */
        NeuronConfig foreign() {
            return config instanceof LifConfig ? QlifConfig.defaults() : LifConfig.defaults();
        }

        /** An output for a case to make something of, watched like the rest. */
        Tensor watched(Tensor tensor) {
            alsoUntouched.add(tensor);
            return tensor;
        }

        Tensor output() {
            return memory.poisoned(DType.F32, T, B, N);
        }

        List<Tensor> forwardOutputs() {
            List<Tensor> outputs = new ArrayList<>(alsoUntouched);
            for (DType type : DType.SPIKES) {
                outputs.add(forward.spikes(type));
            }
            for (Trace trace : config.traces()) {
                outputs.add(forward.trace(trace));
            }
            outputs.add(forward.spikeValues());
            outputs.add(forward.voltages());
            if (forward.finalState() != forward.initialState()) {
                addState(outputs, forward.finalState());
            }
            return outputs;
        }

        List<Tensor> backwardOutputs() {
            List<Tensor> outputs = new ArrayList<>(alsoUntouched);
            outputs.add(backward.gradInput());
            if (backward.gradModulation() != null) {
                outputs.add(backward.gradModulation());
            }
            for (NeuronParameter parameter : config.parameters()) {
                outputs.add(gradients.get(parameter));
            }
            addState(outputs, backward.gradInitialState());
            return outputs;
        }

        private static void addState(List<Tensor> outputs, State state) {
            for (StateVariable variable : state.variables()) {
                outputs.add(state.get(variable));
            }
        }

        @Override
        public void close() {
            tape.close();
            memory.close();
        }
    }

    /** Makes a call advance a state in place that has {@code first} among its tensors. */
    private static void advanceInPlace(Call call, Tensor first) {
        List<Tensor> tensors = new ArrayList<>(List.of(first));
        while (tensors.size() < call.config.stateVariables().size()) {
            tensors.add(call.watched(call.memory.poisoned(DType.F32, B, N)));
        }
        State state = State.of(call.config, tensors);
        call.forward.tape(null).initialState(state).finalState(state);
    }

    /** The first row of steps of {@code tensor}, as a state variable. */
    private static Tensor firstStepOf(Tensor tensor) {
        return Tensor.of(DType.F32, tensor.segment().asSlice(0, 4L * B * N), B, N);
    }

    private static Tensor i64(long... shape) {
        return Tensor.zeros(DType.I64, shape);
    }

    private static Refusal<Call> badState(String name, String message, Refusal.Spoiler<Call> spoiler) {
        return new Refusal<>(name, IllegalStateException.class, message, spoiler);
    }

    /** What is refused whatever the model; {@code config} is the kernel's. */
    private static List<Refusal<Call>> forward(NeuronConfig config) {
        String positive = config.parameters().get(POSITIVE).symbol();
        return List.of(
                refusal("input of rank 2", "input", call -> call.forward.input(f32(T, N))),
                refusal("input of type U8", "input", call -> call.forward.input(Tensor.zeros(DType.U8, T, B, N))),
                refusal(
                        "parameters of odd length",
                        positive,
                        call -> call.forward.parameters(
                                Parameters.shared(call.config).set(call.parameter(POSITIVE), f32(N - 1)))),
                refusal(
                        "a missing parameter",
                        config.parameters().getLast().symbol(),
                        call -> call.forward.parameters(Parameters.shared(call.config)
                                .set(call.config.parameters().getLast(), null))),
                refusal(
                        "parameters of another model",
                        "parameters",
                        call -> call.forward.parameters(Parameters.perNeuron(call.foreign(), N))),
                refusal(
                        positive + " of 0",
                        positive,
                        call -> call.forward
                                .parameters()
                                .get(call.parameter(POSITIVE))
                                .fill(0f)),
                refusal(
                        positive + " that is no number",
                        positive,
                        call -> call.forward
                                .parameters()
                                .get(call.parameter(POSITIVE))
                                .fill(Float.NaN)),
                refusal(
                        "infinite " + positive,
                        positive,
                        call -> call.forward
                                .parameters()
                                .get(call.parameter(POSITIVE))
                                .fill(Float.POSITIVE_INFINITY)),
                refusal("steps past the counter's end", "firstStep", call -> call.forward.firstStep((1L << 33) - 1)),
                refusal(
                        "elements past the counter's end",
                        "elementOffset",
                        call -> call.forward.draws(new DrawStream(1, 2, Long.MAX_VALUE - 3))),
                refusal("row indices of type F32", "rowIndex", call -> call.forward.rowIndex(f32(B))),
                refusal("too many row indices", "rowIndex", call -> call.forward.rowIndex(i64(B + 1))),
                refusal("row indices of rank 2", "rowIndex", call -> call.forward.rowIndex(i64(1, B))),
                refusal(
                        "row indices beside an element offset",
                        "elementOffset",
                        call -> call.forward.rowIndex(i64(B)).draws(new DrawStream(1, 2, 7))),
                refusal("output over row indices", "overlaps", call -> {
                    MemorySegment words = call.forward.spikes(DType.BIT).segment();
                    call.forward.rowIndex(Tensor.of(DType.I64, words.asSlice(0, 8L * B), B));
                }),
                refusal(
                        "an initial state of another model",
                        "initialState",
                        call -> call.forward.initialState(State.initial(call.foreign(), B, N))),
                refusal(
                        "a final state of another model",
                        "finalState",
                        call -> call.forward.finalState(call.memory.poisonedState(call.foreign(), B, N))),
                refusal(
                        "a trace of another model",
                        "trace",
                        call -> call.forward.trace(call.foreign().traces().getFirst(), call.watched(call.output()))),
                refusal(
                        "an initial state of another shape",
                        "initialState",
                        call -> call.forward.initialState(State.initial(call.config, B + 1, N))),
                refusal(
                        "an initial state of one row of other neurons",
                        "initialState",
                        call -> call.forward.initialState(State.initial(call.config, 1, N + 1))),
                refusal(
                        "spikes of a wrong shape",
                        "spikes",
                        call -> call.forward.spikes(call.memory.poisoned(DType.BIT, T, B, N + 64))),
                refusal(
                        "spike values of type U8",
                        "spikeValues",
                        call -> call.forward.spikeValues(call.memory.poisoned(DType.U8, T, B, N))),
                refusal(
                        "potentials of a transposed shape",
                        "voltages",
                        call -> call.forward.voltages(call.memory.poisoned(DType.F32, T, N, B))),
                refusal(
                        "a trace of a wrong rank",
                        config.traces().getFirst().symbol(),
                        call -> call.forward.trace(
                                call.config.traces().getFirst(), call.memory.poisoned(DType.F32, T * B, N))),
                refusal(
                        "a final state of another shape",
                        "finalState",
                        call -> call.forward.finalState(call.memory.poisonedState(call.config, B, N + 1))),
                refusal(
                        "a final state that a tape needs",
                        "finalState",
                        call -> call.forward.finalState(call.forward.initialState())),
                refusal(
                        "read-only output",
                        "voltages",
                        call -> call.forward.voltages(
                                Tensor.of(DType.F32, call.output().segment().asReadOnly(), T, B, N))),
                refusal("overlapping outputs", "overlaps", call -> call.forward.voltages(call.forward.spikeValues())),
                refusal("outputs that overlap by an element", "overlaps", call -> {
                    MemorySegment both = call.watched(call.memory.poisoned(DType.F32, 2 * T * B * N - 1))
                            .segment();
                    long bytes = 4L * T * B * N;
                    call.forward.voltages(Tensor.of(DType.F32, both.asSlice(0, bytes), T, B, N));
                    call.forward.trace(
                            call.config.traces().getFirst(),
                            Tensor.of(DType.F32, both.asSlice(bytes - 4, bytes), T, B, N));
                }),
                refusal("output over input", "overlaps", call -> {
                    Tensor both = call.output();
                    call.forward.input(both).voltages(both);
                }),
                refusal("output over a parameter", "overlaps", call -> {
                    Tensor both = call.output();
                    call.forward.voltages(both);
                    call.forward.parameters(Parameters.perNeuron(call.config, N)
                            .set(
                                    call.parameter(OTHER),
                                    Tensor.of(DType.F32, both.segment().asSlice(8, 4L * N), N)));
                }),
                refusal("a final state over the initial one", "overlaps", call -> {
                    List<Tensor> tensors = new ArrayList<>();
                    for (StateVariable variable : call.config.stateVariables()) {
                        tensors.add(call.forward.finalState().get(variable));
                    }
                    call.forward.tape(null).initialState(State.of(call.config, tensors));
                }),
                refusal("a state in place over the input", "overlaps", call -> {
                    Tensor both = call.watched(call.output());
                    call.forward.input(both);
                    advanceInPlace(call, firstStepOf(both));
                }),
                refusal("a state in place over an output", "overlaps", call -> {
                    advanceInPlace(call, firstStepOf(call.forward.voltages()));
                }),
                refusal("a state in place with one tensor for all", "overlaps", call -> {
                    Tensor one = call.watched(call.memory.poisoned(DType.F32, B, N));
                    State state = State.of(
                            call.config,
                            Collections.nCopies(call.config.stateVariables().size(), one));
                    call.forward.tape(null).initialState(state).finalState(state);
                }),
                refusal("a state in place whose tensors overlap by an element", "overlaps", call -> {
                    Tensor both = call.watched(call.memory.poisoned(DType.F32, 2 * B * N - 1));
                    advanceInPlace(call, firstStepOf(both));
                    List<Tensor> tensors = new ArrayList<>();
                    for (StateVariable variable : call.config.stateVariables()) {
                        tensors.add(call.forward.finalState().get(variable));
                    }
                    long bytes = 4L * B * N;
                    tensors.set(
                            tensors.size() - 1,
                            Tensor.of(DType.F32, both.segment().asSlice(bytes - 4, bytes), B, N));
                    State state = State.of(call.config, tensors);
                    call.forward.initialState(state).finalState(state);
                }),
                badState("memory of a closed arena", "closed", call -> call.forward.input(ofAClosedArena(T, B, N))),
                new Refusal<>(
                        "memory of another thread",
                        WrongThreadException.class,
                        "confined",
                        call -> call.forward.input(ofAnotherThread(T, B, N))),
                refusal(
                        "a tape of another shape",
                        "tape",
                        call -> call.forward.tape(call.kernel.newTape(Tape.Mode.COMPACT, T, B, N + 1))),
                badState("a closed tape", "tape", call -> call.tape.close()));
    }

    /** What is refused where a model draws and takes a modulation. */
    private static final List<Refusal<Call>> DRAWING = List.of(
            refusal("modulation that does not broadcast", "modulation", call -> call.forward.modulation(f32(B, N + 1))),
            refusal("modulation of rank 4", "modulation", call -> call.forward.modulation(f32(1, T, B, N))),
            refusal(
                    "modulation of type U8",
                    "modulation",
                    call -> call.forward.modulation(Tensor.zeros(DType.U8, B, N))),
            refusal("uniforms of a wrong shape", "uniforms", call -> call.forward.uniforms(f32(T, B, N + 1))),
            refusal("uniforms of too many wires", "uniforms", call -> call.forward.uniforms(f32(T, 2, B, N))),
            refusal("normals of a wrong shape", "normals", call -> call.forward.normals(f32(T, B))),
            refusal("missing draws", "draws", call -> call.forward.draws(null)),
            refusal(
                    "missing draws beside lent uniforms",
                    "draws",
                    call -> call.forward.uniforms(f32(T, B, N)).draws(null)),
            refusal("a state in place over the modulation", "overlaps", call -> {
                Tensor both = call.watched(call.memory.poisoned(DType.F32, B, N));
                call.forward.modulation(both);
                advanceInPlace(call, both);
            }));

    /** What is refused where it does neither. */
    private static final List<Refusal<Call>> NOT_DRAWING = List.of(
            refusal("a modulation of the right shape", "modulation", call -> call.forward.modulation(f32(B, N))),
            refusal("uniforms of the right shape", "uniforms", call -> call.forward.uniforms(f32(T, B, N))),
            refusal("normals of the right shape", "normals", call -> call.forward.normals(f32(T, B, N))));

    private static List<Refusal<Call>> allForward(NeuronConfig config) {
        List<Refusal<Call>> all = new ArrayList<>(forward(config));
        all.addAll(config.acceptsModulation() ? DRAWING : NOT_DRAWING);
        return all;
    }

    /** A test of each case with each model. */
    private Stream<DynamicTest> each(
            Function<NeuronConfig, List<Refusal<Call>>> refusals, BiConsumer<Kernel, Refusal<Call>> test) {
        return TestModel.all()
                .map(TestModel::defaults)
                .flatMap(config -> refusals.apply(config).stream()
                        .map(refusal -> dynamicTest(config.model() + ": " + refusal.name(), () -> {
                            try (Kernel kernel = open(config)) {
                                test.accept(kernel, refusal);
                            }
                        })));
    }

    /** Spoils the call; what a case throws itself fails the test. */
    private static void spoil(Refusal<Call> refusal, Call call) {
        try {
            refusal.spoiler().spoil(call);
        } catch (Exception thrown) {
            throw new AssertionError("the case is wrong: " + refusal.name(), thrown);
        }
    }

    @TestFactory
    Stream<DynamicTest> refusesForwardCalls() {
        return each(RefusalContract::allForward, (kernel, refusal) -> {
            try (Call call = new Call(kernel)) {
                spoil(refusal, call);
                assertThatThrownBy(() -> kernel.forward(call.forward))
                        .isExactlyInstanceOf(refusal.type())
                        .hasMessageContaining(refusal.message());
                call.forwardOutputs().forEach(Memory::assertPoisoned);
                assertStillWorks(kernel);
            }
        });
    }

    private static List<Refusal<Call>> backward(NeuronConfig config) {
        String first = config.parameters().getFirst().symbol();
        return List.of(
                badState("parameters that changed since, for a set that was changed less often", "tape", call -> {
                    Parameters changed = Parameters.perNeuron(call.config, N).set(call.parameter(OTHER), f32(N));
                    call.kernel.forward(call.forward.parameters(changed));
                    call.forward.parameters(Parameters.perNeuron(call.config, N));
                }),
                refusal("no tape", "tape", call -> call.forward.tape(null)),
                badState("a tape that another run has overwritten", "tape", call -> {
                    try (Call other = new Call(call.kernel)) {
                        call.kernel.forward(other.forward.tape(call.tape));
                    }
                }),
                badState("a first step that was moved since", "tape", call -> call.forward.firstStep(9)),
                badState(
                        "an initial state whose step was moved since",
                        "tape",
                        call -> call.forward.initialState().step(9)),
                badState("draws that were changed since", "tape", call -> call.forward.draws(new DrawStream(1, 3))),
                badState("an input that was changed since", "tape", call -> call.forward.input(f32(T, B, N))),
                badState("an input of another shape since", "tape", call -> call.forward.input(f32(T, B, N + 1))),
                badState(
                        "an initial state that was changed since",
                        "tape",
                        call -> call.forward.initialState(State.initial(call.config, B, N))),
                badState("an initial state that was dropped since", "tape", call -> call.forward.initialState(null)),
                badState(
                        "parameters that were changed since",
                        "tape",
                        call -> call.forward.parameters(Parameters.perNeuron(call.config, N))),
                badState(
                        "a parameter that was changed since",
                        "tape",
                        call -> call.forward.parameters().set(call.parameter(OTHER), f32(N))),
                badState("a closed tape", "tape", call -> call.tape.close()),
                refusal(
                        "upstream gradients of a wrong shape",
                        "gradSpikeValues",
                        call -> call.backward.gradSpikeValues(f32(T, B, N + 1))),
                refusal(
                        "upstream gradients of two steps of three",
                        "gradSpikeValues",
                        call -> call.backward.gradSpikeValues(f32(2, B, N))),
                refusal(
                        "upstream gradients of potentials for all steps at once",
                        "gradVoltages",
                        call -> call.backward.gradVoltages(f32(1, B, N))),
                refusal(
                        "an upstream state of another model",
                        "gradFinalState",
                        call -> call.backward.gradFinalState(State.zeros(call.foreign(), B, N))),
                refusal(
                        "parameter gradients of another model",
                        "gradParameters",
                        call -> call.backward.gradParameters(Parameters.none(call.foreign()))),
                refusal(
                        "an initial state's gradient of another model",
                        "gradInitialState",
                        call -> call.backward.gradInitialState(call.memory.poisonedState(call.foreign(), B, N))),
                badState("row indices that were given since", "tape", call -> call.forward.rowIndex(i64(B))),
                refusal(
                        "upstream gradients of type U8",
                        "gradVoltages",
                        call -> call.backward.gradVoltages(Tensor.zeros(DType.U8, T, B, N))),
                refusal(
                        "an upstream state of another shape",
                        "gradFinalState",
                        call -> call.backward.gradFinalState(State.zeros(call.config, B, N - 1))),
                refusal(
                        "input gradients of a wrong shape",
                        "gradInput",
                        call -> call.backward.gradInput(call.memory.poisoned(DType.F32, T, B, 1))),
                refusal(
                        "parameter gradients of a wrong length",
                        first,
                        call -> call.backward.gradParameters(call.backward
                                .gradParameters()
                                .set(call.parameter(FIRST), call.memory.poisoned(DType.F32, 1)))),
                refusal(
                        "an initial state's gradient of another shape",
                        "gradInitialState",
                        call -> call.backward.gradInitialState(call.memory.poisonedState(call.config, B + 1, N))),
                refusal("gradients over the input", "overlaps", call -> call.backward.gradInput(call.forward.input())),
                refusal("gradients over upstream gradients", "overlaps", call -> {
                    Tensor both = call.output();
                    call.backward.gradSpikeValues(both).gradInput(both);
                }),
                refusal(
                        "read-only gradients",
                        "gradInput",
                        call -> call.backward.gradInput(
                                Tensor.of(DType.F32, call.output().segment().asReadOnly(), T, B, N))),
                badState("memory of a closed arena", "closed", call -> {
                    try (Arena arena = Arena.ofShared()) {
                        call.backward.gradVoltages(Tensor.of(DType.F32, arena.allocate(4L * T * B * N, 4), T, B, N));
                    }
                }));
    }

    private static final List<Refusal<Call>> BACKWARD_MODULATED = List.of(
            badState("a modulation that was changed since", "tape", call -> call.forward.modulation(f32(B, N))),
            badState("uniforms that were lent since", "tape", call -> call.forward.uniforms(f32(T, B, N))),
            refusal(
                    "modulation gradients of a wrong shape",
                    "gradModulation",
                    call -> call.backward.gradModulation(call.memory.poisoned(DType.F32, N))));

    private static List<Refusal<Call>> allBackward(NeuronConfig config) {
        List<Refusal<Call>> all = new ArrayList<>(backward(config));
        if (config.acceptsModulation()) {
            all.addAll(BACKWARD_MODULATED);
        } else {
            all.add(refusal(
                    "a gradient of no modulation",
                    "gradModulation",
                    call -> call.backward.gradModulation(call.watched(call.memory.poisoned(DType.F32, B, N)))));
        }
        return all;
    }

    @TestFactory
    Stream<DynamicTest> refusesBackwardCalls() {
        return each(RefusalContract::allBackward, (kernel, refusal) -> {
            try (Call call = new Call(kernel)) {
                kernel.forward(call.forward);
                // What is not an output of the spoiled call has to be writable without being watched.
                boolean inputLent = refusal.name().equals("gradients over the input");
                spoil(refusal, call);
                assertThatThrownBy(() -> kernel.backward(call.backward))
                        .isExactlyInstanceOf(refusal.type())
                        .hasMessageContaining(refusal.message());
                List<Tensor> outputs = call.backwardOutputs();
                if (inputLent) {
                    outputs.remove(call.forward.input());
                }
                outputs.forEach(Memory::assertPoisoned);
                assertStillWorks(kernel);
            }
        });
    }

    /** Sets of parameters can change behind a description that was checked: what they then lend is checked again. */
    private static List<Refusal<Call>> changedParameters(NeuronConfig config) {
        return List.of(
                refusal(
                        "a wrong length",
                        config.parameters().get(POSITIVE).symbol(),
                        call -> call.forward.parameters().set(call.parameter(POSITIVE), f32(N - 1))),
                refusal(
                        "no tensor",
                        config.parameters().getFirst().symbol(),
                        call -> call.forward.parameters().set(call.parameter(FIRST), null)),
                refusal(
                        "memory that an output has",
                        "overlaps",
                        call -> call.forward
                                .parameters()
                                .set(
                                        call.parameter(OTHER),
                                        Tensor.of(
                                                DType.F32,
                                                call.forward
                                                        .voltages()
                                                        .segment()
                                                        .asSlice(8, 4L * N),
                                                N))),
                badState(
                        "memory of a closed arena",
                        "closed",
                        call -> call.forward.parameters().set(call.parameter(POSITIVE), ofAClosedArena(N))),
                new Refusal<>(
                        "memory of another thread",
                        WrongThreadException.class,
                        "confined",
                        call -> call.forward.parameters().set(call.parameter(POSITIVE), ofAnotherThread(N))));
    }

    @TestFactory
    Stream<DynamicTest> refusesParametersThatChangedAfterAGoodRun() {
        return each(RefusalContract::changedParameters, (kernel, refusal) -> {
            try (Call call = new Call(kernel)) {
                kernel.forward(call.forward);
                kernel.backward(call.backward);
                List<Tensor> outputs = poisonedAgain(call);
                Tensor[] good = tensors(call.forward.parameters());
                spoil(refusal, call);
                assertThatThrownBy(() -> kernel.backward(call.backward))
                        .as("a backward run of what was not run")
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("tape");
                assertThatThrownBy(() -> kernel.forward(call.forward))
                        .isExactlyInstanceOf(refusal.type())
                        .hasMessageContaining(refusal.message());
                assertThatThrownBy(() -> kernel.backward(call.backward))
                        .as("a backward run of what was refused")
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("tape");
                outputs.forEach(Memory::assertPoisoned);
                for (NeuronParameter parameter : call.config.parameters()) {
                    call.forward.parameters().set(parameter, good[parameter.ordinal()]);
                }
                kernel.forward(call.forward);
                kernel.backward(call.backward);
            }
        });
    }

    private static List<Refusal<Call>> changedGradients(NeuronConfig config) {
        return List.of(
                refusal(
                        "a wrong length",
                        config.parameters().get(POSITIVE).symbol(),
                        call -> call.backward
                                .gradParameters()
                                .set(call.parameter(POSITIVE), call.memory.poisoned(DType.F32, N - 1))),
                refusal(
                        "memory that the input has",
                        "overlaps",
                        call -> call.backward
                                .gradParameters()
                                .set(
                                        call.parameter(POSITIVE),
                                        Tensor.of(
                                                DType.F32,
                                                call.forward.input().segment().asSlice(0, 4L * N),
                                                N))),
                badState(
                        "memory of a closed arena",
                        "closed",
                        call -> call.backward.gradParameters().set(call.parameter(POSITIVE), ofAClosedArena(N))),
                new Refusal<>(
                        "memory of another thread",
                        WrongThreadException.class,
                        "confined",
                        call -> call.backward.gradParameters().set(call.parameter(POSITIVE), ofAnotherThread(N))));
    }

    @TestFactory
    Stream<DynamicTest> refusesGradientsThatChangedAfterAGoodRun() {
        return each(RefusalContract::changedGradients, (kernel, refusal) -> {
            try (Call call = new Call(kernel)) {
                kernel.forward(call.forward);
                kernel.backward(call.backward);
                List<Tensor> outputs = poisonedAgain(call);
                Tensor good = call.backward.gradParameters().get(call.parameter(POSITIVE));
                spoil(refusal, call);
                assertThatThrownBy(() -> kernel.backward(call.backward))
                        .isExactlyInstanceOf(refusal.type())
                        .hasMessageContaining(refusal.message());
                outputs.forEach(Memory::assertPoisoned);
                call.backward.gradParameters().set(call.parameter(POSITIVE), null);
                kernel.backward(call.backward);
                Memory.assertPoisoned(good);
                call.backward.gradParameters().set(call.parameter(POSITIVE), good);
                kernel.backward(call.backward);
                assertThat(good.toFloatArray()).doesNotContain(Memory.POISON_FLOAT);
            }
        });
    }

    private static List<TestModel.BadValue> badValues(TestModel model) {
        List<TestModel.BadValue> bad = new ArrayList<>(model.badValues());
        for (NeuronParameter parameter : model.defaults().parameters()) {
            for (float value : new float[] {
                Float.NaN, Float.intBitsToFloat(0xFFC00001), Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY
            }) {
                bad.add(new TestModel.BadValue(parameter, value));
            }
        }
        return bad;
    }

    /** One bad value among many, wherever the parameters lie: refused by name, index and value, and nothing is written. */
    @TestFactory
    Stream<DynamicTest> refusesBadValuesOfParameters() {
        return TestModel.all()
                .flatMap(model -> badValues(model).stream()
                        .flatMap(bad -> Arrays.stream(Memory.Kind.values())
                                .map(kind -> dynamicTest(
                                        model + ": " + bad + " in " + kind,
                                        () -> refusesBadValue(model.defaults(), bad, kind)))));
    }

    private void refusesBadValue(NeuronConfig config, TestModel.BadValue bad, Memory.Kind kind) {
        try (Kernel kernel = open(config);
                Memory memory = new Memory(kind);
                Call call = new Call(kernel)) {
            float[] values = new float[N];
            Arrays.fill(values, 0.75f);
            Tensor tensor = memory.copy(values, N);
            call.forward.parameters().set(bad.parameter(), tensor);
            kernel.forward(call.forward);
            kernel.backward(call.backward);
            List<Tensor> outputs = poisonedAgain(call);
            tensor.setFloat(3, bad.value());
            for (Runnable run :
                    List.<Runnable>of(() -> kernel.forward(call.forward), () -> kernel.backward(call.backward))) {
                assertThatThrownBy(run::run)
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageMatching(Pattern.quote(bad.parameter().symbol() + ": got " + bad.value())
                                + " at index 3, expected a (finite )?number.*");
            }
            outputs.forEach(Memory::assertPoisoned);
            tensor.setFloat(3, 0.75f);
            kernel.forward(call.forward);
            kernel.backward(call.backward);
        }
    }

    /** A chunk's first and last, and where the values end: no place is passed over. */
    @TestModel.Each
    void findsABadValueAtAnyPlace(TestModel model) {
        int neurons = 2500;
        NeuronConfig config = model.defaults();
        try (Kernel kernel = open(config)) {
            for (NeuronParameter parameter : config.parameters()) {
                for (int place : new int[] {0, 1, 1023, 1024, 2047, 2048, 2499}) {
                    Parameters parameters = Parameters.perNeuron(config, neurons);
                    parameters.get(parameter).setFloat(place, Float.NaN);
                    Forward forward = new Forward()
                            .input(f32(1, 1, neurons))
                            .parameters(parameters)
                            .draws(new DrawStream(1, 2));
                    assertThatThrownBy(() -> kernel.forward(forward))
                            .isExactlyInstanceOf(IllegalArgumentException.class)
                            .hasMessageStartingWith(parameter.symbol() + ": got NaN at index " + place);
                    assertThatThrownBy(() -> parameters.requireValid(config))
                            .hasMessageStartingWith(parameter.symbol() + ": got NaN at index " + place);
                }
            }
        }
    }

    /** The greatest rate is 1 / dt, here exactly: a step that takes all of the way. */
    @Test
    void takesRatesUpToOneAStep() {
        LifConfig config = LifConfig.defaults();
        try (Kernel kernel = open(config);
                Call call = new Call(kernel)) {
            for (LifParameter rate : List.of(LifParameter.TAU_SYN_INV, LifParameter.TAU_MEM_INV)) {
                call.forward.parameters().get(rate).setFloat(0, 1000f);
                call.forward.parameters().get(rate).setFloat(1, Float.MIN_VALUE);
            }
            call.forward.parameters().get(LifParameter.V_TH).setFloat(0, -Float.MAX_VALUE);
            kernel.forward(call.forward);
            kernel.backward(call.backward);
        }
    }

    /** What is finite runs: a threshold beyond the bounds is clamped by the model, and the least tau of dt = 1 is the next to 2^-128. */
    @Test
    void takesFiniteValuesOutsideTheModelsBounds() {
        try (Kernel kernel = open(CONFIG);
                Call call = new Call(kernel)) {
            Parameters parameters = call.forward.parameters();
            parameters.get(QlifParameter.V_TH).setFloat(0, -100f);
            parameters.get(QlifParameter.V_TH).setFloat(1, Float.MAX_VALUE);
            parameters.get(QlifParameter.ETA).setFloat(0, -3f);
            parameters.get(QlifParameter.TAU).setFloat(0, Math.nextUp(0x1p-128f));
            parameters.get(QlifParameter.TAU).setFloat(1, Float.MAX_VALUE);
            kernel.forward(call.forward);
            kernel.backward(call.backward);
        }
    }

    /** NaN in the input or the state is a number like any other there: it stays in its neuron. */
    @TestModel.Each
    void keepsNaNInItsNeuron(TestModel model) {
        NeuronConfig config = model.defaults();
        int steps = 70;
        int neurons = 600;
        float[] withoutNaN = null;
        for (String where : List.of("none", "input", "state", "modulation")) {
            if (where.equals("modulation") && !config.acceptsModulation()) {
                continue;
            }
            try (Kernel kernel = open(config)) {
                Tensor input = f32(steps, 2, neurons);
                input.fill(2f);
                State state = State.initial(config, 2, neurons);
                Tensor modulation = f32(neurons);
                int bad = 77;
                switch (where) {
                    case "input" -> input.setFloat(5 * 2 * neurons + bad, Float.NaN);
                    case "state" ->
                        state.get(config.stateVariables().getFirst()).setFloat(bad, Float.NaN);
                    case "modulation" -> modulation.setFloat(bad, Float.NaN);
                    default -> {}
                }
                Tensor voltages = f32(steps, 2, neurons);
                kernel.forward(new Forward()
                        .input(input)
                        .parameters(Parameters.shared(config))
                        .draws(new DrawStream(5, 6))
                        .modulation(config.acceptsModulation() ? modulation : null)
                        .initialState(state)
                        .voltages(voltages));
                float[] result = voltages.toFloatArray();
                boolean spoiled = false;
                for (int i = 0; i < result.length; i++) {
                    if (i % neurons == bad) {
                        spoiled |= Float.isNaN(result[i]);
                        result[i] = 0;
                    }
                }
                assertThat(spoiled).as(where).isEqualTo(!where.equals("none"));
                if (where.equals("none")) {
                    withoutNaN = result;
                }
                assertThat(result).as(where).isEqualTo(withoutNaN);
            }
        }
    }

    private record ForeignTrace(int ordinal, String symbol, StateVariable variable) implements Trace {}

    private record ForeignVariable(
            int ordinal, String symbol, float initialValue, boolean carriesGradient, boolean flushed, boolean averaged)
            implements StateVariable {}

    private record ForeignParameter(int ordinal, String symbol) implements NeuronParameter {}

    /** The interfaces are open: what only has the ordinal of one of ours, or none of ours, is refused by name. */
    @ParameterizedTest
    @ValueSource(ints = {0, -1, 4, 12, 13, Integer.MAX_VALUE, Integer.MIN_VALUE})
    void refusesWhatBelongsToAnotherModel(int ordinal) {
        try (Kernel kernel = open(CONFIG);
                Call call = new Call(kernel)) {
            Trace trace = new ForeignTrace(ordinal, "foreign", null);
            Tensor asked = call.watched(call.output());
            call.forward.trace(trace, asked);
            assertThat(call.forward.trace(trace)).isSameAs(asked);
            assertThatThrownBy(() -> kernel.forward(call.forward))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("trace")
                    .hasMessageContaining("foreign");
            call.forwardOutputs().forEach(Memory::assertPoisoned);
            kernel.forward(call.forward.trace(trace, null));
            Memory.assertPoisoned(asked);

            StateVariable variable = new ForeignVariable(ordinal, "foreign", 0, true, true, false);
            assertThatThrownBy(() -> call.forward.finalState().get(variable))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("foreign");
            NeuronParameter parameter = new ForeignParameter(ordinal, "foreign");
            assertThatThrownBy(() -> call.forward.parameters().get(parameter))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("foreign");
            assertThatThrownBy(() -> call.forward.parameters().set(parameter, f32(N)))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("foreign");
        }
    }

    /** Every output of both runs, with whatever they have written gone. */
    private static List<Tensor> poisonedAgain(Call call) {
        List<Tensor> outputs = call.forwardOutputs();
        outputs.addAll(call.backwardOutputs());
        outputs.forEach(output -> output.segment().fill(Memory.POISON));
        return outputs;
    }

    private static Tensor[] tensors(Parameters parameters) {
        return parameters.parameters().stream().map(parameters::get).toArray(Tensor[]::new);
    }

    @Test
    void refusesSpikesThatAreNoneByName() {
        assertThatThrownBy(() -> new Forward().spikes(i64(T, B, N)))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("spikes: got")
                .hasMessageContaining("I64")
                .hasMessageContaining("expected a type of [F32, U8, BIT]");
        assertThatThrownBy(() -> new Forward().spikes((Tensor) null))
                .isExactlyInstanceOf(NullPointerException.class)
                .hasMessageContaining("spikes");
    }

    @Test
    void refusesGradientsOfAModulationThatWasNotGiven() {
        try (Kernel kernel = open(CONFIG);
                Call call = new Call(kernel)) {
            call.forward.modulation(null);
            kernel.forward(call.forward);
            assertThatThrownBy(() -> kernel.backward(call.backward))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("gradModulation");
            call.backwardOutputs().forEach(Memory::assertPoisoned);
        }
    }

    @Test
    void refusesABackwardRunWithoutAForwardRun() {
        try (Kernel kernel = open(CONFIG);
                Call call = new Call(kernel)) {
            assertThatThrownBy(() -> kernel.backward(call.backward))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("tape");
            call.backwardOutputs().forEach(Memory::assertPoisoned);
        }
    }

    /** What a tape or a backward run can't be in, of so many bytes that are needed. */
    private record Unfit(String name, Class<? extends Exception> type, String message, Maker maker) {
        /** Makes it of good memory that is as long as it must be. */
        private interface Maker {
            Tensor of(Tensor good) throws Exception;
        }
    }

    private List<Unfit> unfit() {
        boolean gpu = device.kind().equals("cuda");
        List<Unfit> unfit = new ArrayList<>(List.of(
                new Unfit(
                        "too short",
                        IllegalArgumentException.class,
                        "expected at least",
                        good -> good.slice(0, good.elements() - 1)),
                new Unfit(
                        "misaligned",
                        IllegalArgumentException.class,
                        "expected a multiple of 16",
                        good -> good.slice(8, good.elements())),
                new Unfit("of another type", IllegalArgumentException.class, "expected U8", good -> f32(4000)),
                new Unfit(
                        "of another place",
                        IllegalArgumentException.class,
                        gpu
                                ? "got memory of the host, expected memory of cuda:0"
                                : "got memory of cuda:7, expected memory of the host",
                        good -> gpu
                                ? Tensor.of(DType.U8, Arena.ofAuto().allocate(good.elements(), 64), good.elements())
                                : Tensor.on(Device.of("cuda:7"), DType.U8, good.segment(), good.elements()))));
        if (!gpu) {
            unfit.add(new Unfit(
                    "on the heap",
                    IllegalArgumentException.class,
                    "got memory on the Java heap, expected native memory",
                    good -> Tensor.zeros(DType.U8, good.elements())));
            unfit.add(new Unfit(
                    "read-only",
                    IllegalArgumentException.class,
                    "got read-only memory",
                    good -> Tensor.of(DType.U8, good.segment().asReadOnly(), good.elements())));
            unfit.add(new Unfit("closed", IllegalStateException.class, "the arena of its memory is closed", good -> {
                try (Arena arena = Arena.ofShared()) {
                    return Tensor.of(DType.U8, arena.allocate(good.elements(), 64), good.elements());
                }
            }));
            unfit.add(new Unfit("of another thread", WrongThreadException.class, "confined", good -> {
                try (ExecutorService other = Executors.newSingleThreadExecutor()) {
                    return other.submit(() -> Tensor.of(
                                    DType.U8, Arena.ofConfined().allocate(good.elements(), 64), good.elements()))
                            .get();
                }
            }));
        }
        return unfit;
    }

    @TestFactory
    Stream<DynamicTest> refusesMemoryThatATapeCannotBeIn() {
        return unfit().stream()
                .map(unfit -> dynamicTest(unfit.name(), () -> {
                    try (Kernel kernel = open(CONFIG);
                            Room room = new Room(device)) {
                        long bytes = kernel.tapeBytes(Tape.Mode.VOLTAGE, T, B, N);
                        Tensor memory =
                                unfit.maker().of(room.of(bytes + (unfit.name().equals("misaligned") ? 8 : 0)));
                        assertThatThrownBy(() -> kernel.newTape(Tape.Mode.VOLTAGE, T, B, N, memory))
                                .isExactlyInstanceOf(unfit.type())
                                .hasMessageStartingWith("memory: ")
                                .hasMessageContaining(unfit.message());
                        assertStillWorks(kernel);
                    }
                }));
    }

    @TestFactory
    Stream<DynamicTest> refusesMemoryThatABackwardRunCannotWorkIn() {
        return unfit().stream()
                .map(unfit -> dynamicTest(unfit.name(), () -> {
                    try (Kernel kernel = open(CONFIG);
                            Room room = new Room(device);
                            Call call = new Call(kernel)) {
                        kernel.forward(call.forward);
                        long bytes = kernel.scratchBytes(call.backward);
                        Tensor memory =
                                unfit.maker().of(room.of(bytes + (unfit.name().equals("misaligned") ? 8 : 0)));
                        assertThatThrownBy(() -> kernel.backward(call.backward.scratch(memory)))
                                .isExactlyInstanceOf(unfit.type())
                                .hasMessageStartingWith("scratch: ")
                                .hasMessageContaining(unfit.message());
                        call.backwardOutputs().forEach(Memory::assertPoisoned);
                        kernel.backward(room.scratch(kernel, call.backward));
                    }
                }));
    }

    /** Bytes for a tape, for a call to work in, or for any of its tensors. */
    private static final long MORE_THAN_ENOUGH = 8192;

    /** Lent memory is held against what else a call uses, as tensors are. */
    @Test
    void refusesLentMemoryThatATensorHas() {
        assumeFalse(device.kind().equals("cuda"), "tensors of the host are nowhere near the memory of " + device);
        try (Kernel kernel = open(CONFIG);
                Room room = new Room(device);
                Call call = new Call(kernel)) {
            Tensor memory = room.of(MORE_THAN_ENOUGH);
            Tensor within = Tensor.of(DType.F32, memory.segment().asSlice(0, 4L * T * B * N), T, B, N);
            try (Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, T, B, N, memory)) {
                Tensor voltages = call.forward.voltages();
                assertThatThrownBy(() -> kernel.forward(call.forward.tape(tape).voltages(within)))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessage("voltages: its memory overlaps that of tape, expected memory of its own");
                assertThatThrownBy(() ->
                                kernel.forward(call.forward.voltages(voltages).input(within)))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessage("tape: its memory overlaps that of input, expected memory of its own");
                kernel.forward(call.forward.input(f32(T, B, N)));
                Tensor scratch = room.of(MORE_THAN_ENOUGH);
                for (Tensor over : List.of(memory, scratch)) {
                    call.backward.scratch(over == memory ? memory : scratch);
                    call.backward.gradInput(
                            over == memory
                                    ? call.output()
                                    : Tensor.of(DType.F32, scratch.segment().asSlice(0, 4L * T * B * N), T, B, N));
                    assertThatThrownBy(() -> kernel.backward(call.backward))
                            .isExactlyInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("overlaps that of " + (over == memory ? "tape" : "scratch"));
                }
                kernel.backward(call.backward.gradInput(call.output()));
            }
        }
    }

    /** How much a call needs can be asked of whole descriptions alone. */
    @Test
    void tellsNoScratchBytesOfHalfADescription() {
        try (Kernel kernel = open(CONFIG)) {
            assertThatThrownBy(() -> kernel.scratchBytes(new Backward(new Forward())))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("input");
            assertThatThrownBy(() -> kernel.tapeBytes(Tape.Mode.COMPACT, -1, 2, 3))
                    .isExactlyInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> kernel.tapeBytes(Tape.Mode.COMPACT, 1L << 40, 1L << 20, 1L << 10))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("2^63");
        }
    }

    @Test
    void refusesATapeOfAnotherKernel() {
        try (Kernel kernel = open(CONFIG);
                Kernel other = open(CONFIG);
                Call call = new Call(kernel)) {
            assertThatThrownBy(() -> other.forward(call.forward))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("another kernel");
            call.forwardOutputs().forEach(Memory::assertPoisoned);
        }
    }

    /** A configuration that draws nothing runs without a stream, and has no use for lent draws, and says so. */
    @Test
    void refusesDrawsThatNothingTakes() {
        for (NeuronConfig config : List.of(QlifConfig.plainLif(), LifConfig.defaults())) {
            try (Kernel kernel = open(config);
                    Call call = new Call(kernel)) {
                for (Tensor rows : Arrays.asList(null, i64(B))) {
                    call.forward.draws(null).rowIndex(rows);
                    kernel.forward(call.forward);
                    kernel.backward(call.backward);
                }
            }
            try (Kernel kernel = open(config);
                    Call call = new Call(kernel)) {
                call.forward.uniforms(f32(T, B, N));
                assertThatThrownBy(() -> kernel.forward(call.forward))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("uniforms");
                call.forward.uniforms(null).normals(f32(T, B, N));
                assertThatThrownBy(() -> kernel.forward(call.forward))
                        .isExactlyInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("normals");
                call.forwardOutputs().forEach(Memory::assertPoisoned);
            }
        }
    }

    @Test
    void refusesDrawsOfAWrongShape() {
        try (Kernel kernel = open(CONFIG);
                Memory memory = new Memory(Memory.Kind.ARRAYS)) {
            DrawStream stream = new DrawStream(1, 2);
            Tensor good = memory.poisoned(DType.F32, T, B, N);
            assertThatThrownBy(() -> kernel.draw(stream, 0, memory.poisoned(DType.F32, T, N), good))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("uniforms");
            assertThatThrownBy(() -> kernel.draw(stream, 0, memory.poisoned(DType.F32, T, 65, B, N), good))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("uniforms");
            assertThatThrownBy(() -> kernel.draw(stream, 0, f32(T, 0, B, N), null))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("uniforms")
                    .hasMessageContaining("from 1 to 64");
            assertThatThrownBy(() -> kernel.draw(stream, 0, good, memory.poisoned(DType.F32, T, B, N + 1)))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("normals");
            assertThatThrownBy(() -> kernel.draw(stream, 0, good, good))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("overlaps");
            assertThatThrownBy(() -> kernel.draw(stream, 0, i64(B + 1), good, null))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("rowIndex")
                    .hasMessageContaining("I64[" + B + "]");
            assertThatThrownBy(() -> kernel.draw(stream, 0, f32(B), good, null))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("rowIndex");
            assertThatThrownBy(() -> kernel.draw(new DrawStream(1, 2, 7), 0, i64(B), good, null))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("elementOffset 7");
            assertThatThrownBy(() -> kernel.draw(stream, -1, good, null))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("firstStep");
            assertThatThrownBy(() -> kernel.draw(stream, 1L << 33, good, null))
                    .as("steps past 2^33, where the counter ends")
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("firstStep");
            assertThatThrownBy(() -> kernel.draw(new DrawStream(1, 2, Long.MAX_VALUE - 3), 0, good, null))
                    .as("elements past 2^63, where the counter ends")
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("elementOffset");
            Memory.assertPoisoned(good);
        }
    }

    @Test
    void refusesUnknownDevices() {
        assertThatThrownBy(() -> Kernel.open(CONFIG, device.kind() + ":abacus"))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("abacus")
                .hasMessageContaining(device.text());
        assertThatThrownBy(() -> Kernel.open(CONFIG, "abacus")).isExactlyInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Kernel.open(CONFIG, "CPU SIMD")).isExactlyInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void refusesUseAfterClose() {
        Kernel kernel = open(CONFIG);
        try (Call call = new Call(kernel)) {
            kernel.forward(call.forward);
            kernel.close();
            kernel.close();
            for (Runnable use : List.<Runnable>of(
                    () -> kernel.forward(call.forward),
                    () -> kernel.backward(call.backward),
                    () -> kernel.draw(new DrawStream(1, 2), 0, call.output(), null),
                    () -> kernel.newTape(Tape.Mode.VOLTAGE, T, B, N))) {
                assertThatThrownBy(use::run)
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("closed");
            }
            call.backwardOutputs().forEach(Memory::assertPoisoned);
            call.tape.close();
            call.tape.close();
        }
    }

    @Test
    void refusesUserFunctionsWhereItCantCallThem() {
        assumeFalse(RandomConfigs.callsJava(device), "kernels on " + device + " call Java");
        QlifConfig config = QlifConfig.builder()
                .neuromodulation(m -> m.withTransform(RandomConfigs.RATIONAL))
                .build();
        assertThatThrownBy(() -> open(config))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("neuromod_transform");
    }

    private void assumeCallsJava() {
        assumeTrue(RandomConfigs.callsJava(device), "kernels on " + device + " call no user functions");
    }

    /** A user function holds the kernel inside a call, so that the second thread surely finds it busy. */
    @Test
    void refusesASecondThreadMeanwhile() throws Exception {
        assumeCallsJava();
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch proceed = new CountDownLatch(1);
        NeuromodTransform waiting = new NeuromodTransform() {
            @Override
            public float apply(float m) {
                inside.countDown();
                try {
                    if (!proceed.await(30, TimeUnit.SECONDS)) {
                        throw new IllegalStateException("the other thread never came");
                    }
                } catch (InterruptedException interrupted) {
                    throw new IllegalStateException(interrupted);
                }
                return m;
            }

            @Override
            public float derivative(float m, float value) {
                return 1;
            }
        };
        QlifConfig config = QlifConfig.builder()
                .neuromodulation(m -> m.withTransform(waiting))
                .build();
        try (Kernel kernel = open(config);
                Call busy = new Call(kernel);
                Call second = new Call(kernel);
                ExecutorService threads = Executors.newSingleThreadExecutor()) {
            Future<?> running = threads.submit(() -> kernel.forward(busy.forward));
            assertThat(inside.await(30, TimeUnit.SECONDS)).isTrue();
            try {
                assertThatThrownBy(() -> kernel.forward(second.forward))
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("in a call");
            } finally {
                proceed.countDown();
            }
            running.get(30, TimeUnit.SECONDS);
            second.forwardOutputs().forEach(Memory::assertPoisoned);
            kernel.forward(second.forward);
        }
    }

    /** What a user function throws reaches the caller as it is, from a helper thread too, and the kernel lives on. */
    @Test
    void passesOnWhatAUserFunctionThrows() {
        assumeCallsJava();
        NeuromodTransform throwing = new NeuromodTransform() {
            @Override
            public float apply(float m) {
                if (m == 666f) {
                    throw new ArithmeticException("no M for this m");
                }
                return m;
            }

            @Override
            public float derivative(float m, float value) {
                return 1;
            }
        };
        QlifConfig config = QlifConfig.builder()
                .neuromodulation(m -> m.withTransform(throwing))
                .build();
        int neurons = 4096;
        try (Kernel kernel = open(config)) {
            Tensor modulation = f32(neurons);
            modulation.fill(666f);
            Forward forward = new Forward()
                    .input(f32(2, 1, neurons))
                    .parameters(Parameters.shared(config))
                    .draws(new DrawStream(1, 1))
                    .modulation(modulation)
                    .voltages(f32(2, 1, neurons));
            assertThatThrownBy(() -> kernel.forward(forward))
                    .isExactlyInstanceOf(ArithmeticException.class)
                    .hasMessage("no M for this m");
            modulation.fill(1f);
            kernel.forward(forward);
        }
    }

    @ParameterizedTest
    @CsvSource({"0,2,3", "3,0,3", "3,2,0", "0,0,0", "0,2,0"})
    void runsEmptyShapes(int steps, int batch, int neurons) {
        TestModel.all().forEach(model -> runsEmptyShape(model, new Shape(steps, batch, neurons)));
    }

    private void runsEmptyShape(TestModel model, Shape shape) {
        NeuronConfig config = model.defaults();
        Scenario scenario = Scenario.random(Seeds.random(3), config, shape);
        float[][] initial = new float[config.stateVariables().size()][shape.elements()];
        float[][] upstream = new float[config.stateVariables().size()][shape.elements()];
        for (int i = 0; i < initial.length; i++) {
            Arrays.fill(initial[i], 0.25f + i);
            Arrays.fill(upstream[i], 0.5f + i);
        }
        Scenario stated = scenario.time(0, shape.steps(), initial, upstream);
        try (Kernel kernel = open(config)) {
            for (Tape.Mode mode : Tape.Mode.values()) {
                Result result = stated.run(kernel, mode);
                for (NeuronParameter parameter : config.parameters()) {
                    float[] gradient = result.floats("grad.parameter." + parameter.symbol());
                    Result.Bits.assertSame(new float[gradient.length], gradient, parameter.symbol());
                }
                for (StateVariable variable : config.stateVariables()) {
                    Result.Bits.assertSame(
                            initial[variable.ordinal()],
                            result.floats("final." + variable.symbol()),
                            "final " + variable);
                    Result.Bits.assertSame(
                            model.withoutGradient().contains(variable)
                                    ? new float[shape.elements()]
                                    : upstream[variable.ordinal()],
                            result.floats("grad.initial." + variable.symbol()),
                            "gradient of the initial " + variable);
                }
            }
        }
    }

    private static void assertStillWorks(Kernel kernel) {
        try (Call call = new Call(kernel)) {
            kernel.forward(call.forward);
            kernel.backward(call.backward);
        }
    }
}
