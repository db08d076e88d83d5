// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.Trace;

/**
 * What every backend computes: the golden cases, and for any configuration, shape, split, memory and number of threads the same
 * bits as {@code cpu:scalar} on one thread, which is docs/model.md written out.
 */
abstract class KernelContract {
    private static final Device ORACLE = Device.of("cpu:scalar");
    private static final KernelOptions ONE_THREAD = KernelOptions.defaults().withThreads(1);
    private static final int SMALL = 4_000;
    private static final Predicate<String> EVERYTHING = _ -> true;

    private final Device device;

    KernelContract(String device) {
        this.device = Device.of(device);
    }

    Kernel open(NeuronConfig config, int threads) {
        return Kernel.open(config, device, KernelOptions.defaults().withThreads(threads));
    }

    @TestFactory
    @Tag("narrow")
    Stream<DynamicTest> agreesWithGoldenCases() throws IOException {
        GoldenVerifier verifier =
                new GoldenVerifier(device, KernelOptions.defaults().withThreads(2));
        return Golden.files().stream()
                .map(file -> dynamicTest(file.getFileName().toString(), () -> {
                    GoldenResult result = verifier.verify(file);
                    assertThat(result.outcome()).as(result.toLine()).isEqualTo(GoldenResult.Outcome.PASSED);
                }));
    }

    /**
     * Everything a call can write, over random configurations and shapes, with both kinds of tape. The second run asks for a
     * random part of the results, which must not change what is left.
     */
    @TestModel.Each
    @Tag("narrow")
    void hasTheOraclesBits(TestModel model) {
        for (int i = 0; i < Seeds.cases(200); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            Scenario scenario = Scenario.random(random, config, i % 15 == 14 ? 60_000 : SMALL);
            int threads = 1 + random.nextInt(4);
            String context = Seeds.replay(seed) + " on " + device + " with " + threads + " threads: " + scenario;
            Result expected = oracle(scenario);
            long part = random.nextLong();
            try (Kernel kernel = open(config, threads)) {
                scenario.run(kernel, Tape.Mode.VOLTAGE).assertSameBits(expected, context);
                scenario.run(kernel, Tape.Mode.COMPACT, Memory.Kind.ARRAYS, name -> chosen(part, name))
                        .assertSameBits(expected, "a part of the results; " + context);
                scenario.run(kernel, null, Memory.Kind.ARRAYS, name -> chosen(~part, name))
                        .assertSameBits(expected, "the other part, without a tape; " + context);
            }
        }
    }

    /** Every way to decide, at the defaults otherwise. */
    @TestModel.Each
    @Tag("narrow")
    void hasTheOraclesBitsInEveryMode(TestModel model) {
        int index = 0;
        for (NeuronConfig config : model.modes()) {
            long seed = Seeds.of(1_000_000 + index++);
            Scenario scenario = Scenario.random(Seeds.random(seed), config, new Shape(9, 2, 33));
            try (Kernel kernel = open(config, 1)) {
                scenario.run(kernel, Tape.Mode.VOLTAGE).assertSameBits(oracle(scenario), seed + ": " + scenario);
            }
        }
    }

    /** A kernel that has run one shape runs another as a new kernel would. */
    @TestModel.Each
    void keepsNothingBetweenCalls(TestModel model) {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        NeuronConfig config = model.defaults();
        try (Kernel kernel = open(config, 3)) {
            for (Shape shape : List.of(
                    new Shape(70, 3, 257),
                    new Shape(3, 1, 5),
                    new Shape(130, 2, 64),
                    new Shape(0, 2, 3),
                    new Shape(1, 5, 33))) {
                Scenario scenario = Scenario.random(random, config, shape);
                scenario.run(kernel, Tape.Mode.COMPACT).assertSameBits(oracle(scenario), shape.toString());
            }
        }
    }

    /** Few neurons over many steps: a backend may cut its tiles small to give every thread one, wherever a tape's blocks end. */
    @TestModel.Each
    void sharesFewNeuronsAmongThreads(TestModel model) {
        NeuronConfig config = model.defaults();
        for (int neurons : List.of(1, 64, 65, 128, 130, 192, 256, 257, 325, 600)) {
            Scenario scenario = Scenario.random(Seeds.random(Seeds.of(neurons)), config, new Shape(70, 1, neurons));
            Result expected = oracle(scenario);
            for (int threads = 1; threads <= 5; threads++) {
                try (Kernel kernel = open(config, threads)) {
                    String context = neurons + " neurons on " + threads + " threads";
                    scenario.run(kernel, Tape.Mode.VOLTAGE).assertSameBits(expected, context);
                    scenario.run(kernel, Tape.Mode.COMPACT).assertSameBits(expected, context + ", compact");
                }
            }
        }
    }

    @Test
    void lentDrawsGiveWhatOwnDrawsGive() {
        for (int i = 0; i < Seeds.cases(12); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            QlifConfig.Readout readout = i % 2 == 0 ? QlifConfig.Readout.MULTI_QUBIT : QlifConfig.Readout.SINGLE_QUBIT;
            QlifConfig config = RandomConfigs.next(random, device).toBuilder()
                    .decision(QlifConfig.Decision.QUBIT)
                    .qubit(qubit -> qubit.withReadout(readout))
                    .build();
            Scenario own = Scenario.random(random, config, SMALL).withRowIndex(null);
            try (Kernel kernel = open(config, 2)) {
                Scenario lent = own.lendingDraws(kernel);
                lent.run(kernel, Tape.Mode.COMPACT).assertSameBits(oracle(own), Seeds.replay(seed) + ": " + own);
            }
        }
    }

