// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;
import static org.qlif.conformance.LentTensors.f32;
import static org.qlif.conformance.LentTensors.ofAClosedArena;
import static org.qlif.conformance.LentTensors.ofAnotherThread;
import static org.qlif.conformance.Refusal.refusal;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LinearForward;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * What a kernel computes with a linear layer in place of an input: the bits of the two apart, whether the current is kept or not. Draws,
 * steps and states begin anywhere, so what holds for a call holds for a part of one.
 */
abstract class FusedContract {
    private static final int T = 3;
    private static final int B = 2;
    private static final int K = 70;
    private static final int N = 5;

    private final Device device;

    FusedContract(String device) {
        this.device = Device.of(device);
    }

    private Kernel open(NeuronConfig config, int threads) {
        return Kernel.open(config, device, KernelOptions.defaults().withThreads(threads));
    }

    /** A linear layer and the neurons behind it. */
    private record Case(LinearCase linear, Scenario neurons) {
        static Case random(RandomGenerator random, NeuronConfig config, LinearCase linear) {
            Shape shape = new Shape(linear.steps, linear.batch, linear.outputs);
            float[] current = linear.expected().floats("output");
            return new Case(linear, Scenario.random(random, config, shape).withInput(current));
        }

        /** What the two apart write. */
        Result expected() {
            try (Kernel kernel = Kernel.open(
                    neurons.config(),
                    Device.of("cpu:scalar"),
                    KernelOptions.defaults().withThreads(1))) {
                return neurons.run(kernel, Tape.Mode.VOLTAGE);
            }
        }

        /**
         * Both runs in one call each.
         *
         * @param mode null for a forward run alone
         * @param keeps whether the current is written
         */
        Result run(Kernel kernel, Tape.Mode mode, Memory.Kind kind, boolean keeps, Predicate<String> wanted) {
            Shape shape = neurons.shape();
            try (Memory memory = new Memory(kind)) {
                LinearForward layer = linear.forward(memory).output(null);
                if (keeps) {
                    layer.output(memory.poisoned(DType.F32, shape.extents()));
                }
                Forward forward = neurons.forward(new Forward().linear(layer), memory, wanted);
                Backward backward = null;
                if (mode == null) {
                    kernel.forward(forward);
                } else {
                    try (Tape tape = kernel.newTape(mode, shape.steps(), shape.batch(), shape.neurons())) {
                        kernel.forward(forward.tape(tape));
                        backward = neurons.backward(forward, memory, wanted);
                        kernel.backward(backward);
                    }
                }
                memory.assertGuardsIntact();
                Result result = neurons.collect(forward, backward);
                if (keeps) {
                    Result.Bits.assertSame(neurons.input(), layer.output().toFloatArray(), "the current that was kept");
                }
                return result;
            }
        }

        @Override
        public String toString() {
            return linear + "; " + neurons;
        }
    }

    private static int pick(RandomGenerator random, int... numbers) {
        return numbers[random.nextInt(numbers.length)];
    }

    private static LinearCase randomLayer(RandomGenerator random) {
        while (true) {
            int steps = pick(random, 0, 1, 2, 3, 20, 63, 64, 65, 130);
            int batch = pick(random, 0, 1, 1, 2, 3, 5, 33);
            int inputs = pick(random, 0, 1, 17, 64, 113, 200);
            int outputs = pick(random, 0, 1, 10, 17, 64, 100, 128, 255, 256, 257, 512, 521);
            if (steps * batch * outputs > 40_000 || steps * batch * outputs * inputs > 2_000_000) {
                continue;
            }
            DType type = DType.SPIKES.get(random.nextInt(3));
            LinearCase.Values values =
                    type != DType.F32 ? LinearCase.Values.SPIKES : LinearCase.Values.values()[random.nextInt(3)];
            double share = new double[] {0, 0.02, 0.13, 0.5, 0.9, 1}[random.nextInt(6)];
            return new LinearCase(
                    random, steps, batch, inputs, outputs, type, share, values, random.nextBoolean(), false);
        }
    }

