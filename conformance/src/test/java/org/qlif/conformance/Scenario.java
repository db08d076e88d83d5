// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.Trace;

/**
 * One forward and backward run, as plain arrays: what goes in. Immutable; {@link #time} and {@link #rows} cut parts out of it
 * that, run one by one, must give what the whole gives.
 *
 * @param parameters by ordinal, each of length 1 or N
 * @param modulation null for none
 * @param uniforms null to draw them; by (T, W, B, N)
 * @param normals null to draw them
 * @param rowIndex the index of each row in the whole batch; null for consecutive rows
 * @param initial the state before, by ordinal, (B, N) or (N) for one from which all rows start; null for the model's own
 * @param gradSpikeValues by (T, B, N), or by (B, N) for one that every step has; null for none
 * @param gradVoltages null for none
 * @param gradFinal by ordinal; null for none
 */
record Scenario(
        NeuronConfig config,
        Shape shape,
        float[] input,
        List<float[]> parameters,
        Shape.Modulation modulation,
        float[] uniforms,
        float[] normals,
        DrawStream draws,
        long[] rowIndex,
        long firstStep,
        float[][] initial,
        float[] gradSpikeValues,
        float[] gradVoltages,
        float[][] gradFinal) {

    /** The names of results whose values are sums over a whole call, which a split can only approximate. */
    static boolean isSum(String name) {
        return name.startsWith("grad.parameter.") || name.equals("grad.modulation");
    }

    /** Whether results of this name are sums over the rows of the batch. */
    boolean isOverBatch(String name) {
        if (!name.equals("grad.modulation")) {
            return isSum(name);
        }
        long[] extents = modulation.shape();
        return extents.length < 2 || extents[extents.length - 2] == 1;
    }

    /** Whether results of this name have the shape (T, B, N). */
    static boolean isPerStep(String name) {
        return name.startsWith("spikes.")
                || name.startsWith("trace.")
                || name.equals("spikeValues")
                || name.equals("voltages")
                || name.equals("grad.input");
    }

    /** A scenario whose parameters are all per neuron, so that no gradient is shared between neurons. */
    static Scenario healthy(NeuronConfig config, Shape shape) {
        RandomGenerator random = Seeds.random(7);
        TestModel model = TestModel.of(config);
        List<float[]> parameters = new ArrayList<>();
        for (NeuronParameter parameter : config.parameters()) {
            float[] values = new float[shape.neurons()];
            Arrays.fill(values, config.defaultValue(parameter));
            parameters.add(values);
        }
        return new Scenario(
                config,
                shape,
                gaussian(random, shape.size(), model.meanInput(), model.inputDeviation()),
                parameters,
                null,
                null,
                null,
                new DrawStream(3, 4),
                null,
                0,
                null,
                gaussian(random, shape.size(), 0, 1),
                gaussian(random, shape.size(), 0, 1),
                null);
    }

    /** A scenario for {@code config} of about {@code budget} neuron-steps at most, with awkward extents. */
    static Scenario random(RandomGenerator random, NeuronConfig config, int budget) {
        int[] neurons = {0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 257, 521};
        int[] steps = {0, 1, 2, 3, 20, 63, 64, 65, 130};
        int[] rows = {0, 1, 1, 2, 3, 5};
        while (true) {
            // The empty extents turn up, but not so often that they crowd out the rest.
            int n = neurons[random.nextInt(random.nextInt(8) == 0 ? 0 : 1, neurons.length)];
            int t = steps[random.nextInt(random.nextInt(8) == 0 ? 0 : 1, steps.length)];
            int b = rows[random.nextInt(random.nextInt(8) == 0 ? 0 : 1, rows.length)];
            if (t * b * n <= budget) {
                return random(random, config, new Shape(t, b, n));
            }
        }
    }

    /** A scenario of this shape in which neurons spike, adapt, and now and then see numbers that no network should send. */
    static Scenario random(RandomGenerator random, NeuronConfig config, Shape shape) {
        TestModel model = TestModel.of(config);
        float[] input = gaussian(random, shape.size(), model.meanInput(), model.inputDeviation());
        boolean nonsense = random.nextInt(8) == 0;
        if (nonsense) {
            float[] odd = {
                Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 1e38f, -1e38f, 1e-40f, -0f, 1e6f, -3e4f
            };
            for (int i = 0; i < input.length; i++) {
                if (random.nextInt(50) == 0) {
                    input[i] = odd[random.nextInt(odd.length)];
                }
            }
        }
        boolean initial = random.nextBoolean();
        boolean gradFinal = random.nextBoolean();
        float[][] state = initial ? state(random, config, shape.elements()) : null;
        if (nonsense && initial && shape.elements() > 0) {
            model.spoil(random, state);
        }
        long firstStep =
                RandomConfigs.pick(random, 0L, 0L, 1L, 2L, 5L, 40L, 63L, 64L, 65L, 127L, 1000L, (1L << 32) + 3);
        long element = RandomConfigs.pick(
                random,
                0L,
                0L,
                3L * shape.neurons(),
                4294967291L,
                4294967295L,
                8589934595L,
                (1L << 33) + 777,
                (1L << 45) - 5);
        Scenario scenario = new Scenario(
                config,
                shape,
                input,
                parameters(random, config, shape.neurons()),
                !config.acceptsModulation() || random.nextInt(3) == 0 ? null : modulation(random, shape),
                null,
                null,
                new DrawStream(random.nextLong(), random.nextInt(), element),
                null,
                firstStep,
                state,
                random.nextInt(4) == 0 ? null : gaussian(random, shape.size(), 0, 1),
                random.nextInt(4) == 0 ? null : gaussian(random, shape.size(), 0, 0.3),
                gradFinal ? gradients(random, config, shape.elements()) : null);
        if (random.nextInt(6) == 0) {
            scenario = scenario.withRowIndex(rowIndex(random, shape.batch()));
        }
        if (random.nextInt(6) == 0) {
            scenario = scenario.withGradSpikeValues(gaussian(random, shape.elements(), 0, 1));
        }
        return scenario;
    }

    /** Rows of anywhere, some of which wrap around. */
    private static long[] rowIndex(RandomGenerator random, int batch) {
        long[] rows = new long[batch];
        for (int b = 0; b < batch; b++) {
            rows[b] = RandomConfigs.pick(
                    random, b, batch - 1 - b, 3L * b + 1, -1L - b, 1L << 60, Long.MIN_VALUE, random.nextLong());
        }
        return rows;
    }

    private static List<float[]> parameters(RandomGenerator random, NeuronConfig config, int neurons) {
        List<float[]> parameters = new ArrayList<>();
        for (NeuronParameter parameter : config.parameters()) {
            float[] values = new float[random.nextBoolean() ? 1 : neurons];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) TestModel.of(config).parameter(random, config, parameter);
            }
            parameters.add(values);
        }
        return parameters;
    }

    private static Shape.Modulation modulation(RandomGenerator random, Shape shape) {
        long t = shape.steps();
        long b = shape.batch();
        long n = shape.neurons();
        long[] own = RandomConfigs.choose(
                random,
                new long[] {},
                new long[] {1},
                new long[] {n},
                new long[] {b, n},
                new long[] {b, 1},
                new long[] {1, n},
                new long[] {t, 1, 1},
                new long[] {t, b, n},
                new long[] {1, b, 1},
                new long[] {1, b, n},
                new long[] {t, 1, n},
                new long[] {t, b, 1});
        long elements = Arrays.stream(own).reduce(1, (x, y) -> x * y);
        return new Shape.Modulation(gaussian(random, (int) elements, 0.2, 1), own);
    }

    private static float[][] state(RandomGenerator random, NeuronConfig config, int elements) {
        float[][] state = new float[config.stateVariables().size()][];
        for (StateVariable variable : config.stateVariables()) {
            float[] values = new float[elements];
            for (int i = 0; i < elements; i++) {
                values[i] = (float) TestModel.of(config).state(random, config, variable);
                // Below the bound under which docs/model.md, section 10 makes it +0.
                if (random.nextInt(20) == 0) {
                    values[i] *= 0x1p-70f;
                }
            }
            state[variable.ordinal()] = values;
        }
        return state;
    }

    private static float[][] gradients(RandomGenerator random, NeuronConfig config, int elements) {
        float[][] gradients = new float[config.stateVariables().size()][];
        for (int i = 0; i < gradients.length; i++) {
            gradients[i] = gaussian(random, elements, 0, 0.5);
        }
        return gradients;
    }

    static float[] gaussian(RandomGenerator random, int size, double mean, double deviation) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian(mean, deviation);
        }
        return values;
    }

    /** This scenario with the numbers lent that {@code kernel} would draw for consecutive rows, which it then has. */
    Scenario lendingDraws(Kernel kernel) {
        Tensor uniforms = config.uniformsPerStep() == 0 ? null : Tensor.zeros(DType.F32, uniformExtents());
        Tensor normals = config.drawsNormals() ? Tensor.zeros(DType.F32, shape.extents()) : null;
        kernel.draw(draws, firstStep, uniforms, normals);
        return new Scenario(
                config,
                shape,
                input,
                parameters,
                modulation,
                uniforms == null ? null : uniforms.toFloatArray(),
                normals == null ? null : normals.toFloatArray(),
                null,
                null,
                firstStep,
                initial,
                gradSpikeValues,
                gradVoltages,
                gradFinal);
    }

    /** The shape in which uniforms are lent. */
    private long[] uniformExtents() {
        int wires = config.uniformsPerStep();
        return wires == 1 ? shape.extents() : new long[] {shape.steps(), wires, shape.batch(), shape.neurons()};
    }

    /** This scenario with other row indices, whose rows count from 0 then; null for consecutive rows. */
    Scenario withRowIndex(long[] rowIndex) {
        return with(
                config,
                input,
                rowIndex == null ? draws : new DrawStream(draws.seed(), draws.stream()),
                rowIndex,
                gradSpikeValues);
    }

    /** This scenario with another input. */
    Scenario withInput(float[] input) {
        return with(config, input, draws, rowIndex, gradSpikeValues);
    }

    /** This scenario with draws of elsewhere. */
    Scenario withDraws(DrawStream draws) {
        return with(config, input, draws, rowIndex, gradSpikeValues);
    }

    /** This scenario with another gradient of the spike values. */
    Scenario withGradSpikeValues(float[] gradSpikeValues) {
        return with(config, input, draws, rowIndex, gradSpikeValues);
    }

    /** The same numbers under another configuration of the model. */
    Scenario withConfig(NeuronConfig config) {
        return with(config, input, draws, rowIndex, gradSpikeValues);
    }

    private Scenario with(
            NeuronConfig config, float[] input, DrawStream draws, long[] rowIndex, float[] gradSpikeValues) {
        return new Scenario(
                config,
                shape,
                input,
                parameters,
                modulation,
                uniforms,
                normals,
                draws,
                rowIndex,
                firstStep,
                initial,
                gradSpikeValues,
                gradVoltages,
                gradFinal);
    }

    /** Steps [t0, t1), from {@code initial} and back from {@code gradFinal}. */
    Scenario time(int t0, int t1, float[][] initial, float[][] gradFinal) {
        return part(t0, t1, shape.allRows(), draws, rowIndex, initial, gradFinal);
    }

    /** Rows [b0, b1), which draw what they draw in the whole. */
    Scenario rows(int b0, int b1) {
        DrawStream own = rowIndex != null
                ? draws
                : new DrawStream(draws.seed(), draws.stream(), draws.elementOffset() + (long) b0 * shape.neurons());
        long[] index = rowIndex == null ? null : Arrays.copyOfRange(rowIndex, b0, b1);
        int[] rows = IntStream.range(b0, b1).toArray();
        return part(0, shape.steps(), rows, own, index, rows(initial, rows), rows(gradFinal, rows));
    }

    /** Some rows in any order, each of which draws by its index what it draws in the whole, which has consecutive rows from 0. */
    Scenario indexed(int... rows) {
        long[] index = Arrays.stream(rows).asLongStream().toArray();
        return part(0, shape.steps(), rows, draws, index, rows(initial, rows), rows(gradFinal, rows));
    }

    private float[][] rows(float[][] state, int[] rows) {
        if (state == null) {
            return null;
        }
        float[][] part = new float[state.length][];
        Arrays.setAll(part, i -> shape.oneStep().slice(state[i], 0, 1, rows));
        return part;
    }

    private Scenario part(
            int t0, int t1, int[] rows, DrawStream draws, long[] rowIndex, float[][] initial, float[][] gradFinal) {
        return new Scenario(
                config,
                new Shape(t1 - t0, rows.length, shape.neurons()),
                shape.slice(input, t0, t1, rows),
                parameters,
                modulation == null ? null : shape.slice(modulation, t0, t1, rows),
                null,
                null,
                draws,
                rowIndex,
                firstStep + t0,
                initial,
                gradSpikeValues == null
                        ? null
                        : sharesGradSpikeValues()
                                ? shape.oneStep().slice(gradSpikeValues, 0, 1, rows)
                                : shape.slice(gradSpikeValues, t0, t1, rows),
                gradVoltages == null ? null : shape.slice(gradVoltages, t0, t1, rows),
                gradFinal);
    }

    /** Whether one gradient of the spike values serves every step. */
    private boolean sharesGradSpikeValues() {
        return gradSpikeValues.length == shape.elements() && shape.steps() != 1;
    }

    /** Runs with everything asked for. */
    Result run(Kernel kernel, Tape.Mode mode) {
        return run(kernel, mode, Memory.Kind.ARRAYS, _ -> true);
    }

    /**
     * Runs forward, and backward if {@code mode} is not null, in memory of {@code kind}, asking for the results whose names
     * {@code wanted} accepts.
     */
    Result run(Kernel kernel, Tape.Mode mode, Memory.Kind kind, Predicate<String> wanted) {
        try (Memory memory = new Memory(kind)) {
            if (mode == null) {
                Forward forward = forward(memory, wanted);
                kernel.forward(forward);
                memory.assertGuardsIntact();
                return collect(forward, null);
            }
            try (Tape tape = kernel.newTape(mode, shape.steps(), shape.batch(), shape.neurons())) {
                Forward forward = forward(memory, wanted).tape(tape);
                kernel.forward(forward);
                Backward backward = backward(forward, memory, wanted);
                kernel.backward(backward);
                memory.assertGuardsIntact();
                return collect(forward, backward);
            }
        }
    }

    private int initialRows() {
        boolean one = initial != null && shape.neurons() > 0 && initial[0].length == shape.neurons();
        return one ? 1 : shape.batch();
    }

    /** A description of the forward run over copies of the arrays, its outputs poisoned. */
    Forward forward(Memory memory, Predicate<String> wanted) {
        return forward(new Forward().input(memory.copy(input, shape.extents())), memory, wanted);
    }

    /** The same of all but the input, which {@code forward} has. */
    Forward forward(Forward forward, Memory memory, Predicate<String> wanted) {
        long[] extents = shape.extents();
        Parameters lent = Parameters.none(config);
        for (NeuronParameter parameter : config.parameters()) {
            float[] values = parameters.get(parameter.ordinal());
            lent.set(parameter, memory.copy(values, values.length));
        }
        forward.parameters(lent)
                .draws(draws)
                .initialState(memory.copy(config, initial, initialRows(), shape.neurons()));
        if (forward.initialState() != null) {
            forward.initialState().step(firstStep);
        } else {
            forward.firstStep(firstStep);
        }
        if (modulation != null) {
            forward.modulation(memory.copy(modulation.values(), modulation.shape()));
        }
        forward.uniforms(memory.copy(uniforms, uniformExtents()))
                .normals(memory.copy(normals, extents))
                .rowIndex(memory.copy(rowIndex, shape.batch()));
        for (DType type : DType.SPIKES) {
            if (wanted.test(Result.spikes(type))) {
                forward.spikes(memory.poisoned(type, extents));
            }
        }
        if (wanted.test("spikeValues")) {
            forward.spikeValues(memory.poisoned(DType.F32, extents));
        }
        if (wanted.test("voltages")) {
            forward.voltages(memory.poisoned(DType.F32, extents));
        }
        for (Trace trace : config.traces()) {
            if (wanted.test("trace." + trace.symbol())) {
                forward.trace(trace, memory.poisoned(DType.F32, extents));
            }
        }
        if (wanted.test("final")) {
            forward.finalState(memory.poisonedState(config, shape.batch(), shape.neurons()));
        }
        return forward;
    }

    /** A description of the backward run, its outputs poisoned. */
    Backward backward(Forward forward, Memory memory, Predicate<String> wanted) {
        long[] extents = shape.extents();
        Backward backward = new Backward(forward)
                .gradSpikeValues(copyGradSpikeValues(memory))
                .gradVoltages(memory.copy(gradVoltages, extents))
                .gradFinalState(memory.copy(config, gradFinal, shape.batch(), shape.neurons()));
        if (wanted.test("grad.input")) {
            backward.gradInput(memory.poisoned(DType.F32, extents));
        }
        if (modulation != null && wanted.test("grad.modulation")) {
            backward.gradModulation(memory.poisoned(DType.F32, modulation.shape()));
        }
        Parameters gradients = Parameters.none(config);
        for (NeuronParameter parameter : config.parameters()) {
            if (wanted.test("grad.parameter." + parameter.symbol())) {
                gradients.set(parameter, memory.poisoned(DType.F32, parameters.get(parameter.ordinal()).length));
            }
        }
        backward.gradParameters(gradients);
        if (wanted.test("grad.initial")) {
            backward.gradInitialState(memory.poisonedState(config, shape.batch(), shape.neurons()));
        }
        return backward;
    }

    private Tensor copyGradSpikeValues(Memory memory) {
        return gradSpikeValues != null && sharesGradSpikeValues()
                ? memory.copy(gradSpikeValues, 1, shape.batch(), shape.neurons())
                : memory.copy(gradSpikeValues, shape.extents());
    }

    /** Everything that the runs wrote. */
    Result collect(Forward forward, Backward backward) {
        Result result = new Result();
        for (DType type : DType.SPIKES) {
            put(result, Result.spikes(type), forward.spikes(type));
        }
        put(result, "spikeValues", forward.spikeValues());
        put(result, "voltages", forward.voltages());
        for (Trace trace : config.traces()) {
            put(result, "trace." + trace.symbol(), forward.trace(trace));
        }
        put(result, "final.", forward.finalState());
        if (backward != null) {
            put(result, "grad.input", backward.gradInput());
            put(result, "grad.modulation", backward.gradModulation());
            for (NeuronParameter parameter : config.parameters()) {
                put(
                        result,
                        "grad.parameter." + parameter.symbol(),
                        backward.gradParameters().get(parameter));
            }
            put(result, "grad.initial.", backward.gradInitialState());
        }
        return result;
    }

    private static void put(Result result, String name, Tensor tensor) {
        if (tensor != null) {
            result.put(name, tensor);
        }
    }

    private static void put(Result result, String prefix, State state) {
        if (state != null) {
            for (StateVariable variable : state.variables()) {
                result.put(prefix + variable.symbol(), state.get(variable));
            }
            result.put(prefix + "step", new long[] {state.step()});
        }
    }

    /** The state that {@code result} holds under {@code prefix}, by ordinal. */
    float[][] state(Result result, String prefix) {
        float[][] state = new float[config.stateVariables().size()][];
        for (StateVariable variable : config.stateVariables()) {
            state[variable.ordinal()] = result.floats(prefix + variable.symbol());
        }
        return state;
    }

    /** The shape and the options that matter, for failure messages; the input's numbers follow from the seed. */
    @Override
    public String toString() {
        return shape + ", modulation " + (modulation == null ? "none" : Arrays.toString(modulation.shape()))
                + ", first step " + firstStep + ", " + draws
                + ", rows " + (rowIndex == null ? "consecutive" : Arrays.toString(rowIndex)) + ", " + config;
    }
}