    /** A run of T steps, and any split of it, one-step streaming among them. */
    @TestModel.Each
    @Tag("narrow")
    void splitsOverTime(TestModel model) {
        for (int i = 0; i < Seeds.cases(16); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            boolean streaming = i % 4 == 3;
            Shape shape = streaming
                    ? new Shape(70, 1, 17)
                    : new Shape((int) RandomConfigs.pick(random, 2L, 65L, 130L), 1 + random.nextInt(2), (int)
                            RandomConfigs.pick(random, 1L, 16L, 65L));
            Scenario whole = Scenario.random(random, config, shape);
            List<Integer> cuts = new ArrayList<>(List.of(0));
            while (cuts.getLast() < shape.steps()) {
                cuts.add(
                        streaming
                                ? cuts.getLast() + 1
                                : Math.min(shape.steps(), cuts.getLast() + 1 + random.nextInt(shape.steps())));
            }
            String context = Seeds.replay(seed) + " cut at " + cuts + ": " + whole;
            try (Kernel kernel = open(config, 2)) {
                assertSplitsOverTime(kernel, whole, cuts, context);
            }
        }
    }

    private void assertSplitsOverTime(Kernel kernel, Scenario whole, List<Integer> cuts, String context) {
        Result expected = oracle(whole);
        Shape shape = whole.shape();
        int count = cuts.size() - 1;
        // Forward, to know the state at each cut; then backward over the parts from the last to the first.
        List<float[][]> starts = new ArrayList<>();
        starts.add(whole.initial());
        for (int i = 0; i < count; i++) {
            Result part = whole.time(cuts.get(i), cuts.get(i + 1), starts.get(i), null)
                    .run(kernel, null);
            starts.add(whole.state(part, "final."));
        }
        float[][] adjoint = whole.gradFinal();
        List<Result> parts = new ArrayList<>();
        for (int i = count - 1; i >= 0; i--) {
            int t0 = cuts.get(i);
            int t1 = cuts.get(i + 1);
            Result part = whole.time(t0, t1, starts.get(i), adjoint).run(kernel, Tape.Mode.VOLTAGE);
            adjoint = whole.state(part, "grad.initial.");
            Result slice = slice(expected, shape, t0, t1, shape.allRows());
            boolean last = i == count - 1;
            boolean first = i == 0;
            part.assertSameBits(
                    slice,
                    name -> Scenario.isPerStep(name)
                            || (last && name.startsWith("final."))
                            || (first && name.startsWith("grad.initial.")),
                    "steps [" + t0 + ", " + t1 + "); " + context);
            parts.add(part);
        }
        assertParameterGradients(expected, parts, whole, context);
    }

    /** Row by row, each with its offset into the draws. */
    @TestModel.Each
    @Tag("narrow")
    void splitsOverBatch(TestModel model) {
        for (int i = 0; i < Seeds.cases(12); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            Shape shape = new Shape(
                    (int) RandomConfigs.pick(random, 1L, 3L, 66L), 5, (int) RandomConfigs.pick(random, 1L, 15L, 17L));
            Scenario whole = Scenario.random(random, config, shape);
            String context = Seeds.replay(seed) + ": " + whole;
            Result expected = oracle(whole);
            List<Result> parts = new ArrayList<>();
            try (Kernel kernel = open(config, 2)) {
                int from = 0;
                while (from < shape.batch()) {
                    int to = Math.min(shape.batch(), from + 1 + random.nextInt(3));
                    Result part = whole.rows(from, to).run(kernel, Tape.Mode.COMPACT);
                    part.assertSameBits(
                            slice(
                                    expected,
                                    shape,
                                    0,
                                    shape.steps(),
                                    IntStream.range(from, to).toArray()),
                            KernelContract::fallsApartByRow,
                            "rows [" + from + ", " + to + "); " + context);
                    parts.add(part);
                    from = to;
                }
            }
            assertParameterGradients(expected, parts, whole, context);
        }
    }

    /** Not sums; and rows of bits are packed over the batch and do not fall apart at its elements. */
    private static boolean fallsApartByRow(String name) {
        return !Scenario.isSum(name) && !name.equals(Result.spikes(DType.BIT));
    }

    /** A row draws by its index, wherever it stands: shuffled, in interleaved shards, twice. */
    @TestModel.Each
    @Tag("narrow")
    void rowsDrawByTheirIndex(TestModel model) {
        for (int i = 0; i < Seeds.cases(12); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            Shape shape = new Shape((int) RandomConfigs.pick(random, 1L, 3L, 66L), 6, (int)
                    RandomConfigs.pick(random, 1L, 16L, 17L, 65L));
            Scenario whole = Scenario.random(random, config, shape).withRowIndex(new long[] {0, 1, 2, 3, 4, 5});
            String context = Seeds.replay(seed) + ": " + whole;
            Result expected = oracle(whole.withRowIndex(null));
            try (Kernel kernel = open(config, 2)) {
                whole.run(kernel, Tape.Mode.COMPACT).assertSameBits(expected, "in order; " + context);
                for (int[] rows : new int[][] {{4, 2, 5, 0, 3, 1}, {0, 2, 4}, {1, 3, 5}, {3, 3}}) {
                    for (Tape.Mode mode : Tape.Mode.values()) {
                        whole.indexed(rows)
                                .run(kernel, mode)
                                .assertSameBits(
                                        slice(expected, shape, 0, shape.steps(), rows),
                                        KernelContract::fallsApartByRow,
                                        "rows " + Arrays.toString(rows) + ", " + mode + "; " + context);
                    }
                }
            }
        }
    }