    @TestModel.Each
    @Tag("narrow")
    void hasTheBitsOfTheTwoApart(TestModel model) {
        Memory.Kind[] kinds = Memory.Kind.values();
        for (int i = 0; i < Seeds.cases(120); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            Case tested = Case.random(random, config, randomLayer(random));
            int threads = 1 + random.nextInt(4);
            Memory.Kind kind = kinds[random.nextInt(kinds.length)];
            String context =
                    Seeds.replay(seed) + " on " + device + " with " + threads + " threads, " + kind + ": " + tested;
            Result expected = tested.expected();
            long part = random.nextLong();
            try (Kernel kernel = open(config, threads)) {
                tested.run(kernel, Tape.Mode.VOLTAGE, kind, true, _ -> true).assertSameBits(expected, context);
                tested.run(kernel, Tape.Mode.COMPACT, kind, false, name -> chosen(part, name))
                        .assertSameBits(expected, "nothing kept, a part of the results; " + context);
                tested.run(kernel, null, kind, (part & 1) != 0, name -> chosen(~part, name))
                        .assertSameBits(expected, "without a tape, the other part; " + context);
            }
        }
    }

    private static boolean chosen(long part, String name) {
        return (part >>> name.hashCode() & 1) != 0;
    }

    /** More steps, rows and inputs than are worked on at a time, in columns that a tile of neurons divides and others. */
    @TestModel.Each
    @Tag("narrow")
    void hasThemAtExtentsThatAreCut(TestModel model) {
        int[][] shapes = {
            {1500, 1, 9, 300},
            {1500, 2, 9, 10},
            {2100, 1, 3, 256},
            {20, 70, 30, 64},
            {20, 40, 30, 100},
            {3, 300, 20, 256},
            {2, 9, 4500, 257},
            {2, 3, 4500, 512}
        };
        RandomGenerator random = Seeds.random(Seeds.of(0));
        for (int[] shape : shapes) {
            NeuronConfig config = model.defaults();
            LinearCase layer = new LinearCase(
                    random,
                    shape[0],
                    shape[1],
                    shape[2],
                    shape[3],
                    DType.BIT,
                    0.2,
                    LinearCase.Values.SPIKES,
                    true,
                    false);
            Case tested = Case.random(random, config, layer);
            Result expected = tested.expected();
            try (Kernel kernel = open(config, 2)) {
                for (boolean keeps : new boolean[] {false, true}) {
                    tested.run(kernel, Tape.Mode.COMPACT, Memory.Kind.ARRAYS, keeps, _ -> true)
                            .assertSameBits(expected, (keeps ? "kept" : "not kept") + ": " + tested);
                }
            }
        }
    }

    /** A kernel that has run one shape, with a layer or without, runs another as a new one would. */
    @Test
    void keepsNothingBetweenCalls() {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        NeuronConfig config = QlifConfig.defaults();
        try (Kernel kernel = open(config, 3)) {
            for (int i = 0; i < 20; i++) {
                Case tested = Case.random(random, config, randomLayer(random));
                Result expected = tested.expected();
                tested.run(kernel, Tape.Mode.VOLTAGE, Memory.Kind.ARRAYS, false, _ -> true)
                        .assertSameBits(expected, "call " + i + ": " + tested);
                tested.neurons.run(kernel, Tape.Mode.VOLTAGE).assertSameBits(expected, "apart, call " + i);
            }
        }
    }

    /** A valid call of each kind, for a case to spoil. */
    private static final class Call implements AutoCloseable {
        final Memory memory = new Memory(Memory.Kind.ARRAY_SLICES);
        final LinearForward linear = new LinearForward()
                .input(Tensor.zeros(DType.BIT, T, B, K))
                .weights(f32(K, N))
                .bias(f32(N))
                .output(memory.poisoned(DType.F32, T, B, N));
        final Forward forward = new Forward()
                .linear(linear)
                .parameters(Parameters.shared(QlifConfig.defaults()))
                .draws(new DrawStream(1, 2))
                .spikes(memory.poisoned(DType.U8, T, B, N));
        final List<Tensor> outputs = List.of(linear.output(), forward.spikes(DType.U8));

