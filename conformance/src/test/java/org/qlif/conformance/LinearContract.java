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
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.SpikeLinear;
import org.qlif.Tensor;

/**
 * What every backend's linear layer computes and refuses: for any shape, input type, memory and number of threads the bits of
 * {@link LinearCase}; bad input before anything is written.
 */
abstract class LinearContract {
    private static final int T = 3;
    private static final int B = 2;
    private static final int K = 70;
    private static final int M = 5;

    private final Device device;

    LinearContract(String device) {
        this.device = Device.of(device);
    }

    private SpikeLinear open(int threads) {
        return SpikeLinear.open(device, KernelOptions.defaults().withThreads(threads));
    }

    private void assertRight(LinearCase tested, int threads, String context) {
        try (SpikeLinear layer = open(threads)) {
            assertRight(layer, tested, context);
        }
    }

    private static void assertRight(SpikeLinear layer, LinearCase tested, String context) {
        tested.run(layer, Memory.Kind.UNALIGNED, LinearCase.EVERYTHING)
                .assertSameBits(tested.expected(), tested + "; " + context);
    }

    @Test
    @Tag("narrow")
    void hasTheDefinitionsBits() {
        Memory.Kind[] kinds = Memory.Kind.values();
        for (int i = 0; i < Seeds.cases(250); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            LinearCase tested = LinearCase.random(random);
            int threads = 1 + random.nextInt(4);
            Memory.Kind kind = kinds[random.nextInt(kinds.length)];
            String context =
                    Seeds.replay(seed) + " on " + device + " with " + threads + " threads, " + kind + ": " + tested;
            Result expected = tested.expected();
            long part = random.nextLong();
            try (SpikeLinear layer = open(threads)) {
                tested.run(layer, kind, LinearCase.EVERYTHING).assertSameBits(expected, context);
                tested.run(layer, kind, name -> (part >>> name.hashCode() & 1) != 0)
                        .assertSameBits(expected, "a part of the results; " + context);
            }
        }
    }