    /** The number of an element is its row's index times N plus n, modulo 2^64: indices that are far apart can mean the same. */
    @Test
    void rowIndicesWrapAround() {
        QlifConfig config = QlifConfig.defaults();
        try (Kernel kernel = open(config, 2)) {
            for (int neurons : new int[] {16, 17, 65}) {
                Scenario plain = Scenario.random(Seeds.random(Seeds.of(neurons)), config, new Shape(66, 1, neurons));
                // Row 3, by the inverse of N's odd part modulo 2^64, or, where N is even, by its power of 2.
                BigInteger n = BigInteger.valueOf(neurons);
                BigInteger all = BigInteger.ONE.shiftLeft(64);
                long far = neurons % 2 == 0
                        ? all.divide(BigInteger.valueOf(Long.lowestOneBit(neurons)))
                                        .longValue()
                                + 3
                        : BigInteger.valueOf(3L * neurons + 1)
                                .multiply(n.modInverse(all))
                                .longValue();
                long element = far * neurons;
                assertThat(element).isEqualTo(neurons % 2 == 0 ? 3L * neurons : 3L * neurons + 1);
                Scenario near = plain.withRowIndex(null)
                        .withDraws(new DrawStream(plain.draws().seed(), plain.draws().stream(), element));
                plain.withRowIndex(new long[] {far})
                        .run(kernel, Tape.Mode.COMPACT)
                        .assertSameBits(oracle(near), "row " + Long.toUnsignedString(far) + " of " + neurons);
            }
            // The last rows of all: their elements run on into the first row's, which no element offset reaches.
            Scenario last = Scenario.random(Seeds.random(Seeds.of(0)), config, new Shape(66, 2, 17))
                    .withRowIndex(new long[] {-1, 0});
            last.run(kernel, Tape.Mode.COMPACT).assertSameBits(oracle(last), "rows 2^64 - 1 and 0");
        }
    }

    /** One gradient of the spike values for all steps counts as its copies would. */
    @TestModel.Each
    @Tag("narrow")
    void sharesAGradientOfTheSpikeValuesAmongSteps(TestModel model) {
        for (int i = 0; i < Seeds.cases(12); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            Shape shape = new Shape(
                    (int) RandomConfigs.pick(random, 2L, 64L, 67L), 2, (int) RandomConfigs.pick(random, 1L, 16L, 65L));
            float[] one = Scenario.gaussian(random, shape.elements(), 0, 1);
            float[] copies = new float[shape.size()];
            for (int k = 0; k < copies.length; k++) {
                copies[k] = one[k % one.length];
            }
            Scenario scenario = Scenario.random(random, config, shape).withGradSpikeValues(copies);
            Result expected = oracle(scenario);
            try (Kernel kernel = open(config, 2)) {
                for (Tape.Mode mode : Tape.Mode.values()) {
                    scenario.withGradSpikeValues(one)
                            .run(kernel, mode)
                            .assertSameBits(expected, mode + "; " + Seeds.replay(seed) + ": " + scenario);
                }
            }
        }
    }

    /** A state of one row starts all rows as its copies would. */
    @TestModel.Each
    @Tag("narrow")
    void startsAllRowsFromOneState(TestModel model) {
        for (int i = 0; i < Seeds.cases(12); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            Shape shape = new Shape((int) RandomConfigs.pick(random, 2L, 64L, 67L), random.nextInt(1, 6), (int)
                    RandomConfigs.pick(random, 1L, 16L, 65L, 130L));
            Scenario scenario = Scenario.random(random, config, shape);
            int variables = config.stateVariables().size();
            float[][] one = new float[variables][];
            float[][] copies = new float[variables][shape.elements()];
            for (int v = 0; v < variables; v++) {
                one[v] = Scenario.gaussian(random, shape.neurons(), 0.4, 0.2);
                for (int e = 0; e < copies[v].length; e++) {
                    copies[v][e] = one[v][e % shape.neurons()];
                }
            }
            Predicate<String> wanted = name -> !name.equals("grad.initial");
            String context = Seeds.replay(seed) + ": " + scenario;
            try (Kernel kernel = open(config, 2);
                    Kernel oracle = Kernel.open(config, ORACLE, ONE_THREAD)) {
                Scenario copied = scenario.time(0, shape.steps(), copies, scenario.gradFinal());
                Scenario shared = scenario.time(0, shape.steps(), one, scenario.gradFinal());
                for (Tape.Mode mode : Tape.Mode.values()) {
                    Result expected = copied.run(oracle, mode, Memory.Kind.ARRAYS, wanted);
                    Result result = shared.run(kernel, mode, Memory.Kind.ARRAYS, wanted);
                    result.assertSameBits(expected, mode + "; " + context);
                    assertThat(expected.values()).containsKey("grad.input");
                    if (shape.batch() > 1) {
                        assertThatThrownBy(() -> shared.run(kernel, mode, Memory.Kind.ARRAYS, name -> true))
                                .as(context)
                                .isInstanceOf(IllegalArgumentException.class)
                                .hasMessage("gradInitialState: given, expected none, since all " + shape.batch()
                                        + " rows of the forward run started from one state");
                    }
                }
            }
        }
    }