        @Override
        public void close() {
            memory.close();
        }
    }

    private static List<Refusal<Call>> refusals() {
        return List.of(
                refusal(
                        "an input beside it",
                        "linear: given beside an input",
                        call -> call.forward.input(f32(T, B, N))),
                refusal("no input of the layer", "linear.input: ", call -> call.forward.linear(new LinearForward())),
                refusal("an input of rank 2", "linear.input: ", call -> call.linear.input(f32(T * B, K))),
                refusal("an input of other length", "linear.weights: ", call -> call.linear.input(f32(T, B, K + 1))),
                refusal("transposed weights", "linear.weights: ", call -> call.linear.weights(f32(N, K))),
                refusal("a bias of other length", "linear.bias: ", call -> call.linear.bias(f32(N + 1))),
                refusal("a current of other shape", "linear.output: ", call -> call.linear.output(f32(T, N, B))),
                refusal(
                        "spikes of other shape",
                        "spikes: ",
                        call -> call.linear.weights(f32(K, N + 1)).bias(null).output(null)),
                refusal(
                        "a current over the weights",
                        "linear.output: its memory overlaps that of linear.weights",
                        call -> call.linear
                                .input(Tensor.zeros(DType.BIT, T, B, 1))
                                .weights(Tensor.of(
                                        DType.F32,
                                        call.linear.output().segment().asSlice(4L * N, 4L * N),
                                        1,
                                        N))),
                refusal(
                        "a current over the parameters",
                        "linear.output: its memory overlaps that of parameters.v_th",
                        call -> call.forward
                                .parameters()
                                .set(
                                        QlifParameter.V_TH,
                                        Tensor.of(
                                                DType.F32,
                                                call.linear.output().segment().asSlice(0, 4L * N),
                                                N))),
                refusal(
                        "spikes over the current",
                        "spikes: its memory overlaps that of linear.output",
                        call -> call.forward.spikes(Tensor.of(
                                DType.U8, call.linear.output().segment().asSlice(0, T * B * N), T, B, N))),
                refusal(
                        "spikes over the layer's input",
                        "spikes: its memory overlaps that of linear.input",
                        call -> call.forward.spikes(Tensor.of(
                                DType.U8, call.linear.input().segment().asSlice(0, T * B * N), T, B, N))),
                refusal("spikes over the bias", "spikes: its memory overlaps that of linear.bias", call -> {
                    MemorySegment shared = f32(T * B * N).segment();
                    call.linear.bias(Tensor.of(DType.F32, shared.asSlice(0, 4L * N), N));
                    call.forward.spikes(Tensor.of(DType.U8, shared.asSlice(0, T * B * N), T, B, N));
                }),
                new Refusal<>(
                        "weights of a closed arena",
                        IllegalStateException.class,
                        "linear.weights: ",
                        call -> call.linear.weights(ofAClosedArena(K, N))),
                new Refusal<>(
                        "a bias of another thread",
                        WrongThreadException.class,
                        "linear.bias: ",
                        call -> call.linear.bias(ofAnotherThread(N))));
    }

    @TestFactory
    Stream<DynamicTest> refusesBeforeItWrites() {
        return refusals().stream().map(refusal -> dynamicTest(refusal.name(), () -> assertRefused(refusal)));
    }

