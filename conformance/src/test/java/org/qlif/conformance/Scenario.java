package org.qlif.conformance;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * One forward and backward run, as plain arrays: what goes in. Immutable; {@link #time} and {@link #rows} cut parts out of it
 * that, run one by one, must give what the whole gives.
 *
 * @param parameters by ordinal, each of length 1 or N
 * @param modulation null for none
 * @param uniforms null to draw them; by (T, W, B, N)
 * @param normals null to draw them
 * @param initial the state before, by ordinal; null for the model's own
 * @param gradSpikeValues null for none
 * @param gradVoltages null for none
 * @param gradFinal by ordinal; null for none
 */
record Scenario(
        QlifConfig config,
        Shape shape,
        float[] input,
        List<float[]> parameters,
        Shape.Modulation modulation,
        float[] uniforms,
        float[] normals,
        DrawStream draws,
        long firstStep,
        float[][] initial,
        float[] gradSpikeValues,
        float[] gradVoltages,
        float[][] gradFinal) {

    /** The names of results whose values are sums over a whole call, which a split can only approximate. */
    static boolean isSum(String name) {
        return name.startsWith("grad.parameter.") || name.equals("grad.modulation");
    }

    /** Whether results of this name have the shape (T, B, N). */
    static boolean isPerStep(String name) {
        return name.startsWith("spikes.")
                || name.startsWith("trace.")
                || name.equals("spikeValues")
                || name.equals("voltages")
                || name.equals("grad.input");
    }

    /** A scenario for {@code config} of about {@code budget} neuron-steps at most, with awkward extents. */
    static Scenario random(RandomGenerator random, QlifConfig config, int budget) {
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
    static Scenario random(RandomGenerator random, QlifConfig config, Shape shape) {
        float[] input = gaussian(random, shape.size(), 1.2, 1.5);
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
            // 1 + D below its bound of 1e-6.
            state[QlifVariable.DYNAMIC_PROBABILITY.ordinal()][random.nextInt(shape.elements())] = -1.5f;
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
        return new Scenario(
                config,
                shape,
                input,
                parameters(random, config, shape.neurons()),
                random.nextInt(3) == 0 ? null : modulation(random, shape),
                null,
                null,
                new DrawStream(random.nextLong(), random.nextInt(), element),
                firstStep,
                state,
                random.nextInt(4) == 0 ? null : gaussian(random, shape.size(), 0, 1),
                random.nextInt(4) == 0 ? null : gaussian(random, shape.size(), 0, 0.3),
                gradFinal ? gradients(random, shape.elements()) : null);
    }

    private static List<float[]> parameters(RandomGenerator random, QlifConfig config, int neurons) {
        List<float[]> parameters = new ArrayList<>();
        for (QlifParameter parameter : QlifParameter.values()) {
            float[] values = new float[random.nextBoolean() ? 1 : neurons];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float)
                        switch (parameter) {
                            // Some of them outside the bounds of the adaptive threshold.
                            case V_TH -> random.nextDouble(0.4, 1.6);
                            case TAU -> random.nextDouble(1.5, 20);
                            case ETA -> random.nextDouble(-0.05, 0.4);
                            case Q_SCALE -> config.qScale() * random.nextDouble(0.5, 3);
                            case Q_BIAS -> config.qBias() + random.nextDouble(-0.3, 1.2);
                        };
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

    private static float[][] state(RandomGenerator random, QlifConfig config, int elements) {
        float[][] state = new float[QlifVariable.values().length][];
        for (QlifVariable variable : QlifVariable.values()) {
            float[] values = new float[elements];
            for (int i = 0; i < elements; i++) {
                values[i] = (float)
                        switch (variable) {
                            case MEMBRANE -> random.nextGaussian(0.3, 0.4);
                            case ADAPTATION, REFRACTORY -> random.nextDouble(0, 0.8);
                            case EFFICIENCY -> random.nextDouble(0.3, 1);
                            case AHP, DYNAMIC_PROBABILITY -> random.nextDouble(0, 1.5);
                            case THRESHOLD_OFFSET -> random.nextDouble(-0.3, 0.5);
                            case RATE -> random.nextDouble(0, 0.5);
                            case HOMEOSTASIS -> random.nextDouble(-0.1, 0.1);
                            case MODULATION -> random.nextGaussian(0.5, 0.5);
                            case SPIKE_VALUE ->
                                config.spikeValue() == QlifConfig.SpikeValue.SAMPLE
                                        ? random.nextInt(2)
                                        : random.nextDouble();
                        };
                // Below the bound under which docs/model.md, section 10 makes it +0.
                if (random.nextInt(20) == 0) {
                    values[i] *= 0x1p-70f;
                }
            }
            state[variable.ordinal()] = values;
        }
        return state;
    }

    private static float[][] gradients(RandomGenerator random, int elements) {
        float[][] gradients = new float[QlifVariable.values().length][];
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

    /** This scenario with the numbers lent that {@code kernel} would draw. */
    Scenario lendingDraws(Kernel kernel) {
        int wires = config.uniformsPerStep();
        Tensor uniforms = null;
        if (wires > 0) {
            uniforms =
                    config.readout() == QlifConfig.Readout.MULTI_QUBIT && config.decision() == QlifConfig.Decision.QUBIT
                            ? Tensor.zeros(DType.F32, shape.steps(), wires, shape.batch(), shape.neurons())
                            : Tensor.zeros(DType.F32, shape.extents());
        }
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
                firstStep,
                initial,
                gradSpikeValues,
                gradVoltages,
                gradFinal);
    }

    /** Steps [t0, t1), from {@code initial} and back from {@code gradFinal}. */
    Scenario time(int t0, int t1, float[][] initial, float[][] gradFinal) {
        return part(t0, t1, 0, shape.batch(), initial, gradFinal);
    }

    /** Rows [b0, b1). */
    Scenario rows(int b0, int b1) {
        return part(0, shape.steps(), b0, b1, rows(initial, b0, b1), rows(gradFinal, b0, b1));
    }

    private float[][] rows(float[][] state, int b0, int b1) {
        if (state == null) {
            return null;
        }
        float[][] part = new float[state.length][];
        Arrays.setAll(part, i -> Arrays.copyOfRange(state[i], b0 * shape.neurons(), b1 * shape.neurons()));
        return part;
    }

    private Scenario part(int t0, int t1, int b0, int b1, float[][] initial, float[][] gradFinal) {
        return new Scenario(
                config,
                new Shape(t1 - t0, b1 - b0, shape.neurons()),
                shape.slice(input, t0, t1, b0, b1),
                parameters,
                modulation == null ? null : shape.slice(modulation, t0, t1, b0, b1),
                null,
                null,
                new DrawStream(draws.seed(), draws.stream(), draws.elementOffset() + (long) b0 * shape.neurons()),
                firstStep + t0,
                initial,
                gradSpikeValues == null ? null : shape.slice(gradSpikeValues, t0, t1, b0, b1),
                gradVoltages == null ? null : shape.slice(gradVoltages, t0, t1, b0, b1),
                gradFinal);
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

    /** A description of the forward run over copies of the arrays, its outputs poisoned. */
    Forward forward(Memory memory, Predicate<String> wanted) {
        long[] extents = shape.extents();
        Parameters lent = Parameters.none(config);
        for (QlifParameter parameter : QlifParameter.values()) {
            float[] values = parameters.get(parameter.ordinal());
            lent.set(parameter, memory.copy(values, values.length));
        }
        Forward forward = new Forward()
                .input(memory.copy(input, extents))
                .parameters(lent)
                .draws(draws)
                .initialState(memory.copy(config, initial, shape.batch(), shape.neurons()));
        if (forward.initialState() != null) {
            forward.initialState().step(firstStep);
        } else {
            forward.firstStep(firstStep);
        }
        if (modulation != null) {
            forward.modulation(memory.copy(modulation.values(), modulation.shape()));
        }
        if (uniforms != null) {
            forward.uniforms(
                    uniforms.length == shape.size() && config.uniformsPerStep() == 1
                            ? memory.copy(uniforms, extents)
                            : memory.copy(uniforms, extents[0], config.uniformsPerStep(), extents[1], extents[2]));
        }
        forward.normals(memory.copy(normals, extents));
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
        for (QlifTrace trace : QlifTrace.values()) {
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
                .gradSpikeValues(memory.copy(gradSpikeValues, extents))
                .gradVoltages(memory.copy(gradVoltages, extents))
                .gradFinalState(memory.copy(config, gradFinal, shape.batch(), shape.neurons()));
        if (wanted.test("grad.input")) {
            backward.gradInput(memory.poisoned(DType.F32, extents));
        }
        if (modulation != null && wanted.test("grad.modulation")) {
            backward.gradModulation(memory.poisoned(DType.F32, modulation.shape()));
        }
        Parameters gradients = Parameters.none(config);
        for (QlifParameter parameter : QlifParameter.values()) {
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

    static Result collect(Forward forward, Backward backward) {
        Result result = new Result();
        for (DType type : DType.SPIKES) {
            put(result, Result.spikes(type), forward.spikes(type));
        }
        put(result, "spikeValues", forward.spikeValues());
        put(result, "voltages", forward.voltages());
        for (QlifTrace trace : QlifTrace.values()) {
            put(result, "trace." + trace.symbol(), forward.trace(trace));
        }
        put(result, "final.", forward.finalState());
        if (backward != null) {
            put(result, "grad.input", backward.gradInput());
            put(result, "grad.modulation", backward.gradModulation());
            for (QlifParameter parameter : QlifParameter.values()) {
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
            for (QlifVariable variable : QlifVariable.values()) {
                result.put(prefix + variable.symbol(), state.get(variable));
            }
            result.put(prefix + "step", new long[] {state.step()});
        }
    }

    /** The state that {@code result} holds under {@code prefix}, by ordinal. */
    static float[][] state(Result result, String prefix) {
        float[][] state = new float[QlifVariable.values().length][];
        for (QlifVariable variable : QlifVariable.values()) {
            state[variable.ordinal()] = result.floats(prefix + variable.symbol());
        }
        return state;
    }

    /** The shape and the options that matter, for failure messages; the input's numbers follow from the seed. */
    @Override
    public String toString() {
        return shape + ", modulation " + (modulation == null ? "none" : Arrays.toString(modulation.shape()))
                + ", first step " + firstStep + ", " + draws + ", " + config;
    }
}