    /** The part of a whole run's result that a run of the part must give. */
    private static Result slice(Result whole, Shape shape, int t0, int t1, int[] rows) {
        Result part = new Result();
        whole.values().forEach((name, array) -> {
            if (array instanceof long[] words && name.equals(Result.spikes(DType.BIT))) {
                int perStep = words.length / shape.steps();
                part.put(name, Arrays.copyOfRange(words, t0 * perStep, t1 * perStep));
            } else if (array instanceof byte[] bytes) {
                float[] widened = new float[bytes.length];
                for (int i = 0; i < bytes.length; i++) {
                    widened[i] = bytes[i];
                }
                float[] cut = shape.slice(widened, t0, t1, rows);
                byte[] narrowed = new byte[cut.length];
                for (int i = 0; i < cut.length; i++) {
                    narrowed[i] = (byte) cut[i];
                }
                part.put(name, narrowed);
            } else if (array instanceof float[] floats && Scenario.isPerStep(name)) {
                part.put(name, shape.slice(floats, t0, t1, rows));
            } else if (array instanceof float[] floats && !Scenario.isSum(name)) {
                part.put(name, shape.oneStep().slice(floats, 0, 1, rows));
            } else {
                part.put(name, array);
            }
        });
        return part;
    }

    /**
     * Sums per part differ from the sum of the whole by rounding: float32 over at most 130 steps, 130·2⁻²⁴ = 8e-6 of the largest
     * partial sum. That one does not show; the parts' sums and the input's gradients, times tau/dt and the steps over which
     * the threshold hands adjoints on, bound it by about a thousand times themselves. This finds a part that counts twice or not
     * at all; the bits of each sum are held against the oracle elsewhere.
     */
    private static void assertParameterGradients(Result whole, List<Result> parts, Scenario scenario, String context) {
        for (float current : scenario.input()) {
            if (!(Math.abs(current) < 100)) {
                // Next to numbers that no network sends, partial sums have no bound worth testing.
                return;
            }
        }
        for (NeuronParameter parameter : scenario.config().parameters()) {
            String name = "grad.parameter." + parameter.symbol();
            float[] expected = whole.floats(name);
            double[] sum = new double[expected.length];
            double largest = 0;
            for (float gradient : whole.floats("grad.input")) {
                largest = Math.max(largest, Math.abs(gradient));
            }
            for (int i = 0; i < expected.length; i++) {
                double magnitude = 0;
                for (Result part : parts) {
                    sum[i] += part.floats(name)[i];
                    magnitude += Math.abs(part.floats(name)[i]);
                }
                largest = Math.max(largest, magnitude);
            }
            // Gradients that explode pass through partial sums far larger than anything that shows.
            for (int i = 0; largest < 1e4 && i < expected.length; i++) {
                assertThat(sum[i])
                        .as("%s[%d]; %s", name, i, context)
                        .isCloseTo(expected[i], within(1e-4 + 1e-2 * largest));
            }
        }
    }

    /**
     * A call's sums over the batch are those of calls on its blocks of 32 rows, added by the tree: docs/numerics.md. Batches at which blocks
     * begin and end, and of several levels.
     */
    @TestModel.Each
    @Tag("narrow")
    void addsBlocksOfRowsByATree(TestModel model) {
        List<Shape> shapes = new ArrayList<>();
        for (int batch : new int[] {1, 31, 32, 33, 64, 100, 129, 1000}) {
            shapes.add(new Shape(2, batch, 1));
            shapes.add(new Shape(2, batch, 7));
        }
        // More neurons than a sum over them has lanes.
        shapes.add(new Shape(2, 33, 300));
        shapes.add(new Shape(1, 129, 300));
        for (int i = 0; i < shapes.size(); i++) {
            long seed = Seeds.of(2_000_000 + i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            Scenario whole = Scenario.random(random, config, shapes.get(i));
            String context = Seeds.replay(seed) + " on " + device + ": " + whole;
            try (Kernel kernel = open(config, 2)) {
                Result result = whole.run(kernel, Tape.Mode.VOLTAGE);
                result.assertSameBits(oracle(whole), context);
                List<Result> blocks = new ArrayList<>();
                int batch = whole.shape().batch();
                for (int from = 0; from < batch; from += 32) {
                    blocks.add(whole.rows(from, Math.min(batch, from + 32)).run(kernel, Tape.Mode.VOLTAGE));
                }
                for (String name : result.values().keySet()) {
                    if (whole.isOverBatch(name)) {
                        Result.Bits.assertSame(sumByTree(blocks, name), result.floats(name), name + "; " + context);
                    }
                }
            }
        }
    }

    private static float[] sumByTree(List<Result> blocks, String name) {
        int count = blocks.size();
        if (count == 1) {
            return blocks.getFirst().floats(name).clone();
        }
        int split = Integer.highestOneBit(count - 1);
        float[] sum = sumByTree(blocks.subList(0, split), name);
        float[] rest = sumByTree(blocks.subList(split, count), name);
        for (int i = 0; i < sum.length; i++) {
            sum[i] += rest[i];
        }
        return sum;
    }

    /** Memory of every kind, with nothing around it touched. */
    @ParameterizedTest
    @EnumSource(Memory.Kind.class)
    void takesAnyMemory(Memory.Kind kind) {
        List<NeuronConfig> configs = List.of(
                QlifConfig.defaults(),
                QlifConfig.builder().decision(QlifConfig.Decision.SIGMOID).build(),
                QlifConfig.defaults(),
                QlifConfig.builder().decision(QlifConfig.Decision.SIGMOID).build(),
                LifConfig.defaults());
        for (int i = 0; i < configs.size(); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = configs.get(i);
            Scenario scenario = Scenario.random(random, config, SMALL);
            long[] rows = LongStream.range(0, scenario.shape().batch())
                    .map(b -> 7 - 5 * b)
                    .toArray();
            scenario = scenario.withRowIndex(i == 2 ? rows : null);
            try (Kernel kernel = open(config, 3)) {
                Scenario lent = i == 3 ? scenario.lendingDraws(kernel) : scenario;
                lent.run(kernel, Tape.Mode.VOLTAGE, kind, EVERYTHING)
                        .assertSameBits(oracle(scenario), Seeds.replay(seed) + " in " + kind + ": " + scenario);
            }
        }
    }

    @TestModel.Each
    void advancesAStateInPlace(TestModel model) {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        NeuronConfig config = model.defaults();
        Scenario scenario = Scenario.random(random, config, new Shape(70, 2, 65));
        Result expected = oracle(scenario);
        try (Kernel kernel = open(config, 2);
                Memory memory = new Memory(Memory.Kind.ARRAYS)) {
            Forward forward = scenario.forward(memory, EVERYTHING);
            if (forward.initialState() == null) {
                forward.initialState(State.initial(config, 2, 65).step(scenario.firstStep()));
            }
            forward.finalState(forward.initialState());
            kernel.forward(forward);
            for (StateVariable variable : config.stateVariables()) {
                Result.Bits.assertSame(
                        expected.floats("final." + variable.symbol()),
                        forward.finalState().get(variable).toFloatArray(),
                        variable.symbol());
            }
            assertThat(forward.finalState().step()).isEqualTo(scenario.firstStep() + 70);
        }
    }

    /** A tape holds its last run, and running again on it needs no new one. */
    @TestModel.Each
    void reusesATape(TestModel model) {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        NeuronConfig config = model.defaults();
        Shape shape = new Shape(65, 2, 33);
        try (Kernel kernel = open(config, 2);
                Memory memory = new Memory(Memory.Kind.ARRAYS);
                Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 65, 2, 33)) {
            for (int i = 0; i < 3; i++) {
                Scenario scenario = Scenario.random(random, config, shape);
                Forward forward = scenario.forward(memory, EVERYTHING).tape(tape);
                Backward backward = scenario.backward(forward, memory, EVERYTHING);
                kernel.forward(forward);
                // Twice: a backward run leaves the tape as it is.
                kernel.backward(backward);
                kernel.backward(backward);
                Result.Bits.assertSame(
                        oracle(scenario).floats("grad.input"),
                        backward.gradInput().toFloatArray(),
                        "run " + i);
            }
        }
    }