    private void assertRefused(Refusal<Call> refusal) throws Exception {
        try (Kernel kernel = open(QlifConfig.defaults(), 2);
                Call call = new Call()) {
            refusal.spoiler().spoil(call);
            assertThatThrownBy(() -> kernel.forward(call.forward))
                    .isExactlyInstanceOf(refusal.type())
                    .hasMessageStartingWith(refusal.message());
            call.outputs.forEach(Memory::assertPoisoned);
            call.memory.assertGuardsIntact();
        }
        // Spoiling is what made it fail.
        try (Kernel kernel = open(QlifConfig.defaults(), 2);
                Call call = new Call()) {
            kernel.forward(call.forward);
        }
    }

    /** A backward run reads the current where it was kept, else what it is made of, and each is held against what it writes. */
    @Test
    void backwardRunsReadWhatTheyNeed() {
        try (Kernel kernel = open(QlifConfig.defaults(), 1);
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, T, B, N);
                Call call = new Call()) {
            kernel.forward(call.forward.tape(tape));
            Backward backward = new Backward(call.forward);
            assertThatThrownBy(() -> kernel.backward(backward.gradInput(call.linear.output())))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("gradInput: its memory overlaps that of linear.output");
            Tensor overWeights =
                    Tensor.of(DType.F32, call.linear.weights().segment().asSlice(0, 4L * T * B * N), T, B, N);
            kernel.backward(backward.gradInput(overWeights));

            kernel.forward(call.forward.linear(call.linear.output(null)));
            assertThatThrownBy(() -> kernel.backward(backward))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("gradInput: its memory overlaps that of linear.weights");
            kernel.backward(backward.gradInput(f32(T, B, N)));
        }
    }

    /** A change of the layer is one of the run. */
    @Test
    void changesAreNoticed() {
        try (Kernel kernel = open(QlifConfig.defaults(), 1);
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, T, B, N);
                Call call = new Call()) {
            kernel.forward(call.forward.tape(tape));
            call.linear.bias(null);
            assertThatThrownBy(() -> kernel.backward(new Backward(call.forward)))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("tape: does not hold this forward run");
            call.linear.weights(f32(K + 1, N));
            assertThatThrownBy(() -> kernel.forward(call.forward))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("linear.weights: ");
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Memory.Kind.class,
            names = {"ARRAYS", "ALIGNED"})
    @Timeout(120)
    void allocatesNothing(Memory.Kind kind) {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        NeuronConfig config = QlifConfig.defaults();
        for (boolean keeps : new boolean[] {false, true}) {
            LinearCase layer =
                    new LinearCase(random, 4, 33, 70, 40, DType.BIT, 0.13, LinearCase.Values.SPIKES, true, false);
            Case tested = Case.random(random, config, layer);
            try (Kernel kernel = open(config, 2);
                    Memory memory = new Memory(kind);
                    Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 4, 33, 40)) {
                LinearForward linear = layer.forward(memory);
                Forward forward = tested.neurons
                        .forward(new Forward().linear(keeps ? linear : linear.output(null)), memory, _ -> true)
                        .tape(tape);
                Backward backward = tested.neurons.backward(forward, memory, _ -> true);
                long bytes = Allocation.perCall(30, () -> {
                    kernel.forward(forward);
                    kernel.backward(backward);
                });
                assertThat(bytes)
                        .as("bytes a call: %s, kept: %s", tested, keeps)
                        .isLessThanOrEqualTo(Allocation.NONE);
            }
        }
    }

    @Test
    void saysWhatItIs() {
        LinearForward linear =
                new LinearForward().input(Tensor.zeros(DType.BIT, T, B, K)).weights(f32(K, N));
        Forward forward = new Forward().linear(linear);
        assertThat(forward).hasToString("Forward[linear=" + linear + ", firstStep=0]");
        assertThat(List.of(forward.steps(), forward.batch(), forward.neurons())).containsExactly(3L, 2L, 5L);
        assertThat(forward.current()).isNull();
        Tensor current = f32(T, B, N);
        linear.output(current);
        assertThat(forward.current()).isSameAs(current);
        assertThat(new Forward().input(current).current()).isSameAs(current);
        assertThatThrownBy(forward::input)
                .isExactlyInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("input: ");
    }
}