    /** Every type over the extents at which vectors, words, panels and blocks begin and end. */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"BIT", "U8", "F32"})
    @Tag("narrow")
    void hasTheDefinitionsBitsAtAwkwardExtents(DType type) {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        int[][] shapes = {
            {1, 1, 784, 512},
            {2, 33, 784, 10},
            {3, 65, 65, 129},
            {1, 64, 113, 255},
            {5, 7, 1, 64},
            {2, 40, 64, 1},
            {1, 600, 130, 40},
            {4, 32, 1000, 24},
            {2, 70, 300, 129},
            {1, 3, 3000, 1000}
        };
        try (SpikeLinear layer = open(2)) {
            for (int[] shape : shapes) {
                for (double share : new double[] {0.03, 0.4, 1}) {
                    LinearCase tested = new LinearCase(
                            random,
                            shape[0],
                            shape[1],
                            shape[2],
                            shape[3],
                            type,
                            share,
                            LinearCase.Values.SPIKES,
                            true,
                            false);
                    assertRight(layer, tested, share + " set");
                }
            }
        }
    }

    /** More blocks than a word has bits, the last of them not whole. */
    @Test
    @Tag("narrow")
    void addsManyBlocksByTheTree() {
        LinearCase tested = new LinearCase(
                Seeds.random(Seeds.of(0)),
                2,
                67 * 32 + 5,
                9,
                17,
                DType.BIT,
                0.3,
                LinearCase.Values.SPIKES,
                true,
                false);
        for (int threads = 1; threads <= 3; threads++) {
            assertRight(tested, threads, threads + " threads");
        }
    }

    /** More inputs, steps, rows and outputs than are worked on at a time. */
    @ParameterizedTest
    @ValueSource(strings = {"1,5,9000,30", "300,33,20,24", "1,3000,20,20", "2,35,9,2100"})
    @Tag("narrow")
    void sumsOfManyTerms(String extents) {
        int[] shape = extents(extents);
        RandomGenerator random = Seeds.random(Seeds.of(0));
        try (SpikeLinear layer = open(2)) {
            for (double share : new double[] {0.1, 0.95}) {
                for (LinearCase.Values values : LinearCase.Values.values()) {
                    LinearCase tested = new LinearCase(
                            random, shape[0], shape[1], shape[2], shape[3], DType.F32, share, values, true, false);
                    assertRight(layer, tested, share + " set, " + values);
                }
            }
        }
    }

    private static int[] extents(String text) {
        return Arrays.stream(text.split(",")).mapToInt(Integer::parseInt).toArray();
    }

    /** A part of the batch that is a subtree has its gradient to itself: the whole is the sum of such parts. */
    @Test
    void gradientsOfPartsOfABatchAddUp() {
        LinearCase whole = new LinearCase(
                Seeds.random(Seeds.of(0)), 1, 96, 40, 33, DType.F32, 0.3, LinearCase.Values.NUMBERS, true, false);
        try (SpikeLinear layer = open(2)) {
            float[] sum = new float[40 * 33];
            for (int[] rows : new int[][] {{0, 64}, {64, 96}}) {
                Tensor input =
                        Tensor.of(Arrays.copyOfRange(whole.x, rows[0] * 40, rows[1] * 40), 1, rows[1] - rows[0], 40);
                Tensor gradOutput = Tensor.of(
                        Arrays.copyOfRange(whole.gradOutput, rows[0] * 33, rows[1] * 33), 1, rows[1] - rows[0], 33);
                Tensor gradWeights = Tensor.zeros(DType.F32, 40, 33);
                layer.backward(
                        new LinearBackward(new LinearForward().input(input).weights(Tensor.of(whole.weights, 40, 33)))
                                .gradOutput(gradOutput)
                                .gradWeights(gradWeights));
                for (int i = 0; i < sum.length; i++) {
                    sum[i] += gradWeights.getFloat(i);
                }
            }
            Result.Bits.assertSame(whole.expected().floats("gradWeights"), sum, "two parts");
        }
    }

    /** What is not a number stays in the outputs that it feeds: a weight of an input without a spike feeds none. */
    @Test
    @Tag("narrow")
    void weightsOfSilentInputsFeedNothing() {
        float[] weights = new float[K * M];
        Arrays.fill(weights, 0, 3 * M, Float.NaN);
        weights[3 * M] = Float.POSITIVE_INFINITY;
        for (float silent : new float[] {0f, -0f}) {
            float[] x = new float[K];
            Arrays.fill(x, 1f);
            Arrays.fill(x, 0, 3, silent);
            float[] expected = new float[M];
            expected[0] = Float.POSITIVE_INFINITY;
            try (SpikeLinear layer = open(1)) {
                Tensor output = Tensor.zeros(DType.F32, 1, 1, M);
                layer.forward(new LinearForward()
                        .input(Tensor.of(x, 1, 1, K))
                        .weights(Tensor.of(weights, K, M))
                        .output(output));
                Result.Bits.assertSame(expected, output.toFloatArray(), "silent inputs of " + silent);
            }
        }
    }

    /** A bias of -0 stays what it is where nothing is added, whatever the weights of inputs that are 0. */
    @Test
    @Tag("narrow")
    void silentInputsChangeNoSign() {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        for (double share : new double[] {0, 0.5, 0.97}) {
            for (LinearCase.Values values : LinearCase.Values.values()) {
                LinearCase tested = new LinearCase(random, 2, 37, 96, 130, DType.F32, share, values, true, false);
                Arrays.fill(tested.bias, -0f);
                for (int i = 0; i < tested.weights.length; i++) {
                    tested.weights[i] = i % 3 == 0 ? -0f : tested.weights[i] * 1e-30f;
                }
                assertRight(tested, 2, share + " set, " + values);
            }
        }
    }

    /**
     * Numbers that are none, infinite or -0, in weights, gradients and bias, meet only what counts, however few inputs are silent: past some
     * share a backend takes them all.
     */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"BIT", "U8", "F32"})
    @Tag("narrow")
    void oddNumbersMeetOnlyWhatCounts(DType type) {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        float[] odd = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -0f, Float.MIN_VALUE};
        try (SpikeLinear layer = open(2)) {
            for (int[] shape : new int[][] {{2, 37, 300, 130}, {1, 70, 1200, 20}, {3, 33, 90, 7}}) {
                for (double share : new double[] {0.5, 0.72, 0.93, 0.99}) {
                    for (LinearCase.Values values : LinearCase.Values.values()) {
                        if (type != DType.F32 && values != LinearCase.Values.SPIKES) {
                            continue;
                        }
                        LinearCase tested = new LinearCase(
                                random, shape[0], shape[1], shape[2], shape[3], type, share, values, true, false);
                        for (float[] numbers : List.of(tested.weights, tested.gradOutput, tested.bias)) {
                            for (int i = 0; i < numbers.length; i++) {
                                if (random.nextInt(400) == 0) {
                                    numbers[i] = odd[random.nextInt(odd.length)];
                                }
                            }
                        }
                        assertRight(layer, tested, share + " set, " + values);
                    }
                }
            }
        }
    }

    /** Rows of all kinds beside each other: without a spike, full, and with numbers that are none, each as if it were alone. */
    @Test
    @Tag("narrow")
    void rowsDoNotMindEachOther() {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        LinearCase tested = new LinearCase(random, 2, 70, 200, 70, DType.F32, 1, LinearCase.Values.SPIKES, true, false);
        for (int row = 0; row < 140; row++) {
            for (int k = 0; k < 200; k++) {
                tested.x[row * 200 + k] = switch (row % 7) {
                    case 0 -> 0f;
                    case 1 -> 1f;
                    case 2 -> random.nextInt(8) == 0 ? 1f : 0f;
                    case 3 -> (float) random.nextGaussian();
                    case 4 -> k == 150 ? Float.NaN : 1f;
                    case 5 -> k == 150 ? 0f : (float) random.nextGaussian();
                    default -> k > 100 ? 1f : -0f;
                };
            }
        }
        for (int threads = 1; threads <= 3; threads++) {
            assertRight(tested, threads, threads + " threads");
        }
    }

    /** A layer that has run one shape runs another as a new one would. */
    @Test
    void keepsNothingBetweenCalls() {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        try (SpikeLinear layer = open(3)) {
            for (int i = 0; i < 40; i++) {
                assertRight(layer, LinearCase.random(random), "call " + i);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Memory.Kind.class)
    void takesAnyMemory(Memory.Kind kind) {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        try (SpikeLinear layer = open(2)) {
            for (DType type : DType.SPIKES) {
                LinearCase tested =
                        new LinearCase(random, 2, 50, 90, 77, type, 0.2, LinearCase.Values.SPIKES, true, false);
                tested.run(layer, kind, LinearCase.EVERYTHING).assertSameBits(tested.expected(), kind + ": " + tested);
            }
        }
    }

    /** A batch or a layer of nothing: empty sums are 0, the output is the bias. */
    @ParameterizedTest
    @ValueSource(strings = {"0,3,4,5", "2,0,4,5", "2,3,0,5", "2,3,4,0", "0,0,0,0", "1,40,0,3", "0,40,4,3"})
    void nothingIsNoFault(String extents) {
        int[] shape =
                Arrays.stream(extents.split(",")).mapToInt(Integer::parseInt).toArray();
        for (DType type : DType.SPIKES) {
            for (boolean shared : new boolean[] {false, true}) {
                LinearCase tested = new LinearCase(
                        Seeds.random(Seeds.of(0)),
                        shape[0],
                        shape[1],
                        shape[2],
                        shape[3],
                        type,
                        0.5,
                        LinearCase.Values.SPIKES,
                        true,
                        shared);
                assertRight(tested, 2, extents);
            }
        }
    }

    /** Huge extents beside an empty one are multiplied nowhere. */
    @Test
    void refusesExtentsThatPassEveryNumber() {
        try (SpikeLinear layer = open(1)) {
            LinearForward call = new LinearForward()
                    .input(Tensor.zeros(DType.U8, 0, 1L << 40, 1L << 20))
                    .weights(Tensor.zeros(DType.F32, 1 << 20, 0))
                    .output(Tensor.zeros(DType.F32, 0, 1L << 40, 0));
            assertThatThrownBy(() -> layer.forward(call))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("input: ");
        }
    }

    /** A valid call of each kind, for a case to spoil. */
    private static final class Call implements AutoCloseable {
        final Memory memory = new Memory(Memory.Kind.ARRAY_SLICES);
        final LinearForward forward = new LinearForward()
                .input(Tensor.zeros(DType.BIT, T, B, K))
                .weights(Tensor.zeros(DType.F32, K, M))
                .bias(Tensor.zeros(DType.F32, M))
                .output(memory.poisoned(DType.F32, T, B, M));
        final LinearBackward backward = new LinearBackward(forward)
                .gradOutput(Tensor.zeros(DType.F32, T, B, M))
                .gradWeights(memory.poisoned(DType.F32, K, M))
                .gradBias(memory.poisoned(DType.F32, M))
                .gradInput(memory.poisoned(DType.F32, T, B, K));
        final List<Tensor> outputs = new ArrayList<>(
                List.of(forward.output(), backward.gradWeights(), backward.gradBias(), backward.gradInput()));

        @Override
        public void close() {
            memory.close();
        }
    }

    private static Tensor readOnly(long... shape) {
        return Tensor.of(DType.F32, f32(shape).segment().asReadOnly(), shape);
    }

    /** Memory of a device that this one can't reach, at an address of nobody's. */
    @SuppressWarnings("restricted")
    private static Tensor far(DType type, long... shape) {
        MemorySegment memory = MemorySegment.ofAddress(4096).reinterpret(Tensor.byteSize(type, shape));
        return Tensor.on(Device.of("elsewhere:0"), type, memory, shape);
    }

    /** Faults of what both calls read. */
    private static List<Refusal<Call>> ofBoth() {
        return List.of(
                refusal("an input of rank 2", "input: ", call -> call.forward.input(f32(T * B, K))),
                refusal(
                        "an input of whole numbers",
                        "input: ",
                        call -> call.forward.input(Tensor.zeros(DType.I64, T, B, K))),
                refusal("an input of other length", "weights: ", call -> call.forward.input(f32(T, B, K + 1))),
                refusal("weights of rank 1", "weights: ", call -> call.forward.weights(f32(K * M))),
                refusal("transposed weights", "weights: ", call -> call.forward.weights(f32(M, K))),
                refusal("weights as bytes", "weights: ", call -> call.forward.weights(Tensor.zeros(DType.U8, K, M))),
                refusal("a bias of other length", "bias: ", call -> call.forward.bias(f32(M + 1))),
                refusal("a bias of rank 2", "bias: ", call -> call.forward.bias(f32(1, M))),
                refusal(
                        "an input elsewhere",
                        "input: got memory of elsewhere:0",
                        call -> call.forward.input(far(DType.BIT, T, B, K))),
                refusal(
                        "weights elsewhere",
                        "weights: got memory of elsewhere:0",
                        call -> call.forward.weights(far(DType.F32, K, M))),
                new Refusal<>(
                        "weights of a closed arena",
                        IllegalStateException.class,
                        "weights: ",
                        call -> call.forward.weights(ofAClosedArena(K, M))),
                new Refusal<>(
                        "weights of another thread",
                        WrongThreadException.class,
                        "weights: ",
                        call -> call.forward.weights(ofAnotherThread(K, M))),
                new Refusal<>(
                        "an input of a closed arena",
                        IllegalStateException.class,
                        "input: ",
                        call -> call.forward.input(ofAClosedArena(T, B, K))));
    }

    private static List<Refusal<Call>> ofForward() {
        return List.of(
                refusal("no output", "output: ", call -> call.forward.output(null)),
                refusal("an output of other shape", "output: ", call -> call.forward.output(f32(T, M, B))),
                refusal("an output as bytes", "output: ", call -> call.forward.output(Tensor.zeros(DType.U8, T, B, M))),
                refusal("a read-only output", "output: ", call -> call.forward.output(readOnly(T, B, M))),
                refusal(
                        "an output elsewhere",
                        "output: got memory of elsewhere:0",
                        call -> call.forward.output(far(DType.F32, T, B, M))),
                refusal(
                        "an output over the weights",
                        "output: its memory overlaps that of weights",
                        call -> call.forward
                                .input(Tensor.zeros(DType.BIT, T, B, 1))
                                .weights(Tensor.of(
                                        DType.F32,
                                        call.forward.output().segment().asSlice(4L * M, 4L * M),
                                        1,
                                        M))),
                refusal(
                        "an output over the bias",
                        "output: its memory overlaps that of bias",
                        call -> call.forward.bias(Tensor.of(
                                DType.F32, call.forward.output().segment().asSlice(0, 4L * M), M))),
                refusal(
                        "a bias elsewhere",
                        "bias: got memory of elsewhere:0",
                        call -> call.forward.bias(far(DType.F32, M))),
                new Refusal<>(
                        "an output of another thread",
                        WrongThreadException.class,
                        "output: ",
                        call -> call.forward.output(ofAnotherThread(T, B, M))),
                new Refusal<>(
                        "a bias of a closed arena",
                        IllegalStateException.class,
                        "bias: ",
                        call -> call.forward.bias(ofAClosedArena(M))));
    }

    private static List<Refusal<Call>> ofBackward() {
        return List.of(
                refusal("a gradient of other steps", "gradOutput: ", call -> call.backward.gradOutput(f32(2, B, M))),
                refusal(
                        "a gradient as bytes",
                        "gradOutput: ",
                        call -> call.backward.gradOutput(Tensor.zeros(DType.U8, T, B, M))),
                refusal(
                        "a gradient elsewhere",
                        "gradOutput: got memory of elsewhere:0",
                        call -> call.backward.gradOutput(far(DType.F32, T, B, M))),
                refusal(
                        "transposed gradients of weights",
                        "gradWeights: ",
                        call -> call.backward.gradWeights(f32(M, K))),
                refusal(
                        "gradients of weights as bytes",
                        "gradWeights: ",
                        call -> call.backward.gradWeights(Tensor.zeros(DType.U8, K, M))),
                refusal(
                        "gradients of weights over the weights",
                        "gradWeights: its memory overlaps that of weights",
                        call -> call.backward.gradWeights(call.forward.weights())),
                refusal(
                        "read-only gradients of weights",
                        "gradWeights: ",
                        call -> call.backward.gradWeights(readOnly(K, M))),
                refusal(
                        "a gradient of the bias of other length",
                        "gradBias: ",
                        call -> call.backward.gradBias(f32(M - 1))),
                refusal(
                        "gradients of the bias over those of the weights",
                        "gradBias: its memory overlaps",
                        call -> call.backward.gradBias(Tensor.of(
                                DType.F32, call.backward.gradWeights().segment().asSlice(0, 4L * M), M))),
                refusal(
                        "a gradient of the input of the output's shape",
                        "gradInput: ",
                        call -> call.backward.gradInput(f32(T, B, M))),
                refusal(
                        "a gradient of the input as bits",
                        "gradInput: ",
                        call -> call.backward.gradInput(Tensor.zeros(DType.BIT, T, B, K))),
                new Refusal<>(
                        "a gradient of a closed arena",
                        IllegalStateException.class,
                        "gradOutput: ",
                        call -> call.backward.gradOutput(ofAClosedArena(T, B, M))),
                new Refusal<>(
                        "gradients of weights of another thread",
                        WrongThreadException.class,
                        "gradWeights: ",
                        call -> call.backward.gradWeights(ofAnotherThread(K, M))));
    }

    @TestFactory
    Stream<DynamicTest> refusesBeforeItWrites() {
        return Stream.of(
                        Stream.concat(ofBoth().stream(), ofForward().stream())
                                .map(refusal -> dynamicTest(
                                        "forward: " + refusal.name(),
                                        () -> assertRefused(refusal, (layer, call) -> layer.forward(call.forward)))),
                        Stream.concat(ofBoth().stream(), ofBackward().stream())
                                .map(refusal -> dynamicTest(
                                        "backward: " + refusal.name(),
                                        () -> assertRefused(refusal, (layer, call) -> layer.backward(call.backward)))))
                .flatMap(tests -> tests);
    }

    private interface Run {
        void run(SpikeLinear layer, Call call);
    }

    private void assertRefused(Refusal<Call> refusal, Run run) throws Exception {
        try (SpikeLinear layer = open(2);
                Call call = new Call()) {
            refusal.spoiler().spoil(call);
            assertThatThrownBy(() -> run.run(layer, call))
                    .isExactlyInstanceOf(refusal.type())
                    .hasMessageStartingWith(refusal.message());
            call.outputs.forEach(Memory::assertPoisoned);
            call.memory.assertGuardsIntact();
        }
        // Spoiling is what made it fail.
        try (SpikeLinear layer = open(2);
                Call call = new Call()) {
            run.run(layer, call);
        }
    }

    @Test
    void refusesWhatIsMissing() {
        try (SpikeLinear layer = open(1)) {
            assertThatThrownBy(() -> layer.forward(new LinearForward()))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("input: ");
            LinearForward forward = new LinearForward().input(f32(T, B, K));
            assertThatThrownBy(() -> layer.forward(forward))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("weights: ");
            assertThatThrownBy(() -> layer.backward(new LinearBackward(forward.weights(f32(K, M)))))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("gradOutput: ");
            assertThatThrownBy(() -> new LinearForward().input())
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("input: ");
            assertThatThrownBy(() -> new LinearForward().outputs())
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("weights: ");
            assertThatThrownBy(() -> new LinearBackward(forward).gradOutput())
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("gradOutput: ");
        }
    }

    /** A description is checked again after a change, the forward one's under a backward one, too. */
    @Test
    void changesAreNoticed() {
        try (SpikeLinear layer = open(1);
                Call call = new Call()) {
            layer.forward(call.forward);
            layer.backward(call.backward);
            call.forward.weights(f32(K, M + 1));
            assertThatThrownBy(() -> layer.backward(call.backward))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("bias: ");
            call.forward.bias(null);
            assertThatThrownBy(() -> layer.backward(call.backward))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("gradOutput: ");
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Memory.Kind.class,
            names = {"ARRAYS", "ALIGNED"})
    @Timeout(120)
    void allocatesNothing(Memory.Kind kind) {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        try (SpikeLinear layer = open(2);
                Memory memory = new Memory(kind)) {
            for (DType type : DType.SPIKES) {
                for (double share : new double[] {0.13, 1}) {
                    LinearCase tested =
                            new LinearCase(random, 2, 33, 70, 40, type, share, LinearCase.Values.SPIKES, true, false);
                    LinearForward forward = tested.forward(memory);
                    LinearBackward backward = tested.backward(forward, memory, LinearCase.EVERYTHING);
                    long bytes = Allocation.perCall(30, () -> {
                        layer.forward(forward);
                        layer.backward(backward);
                    });
                    assertThat(bytes)
                            .as("bytes a call: %s, %s set", tested, share)
                            .isLessThanOrEqualTo(Allocation.NONE);
                }
            }
        }
    }

    /** Two calls at a time: one runs, the other is refused or waits for nothing. Layers of their own never mind each other. */
    @Test
    @Timeout(120)
    void callsAtTheSameTimeAreRefusedOrRight() throws Exception {
        LinearCase tested = new LinearCase(
                Seeds.random(Seeds.of(0)), 3, 40, 90, 70, DType.BIT, 0.3, LinearCase.Values.SPIKES, true, false);
        Result expected = tested.expected();
        AtomicInteger refused = new AtomicInteger();
        try (SpikeLinear shared = open(2);
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> calls = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                int count = 1 + i % 3;
                calls.add(threads.submit(() -> {
                    try (SpikeLinear own = open(count)) {
                        for (int round = 0; round < 5; round++) {
                            tested.run(own, Memory.Kind.SHARED, LinearCase.EVERYTHING)
                                    .assertSameBits(expected, "a layer of its own");
                            try {
                                tested.run(shared, Memory.Kind.SHARED, LinearCase.EVERYTHING)
                                        .assertSameBits(expected, "a shared layer");
                            } catch (IllegalStateException busy) {
                                assertThat(busy).hasMessageStartingWith("this linear layer is in a call; ");
                                refused.incrementAndGet();
                            }
                        }
                    }
                }));
            }
            for (Future<?> call : calls) {
                call.get();
            }
            assertRight(shared, tested, refused + " calls refused before");
        }
    }

    /** Waits for the call that runs, on whatever thread, and refuses those that come later. */
    @Test
    @Timeout(120)
    void closingWaitsForACall() throws Exception {
        LinearCase tested = new LinearCase(
                Seeds.random(Seeds.of(0)), 2, 40, 90, 70, DType.BIT, 0.3, LinearCase.Values.SPIKES, true, false);
        try (Memory memory = new Memory(Memory.Kind.ALIGNED)) {
            LinearForward forward = tested.forward(memory);
            LinearBackward backward = tested.backward(forward, memory, LinearCase.EVERYTHING);
            for (int round = 0; round < 10; round++) {
                SpikeLinear layer = open(2);
                AtomicInteger calls = new AtomicInteger();
                CompletableFuture<Throwable> end = new CompletableFuture<>();
                Thread.ofPlatform().daemon().start(() -> {
                    try {
                        while (true) {
                            layer.forward(forward);
                            layer.backward(backward);
                            calls.incrementAndGet();
                        }
                    } catch (Throwable thrown) {
                        end.complete(thrown);
                    }
                });
                while (calls.get() < 1 + round % 3 && !end.isDone()) {
                    Thread.onSpinWait();
                }
                layer.close();
                layer.close();
                assertThat(end.get(60, TimeUnit.SECONDS))
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessage("this linear layer is closed");
                assertThat(layer).hasToString("SpikeLinear[" + device + ", closed]");
            }
        }
    }

    @Test
    @Timeout(120)
    void reclaimsWhatIsForgotten() throws Exception {
        List<WeakReference<SpikeLinear>> forgotten = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            SpikeLinear layer = open(2);
            layer.forward(
                    new LinearForward().input(f32(T, B, K)).weights(f32(K, M)).output(f32(T, B, M)));
            forgotten.add(new WeakReference<>(layer));
        }
        while (forgotten.stream().anyMatch(reference -> reference.get() != null)) {
            System.gc();
            Thread.sleep(10);
        }
    }

    @Test
    void saysWhatItIs() {
        try (SpikeLinear layer = open(2)) {
            assertThat(layer.device()).isEqualTo(device);
            assertThat(layer).hasToString("SpikeLinear[" + device + "]");
            assertThat(layer.description()).contains(device.kind().equals("cpu") ? "thread" : "CUDA");
            LinearForward forward =
                    new LinearForward().input(Tensor.zeros(DType.BIT, T, B, K)).weights(f32(K, M));
            assertThat(forward).hasToString("LinearForward[input=BIT[3, 2, 70], weights=F32[70, 5]]");
            assertThat(new LinearBackward(forward).gradOutput(f32(1, B, M)).gradBias(f32(M)))
                    .hasToString("LinearBackward[gradOutput=F32[1, 2, 5], gradBias=F32[5], forward=" + forward + "]");
            assertThat(List.of(forward.steps(), forward.batch(), forward.inputs(), forward.outputs()))
                    .containsExactly(3L, 2L, 70L, 5L);
        }
    }
}