    /** The tape and the memory that the backward run works in are lent, whatever is in them, and exactly as large as asked. */
    @TestModel.Each
    void runsInLentMemory(TestModel model) {
        for (int i = 0; i < Seeds.cases(40); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            Scenario scenario = Scenario.random(random, config, SMALL);
            String context = Seeds.replay(seed) + " on " + device + ": " + scenario;
            Result expected = oracle(scenario);
            for (Tape.Mode mode : Tape.Mode.values()) {
                try (Kernel kernel = open(config, 1 + random.nextInt(4));
                        Room room = new Room(device);
                        Memory memory = new Memory(Memory.Kind.ALIGNED);
                        Tape tape = room.tape(kernel, mode, scenario.shape())) {
                    Forward forward = scenario.forward(memory, EVERYTHING).tape(tape);
                    Backward backward = room.scratch(kernel, scenario.backward(forward, memory, EVERYTHING));
                    // Again: nothing of a run may be expected to be left in either.
                    for (int run = 0; run < 2; run++) {
                        kernel.forward(forward);
                        kernel.backward(backward);
                    }
                    kernel.backward(backward.scratch(null));
                    kernel.backward(room.scratch(kernel, backward));
                    room.assertGuardsIntact();
                    memory.assertGuardsIntact();
                    scenario.collect(forward, backward).assertSameBits(expected, mode + "; " + context);
                }
            }
        }
    }

    /** What is asked for is what a tape of the kernel's own has, and enough is enough. */
    @ParameterizedTest
    @EnumSource(Tape.Mode.class)
    void tellsHowMuchToLend(Tape.Mode mode) {
        for (NeuronConfig config : everyKind()) {
            for (Shape shape : List.of(
                    new Shape(0, 2, 3),
                    new Shape(5, 0, 3),
                    new Shape(1, 1, 1),
                    new Shape(65, 3, 43),
                    new Shape(64, 1, 64))) {
                try (Kernel kernel = open(config, 2);
                        Room room = new Room(device);
                        Tape own = kernel.newTape(mode, shape.steps(), shape.batch(), shape.neurons());
                        Tape lent = room.tape(kernel, mode, shape)) {
                    assertThat(lent.byteSize()).as("%s, %s", config, shape).isEqualTo(own.byteSize());
                    assertThat(lent.mode()).isEqualTo(mode);
                }
            }
        }
    }

    /** Potentials, spike values and every trace that has the name of a state variable. */
    @TestModel.Each
    @Tag("narrow")
    void tracesEndInTheFinalState(TestModel model) {
        for (int i = 0; i < Seeds.cases(12); i++) {
            long seed = Seeds.of(i);
            RandomGenerator random = Seeds.random(seed);
            NeuronConfig config = model.random(random, device);
            int[] steps = {1, 63, 64, 65};
            Shape shape = new Shape(steps[i % steps.length], 1 + i % 3, 33);
            Scenario scenario = Scenario.random(random, config, shape);
            String context = Seeds.replay(seed) + ": " + scenario;
            try (Kernel kernel = open(config, 2)) {
                Result result = scenario.run(kernel, null);
                for (StateVariable variable : config.stateVariables()) {
                    String trace = switch (variable.symbol()) {
                        case "v" -> "voltages";
                        case "y" -> "spikeValues";
                        default -> "trace." + variable.symbol();
                    };
                    float[] rows = result.floats(trace);
                    Result.Bits.assertSame(
                            result.floats("final." + variable.symbol()),
                            Arrays.copyOfRange(rows, rows.length - shape.elements(), rows.length),
                            trace + "; " + context);
                }
            }
        }
    }

    /** A tape has what the backward run needs: the forward run's outputs may be gone by then. */
    @ParameterizedTest
    @EnumSource(Tape.Mode.class)
    void goesBackwardWithoutTheOutputsOfTheForwardRun(Tape.Mode mode) {
        RandomGenerator random = Seeds.random(Seeds.of(0));
        Shape shape = new Shape(70, 2, 33);
        for (NeuronConfig config : everyKind()) {
            Scenario scenario = Scenario.random(random, config, shape);
            try (Kernel kernel = open(config, 2);
                    Memory memory = new Memory(Memory.Kind.ARRAYS);
                    Tape tape = kernel.newTape(mode, shape.steps(), shape.batch(), shape.neurons())) {
                Forward forward = scenario.forward(memory, _ -> false).tape(tape);
                try (Arena arena = Arena.ofShared()) {
                    for (DType type : DType.SPIKES) {
                        forward.spikes(lent(arena, type, shape.extents()));
                    }
                    forward.spikeValues(lent(arena, DType.F32, shape.extents()));
                    forward.voltages(lent(arena, DType.F32, shape.extents()));
                    for (Trace trace : config.traces()) {
                        forward.trace(trace, lent(arena, DType.F32, shape.extents()));
                    }
                    List<Tensor> last = new ArrayList<>();
                    for (StateVariable _ : config.stateVariables()) {
                        last.add(lent(arena, DType.F32, shape.batch(), shape.neurons()));
                    }
                    forward.finalState(State.of(config, last));
                    kernel.forward(forward);
                }
                Backward backward = scenario.backward(forward, memory, EVERYTHING);
                kernel.backward(backward);
                Result expected = oracle(scenario);
                Result.Bits.assertSame(
                        expected.floats("grad.input"), backward.gradInput().toFloatArray(), scenario.toString());
                for (NeuronParameter parameter : config.parameters()) {
                    Result.Bits.assertSame(
                            expected.floats("grad.parameter." + parameter.symbol()),
                            backward.gradParameters().get(parameter).toFloatArray(),
                            parameter + "; " + scenario);
                }
                assertThatThrownBy(() -> kernel.forward(forward))
                        .as("the forward run itself writes them again")
                        .isExactlyInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("closed");
            }
        }
    }

    private static List<NeuronConfig> everyKind() {
        return TestModel.all()
                .<NeuronConfig>flatMap(model -> model.kinds().stream())
                .toList();
    }

    private static Tensor lent(Arena arena, DType type, long... shape) {
        return Tensor.of(type, arena.allocate(Tensor.byteSize(type, shape), 8), shape);
    }

    /** A type of spikes that was dropped is not written, the others are. */
    @TestModel.Each
    void dropsATypeOfSpikes(TestModel model) {
        NeuronConfig config = model.defaults();
        Scenario scenario = Scenario.healthy(config, new Shape(9, 2, 33));
        Result expected = oracle(scenario);
        for (DType dropped : DType.SPIKES) {
            try (Kernel kernel = open(config, 1);
                    Memory memory = new Memory(Memory.Kind.ARRAYS)) {
                Forward forward = scenario.forward(memory, EVERYTHING);
                Tensor untouched = forward.spikes(dropped);
                kernel.forward(forward);
                untouched.segment().fill(Memory.POISON);
                kernel.forward(forward.dropSpikes(dropped));
                assertThat(forward.spikes(dropped)).isNull();
                Memory.assertPoisoned(untouched);
                Result result = new Result();
                for (DType type : DType.SPIKES) {
                    if (type != dropped) {
                        result.put(Result.spikes(type), forward.spikes(type));
                    }
                }
                assertThat(result.values()).hasSize(2);
                result.assertSameBits(expected, "without spikes as " + dropped);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {20, 64, 100, 1000})
    void keepsTapesSmall(int steps) {
        long batch = 64;
        long neurons = 100;
        double neuronSteps = (double) steps * batch * neurons;
        try (Kernel kernel = open(QlifConfig.defaults(), 1);
                Tape voltage = kernel.newTape(Tape.Mode.VOLTAGE, steps, batch, neurons);
                Tape compact = kernel.newTape(Tape.Mode.COMPACT, steps, batch, neurons)) {
            assertThat(voltage.byteSize() / neuronSteps).isLessThanOrEqualTo(6);
            assertThat(compact.byteSize() / neuronSteps).isLessThanOrEqualTo(1);
        }
        for (NeuronConfig silent : List.of(
                QlifConfig.builder().noise(noise -> noise.withStd(0)).build(),
                QlifConfig.plainLif(),
                LifConfig.defaults())) {
            try (Kernel kernel = open(silent, 1);
                    Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, steps, batch, neurons)) {
                assertThat(tape.byteSize() / neuronSteps)
                        .as("without noise, " + silent.model())
                        .isLessThanOrEqualTo(1);
            }
        }
    }

    /** What is not a number in one neuron's input or upstream gradient stays in that neuron. */
    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 3e38f})
    void keepsOneNeuronsNonsenseThere(float nonsense) {
        int sick = 20;
        Shape shape = new Shape(67, 2, 37);
        for (NeuronConfig config : everyKind()) {
            Scenario healthy = Scenario.healthy(config, shape);
            Scenario ill = Scenario.healthy(config, shape);
            for (int t = 5; t < shape.steps(); t += 7) {
                for (int b = 0; b < shape.batch(); b++) {
                    int index = t * shape.elements() + b * shape.neurons() + sick;
                    ill.input()[index] = nonsense;
                    ill.gradSpikeValues()[index] = nonsense;
                }
            }
            try (Kernel kernel = open(config, 2)) {
                Result expected = healthy.run(kernel, Tape.Mode.COMPACT);
                Result actual = ill.run(kernel, Tape.Mode.COMPACT);
                // The sick neuron's own values are taken from the healthy run, so that the rest can be compared whole.
                actual.values().forEach((name, array) -> {
                    if (array instanceof float[] floats && floats.length >= shape.neurons()) {
                        for (int i = sick; i < floats.length; i += shape.neurons()) {
                            floats[i] = expected.floats(name)[i];
                        }
                    }
                });
                actual.assertSameBits(
                        expected,
                        name -> !name.equals(Result.spikes(DType.BIT)) && !name.equals(Result.spikes(DType.U8)),
                        nonsense + " in " + config);
            }
        }
    }

    /** A gap of exactly 0 is a spike of QLIF and none of LIF; what is no number is none of either, and stays. */
    @Test
    void decidesAtTheThresholdItself() {
        for (NeuronConfig config : List.of(QlifConfig.plainLif(), LifConfig.defaults())) {
            TestModel model = TestModel.of(config);
            NeuronParameter threshold = config.parameters().stream()
                    .filter(parameter -> parameter.symbol().equals("v_th"))
                    .findFirst()
                    .orElseThrow();
            // As many neurons as make whole vectors, some left over.
            int neurons = 67;
            Scenario scenario = Scenario.healthy(config, new Shape(1, 1, neurons));
            Arrays.fill(scenario.parameters().get(threshold.ordinal()), 0f);
            Arrays.fill(scenario.input(), 0f);
            scenario.input()[5] = Float.NaN;
            scenario.input()[66] = Math.nextUp(0f) * 0x1p40f;
            scenario.input()[65] = -scenario.input()[66];
            try (Kernel kernel = open(config, 1)) {
                Result result = scenario.run(kernel, Tape.Mode.COMPACT);
                byte[] spikes = result.bytes(Result.spikes(DType.U8));
                for (int n = 0; n < neurons; n++) {
                    boolean fires = n == 66 || (n != 5 && n != 65 && model == TestModel.QLIF);
                    assertThat(spikes[n]).as("%s, neuron %d", model, n).isEqualTo((byte) (fires ? 1 : 0));
                }
                assertThat(result.floats("voltages")[5]).isNaN();
            }
        }
    }

    /** docs/model.md, section 10: silent neurons come to rest at +0, at steps that are multiples of 64. */
    @TestModel.Each
    void bringsSilentNeuronsToRest(TestModel model) {
        NeuronConfig config = model.decaying();
        StateVariable membrane = config.stateVariables().getFirst();
        // By step 64, 0.95^64 has taken 1e-18 to 3.8e-20, and 0.9^64 to 1.2e-21, which is below 2^-64 = 5.4e-20; from
        // step 40 on it is not, even by 0.9^24.
        for (float start : new float[] {1e-18f, -1e-18f}) {
            float[] decaying = voltages(silent(config, 130, 0, membrane, start));
            assertThat(decaying[63]).isNotZero();
            assertAllPlusZero(decaying, 64, 130);
            float[] later = voltages(silent(config, 130, 40, membrane, start));
            assertThat(later[24]).as("too large at step 64").isNotZero();
            assertThat(later[87]).isNotZero();
            assertAllPlusZero(later, 88, 130);
        }
    }

    @TestModel.Each
    void flushesSmallStatesBeforeStepsThatAreMultiplesOf64(TestModel model) {
        NeuronConfig config = model.noiseless();
        for (StateVariable variable : config.stateVariables()) {
            if (model.unflushed().contains(variable)) {
                continue;
            }
            String name = "final." + variable.symbol();
            for (float small : new float[] {0x1p-65f, -0x1p-65f}) {
                for (long step : new long[] {0, 64, 128, 1L << 32}) {
                    Result.Bits.assertSame(
                            silent(config, 1, step, variable, 0f).floats(name),
                            silent(config, 1, step, variable, small).floats(name),
                            variable + " = " + small + " before step " + step);
                }
            }
        }
        // V is visible where the others could drown in what is added to them.
        StateVariable membrane = config.stateVariables().getFirst();
        assertThat(silent(config, 1, 65, membrane, 0x1p-65f).floats("final.v")[0])
                .as("a step that is no multiple of 64 flushes nothing")
                .isNotZero();
        assertThat(silent(config, 1, 64, membrane, 0x1p-64f).floats("final.v")[0])
                .as("2^-64 is not below 2^-64")
                .isNotZero();
    }

    /** S, M and y are not among what docs/model.md, section 10 lists: M shows itself, y through D. */
    @Test
    void keepsSmallModulationsAndSpikeValues() {
        QlifConfig config = QlifConfig.builder().noise(QlifConfig.Noise::off).build();
        assertThat(silent(config, 1, 64, QlifVariable.MODULATION, 0x1p-65f).floats("final.modulation")[0])
                .isEqualTo(0x1p-65f);
        assertThat(silent(config, 1, 64, QlifVariable.SPIKE_VALUE, 0x1p-65f).floats("final.dsp")[0])
                .isEqualTo((float) config.dynamicProbability().jump() * 0x1p-65f);
    }

    /** Each adjoint's own, and D's through which the last spike value's comes. */
    @TestModel.Each
    void flushesSmallAdjointsAtStepsThatAreMultiplesOf64(TestModel model) {
        for (StateVariable variable : model.defaults().stateVariables()) {
            if (!model.withoutGradient().contains(variable)) {
                for (float small : new float[] {0x1p-102f, -0x1p-102f}) {
                    assertThat(Float.floatToRawIntBits(adjoint(model, variable, 64, small)))
                            .as("bits of the adjoint of %s", variable)
                            .isZero();
                }
                assertThat(adjoint(model, variable, 65, 0x1p-102f))
                        .as("adjoint of %s at step 65", variable)
                        .isNotZero();
                assertThat(adjoint(model, variable, 64, 0x1p-98f))
                        .as("larger adjoint of %s", variable)
                        .isNotZero();
            }
        }
    }

    /** The gradient of {@code variable} before one step, after which its source has the gradient {@code upstream}. */
    private float adjoint(TestModel model, StateVariable variable, long step, float upstream) {
        NeuronConfig config = model.noiseless();
        Scenario start = silentScenario(config, 1, step, variable, variable.initialValue());
        float[][] gradFinal = new float[config.stateVariables().size()][1];
        gradFinal[model.gradientSource(variable).ordinal()][0] = upstream;
        try (Kernel kernel = open(config, 1)) {
            return start.time(0, 1, start.initial(), gradFinal)
                    .run(kernel, Tape.Mode.VOLTAGE)
                    .floats("grad.initial." + variable.symbol())[0];
        }
    }

    private Result silent(NeuronConfig config, int steps, long firstStep, StateVariable variable, float value) {
        try (Kernel kernel = open(config, 1)) {
            return silentScenario(config, steps, firstStep, variable, value).run(kernel, null);
        }
    }

    /** One neuron without input, at the model's initial state but for one variable. */
    private static Scenario silentScenario(
            NeuronConfig config, int steps, long firstStep, StateVariable variable, float value) {
        float[][] initial = new float[config.stateVariables().size()][];
        List<float[]> parameters = new ArrayList<>();
        for (StateVariable each : config.stateVariables()) {
            initial[each.ordinal()] = new float[] {each == variable ? value : each.initialValue()};
        }
        for (NeuronParameter parameter : config.parameters()) {
            parameters.add(new float[] {config.defaultValue(parameter)});
        }
        return new Scenario(
                config,
                new Shape(steps, 1, 1),
                new float[steps],
                parameters,
                null,
                null,
                null,
                new DrawStream(1, 0),
                null,
                firstStep,
                initial,
                null,
                null,
                null);
    }

    private static float[] voltages(Result result) {
        return result.floats("voltages");
    }

    private static void assertAllPlusZero(float[] values, int from, int to) {
        for (int i = from; i < to; i++) {
            assertThat(Float.floatToRawIntBits(values[i]))
                    .as("bits of V at %d", i)
                    .isZero();
        }
    }

    /** Descriptions run again allocate nothing. */
    @ParameterizedTest
    @EnumSource(Tape.Mode.class)
    void allocatesNothingInTheSteadyState(Tape.Mode mode) {
        for (NeuronConfig config : List.of(QlifConfig.defaults(), LifConfig.defaults())) {
            Scenario scenario = Scenario.healthy(config, new Shape(20, 2, 128)).withRowIndex(new long[] {5, 2});
            try (Kernel kernel = open(scenario.config(), 1);
                    Memory memory = new Memory(Memory.Kind.ALIGNED);
                    Tape tape = kernel.newTape(mode, 20, 2, 128);
                    Room room = new Room(device);
                    Tape lent = room.tape(kernel, mode, scenario.shape())) {
                for (boolean lends : new boolean[] {false, true}) {
                    Forward forward = scenario.forward(memory, EVERYTHING).tape(lends ? lent : tape);
                    Backward backward = scenario.backward(forward, memory, EVERYTHING);
                    if (lends) {
                        room.scratch(kernel, backward);
                    }
                    assertThat(Allocation.perCall(60, () -> kernel.forward(forward)))
                            .as("bytes a forward call, lends: %s, %s", lends, config)
                            .isLessThanOrEqualTo(Allocation.NONE);
                    assertThat(Allocation.perCall(60, () -> kernel.backward(backward)))
                            .as("bytes a backward call, lends: %s, %s", lends, config)
                            .isLessThanOrEqualTo(Allocation.NONE);
                }
            }
        }
    }

    static Result oracle(Scenario scenario) {
        try (Kernel kernel = Kernel.open(scenario.config(), ORACLE, ONE_THREAD)) {
            return scenario.run(kernel, Tape.Mode.VOLTAGE);
        }
    }

    /** Whether a random half of the results, of which {@code part} says which, has this name; inputs to others always. */
    private static boolean chosen(long part, String name) {
        return (part >>> (name.hashCode() & 63) & 1) == 1;
    }
}
