// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifTrace;
import org.qlif.StateVariable;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.Trace;

/** Forward values and gradients against {@link ReferenceModel} and its central differences. */
abstract class GradientContract {
    /**
     * The step of the differences. A central difference is off by h²·L‴/6, some 1e-10, and by the rounding of two losses of
     * about 100 over 2h, some 1e-9; both vanish beside what float32 leaves to the kernel.
     */
    private static final double STEP = 1e-5;

    /**
     * What float32 leaves: some 40 roundings of 2⁻²⁴ a step, of which up to 70 steps add, all in one direction at worst, 1.7e-4
     * of the largest intermediate value, and for gradients the same again on the way back; rounded up to the bounds of the
     * golden cases.
     */
    private static final double FORWARD_RELATIVE = 2e-4;

    private static final double GRADIENT_RELATIVE = 5e-4;
    private static final double ABSOLUTE = 1e-5;

    /** A true gradient this large multiplies float32's rounding of the forward run until nothing is left to compare. */
    private static final double EXPLODED = 1e3;

    private final Device device;

    GradientContract(String device) {
        this.device = Device.of(device);
    }

    /** Every way to decide, of QLIF with the reset detached and not. */
    @TestModel.Each
    void matchesDifferencesInEveryMode(TestModel model) {
        int skipped = 0;
        List<NeuronConfig> configs = new ArrayList<>();
        for (NeuronConfig mode : model.modes()) {
            switch (mode) {
                case QlifConfig qlif -> {
                    configs.add(qlif.toBuilder()
                            .reset(reset -> reset.withDetached(true))
                            .build());
                    configs.add(qlif.toBuilder()
                            .reset(reset -> reset.withDetached(false))
                            .build());
                }
                case LifConfig lif -> configs.add(lif);
            }
        }
        for (int i = 0; i < configs.size(); i++) {
            skipped += check(i, configs.get(i), "mode " + i) ? 0 : 1;
        }
        assertThat(skipped).as("skipped of %d", configs.size()).isLessThan(configs.size() / 4);
    }

    /** Every other option and constant. */
    @TestModel.Each
    void matchesDifferencesOverRandomConfigurations(TestModel model) {
        int cases = Seeds.cases(120);
        int skipped = 0;
        for (int i = 0; i < cases; i++) {
            long seed = Seeds.of(i);
            NeuronConfig config = model.awayFromBends(model.random(Seeds.random(seed), device));
            skipped += check(seed, config, Seeds.replay(seed)) ? 0 : 1;
        }
        assertThat(skipped).as("skipped of %d", cases).isLessThan(Math.max(2, cases / 4));
    }

    /**
     * The LINEAR angle map is periodic on purpose, so p must stay what it says for angles of many turns. The angle itself is
     * rounded once, by |φ|·2⁻²⁴ at most, and p has a slope of at most 1/2 in it; 3e-7 is left for β − ℓ and the cosine.
     */
    @Test
    void foldsAnglesOfManyTurns() {
        double scale = 50;
        QlifConfig config = QlifConfig.builder()
                .noise(QlifConfig.Noise::off)
                .dynamicProbability(QlifConfig.DynamicProbability::off)
                .refractoriness(QlifConfig.Refractoriness::off)
                .start(start -> start.withQScale(scale))
                .build();
        int neurons = 4099;
        Tensor input = Tensor.of(Scenario.gaussian(Seeds.random(11), neurons, 0, 4e4), 1, 1, neurons);
        Tensor delta = Tensor.zeros(DType.F32, 1, 1, neurons);
        Tensor p = Tensor.zeros(DType.F32, 1, 1, neurons);
        try (Kernel kernel =
                Kernel.open(config, device, KernelOptions.defaults().withThreads(1))) {
            kernel.forward(new Forward()
                    .input(input)
                    .parameters(Parameters.shared(config))
                    .draws(new DrawStream(1, 1))
                    .trace(QlifTrace.DELTA, delta)
                    .trace(QlifTrace.PROBABILITY, p));
        }
        double rest = (float) config.qBias() - (float) config.qubit().leak();
        double widest = 0;
        for (int n = 0; n < neurons; n++) {
            double phi = rest + scale * delta.getFloat(n);
            widest = Math.max(widest, Math.abs(phi));
            assertThat(p.getFloat(n)).isBetween(0f, 1f);
            assertThat((double) p.getFloat(n))
                    .as("p of the angle %s", phi)
                    .isCloseTo((1 - Math.cos(phi)) / 2, within(0.5 * Math.abs(phi) * 0x1p-24 + 3e-7));
        }
        assertThat(widest).as("radians").isGreaterThan(5e5);
    }

    /** Checks one configuration; false if a decision of the case is too close to call, so that nothing was checked. */
    private boolean check(long seed, NeuronConfig config, String label) {
        RandomGenerator random = Seeds.random(seed ^ 0x5DEECE66DL);
        Shape shape = random.nextInt(6) == 0 ? new Shape(70, 1, 1) : new Shape(10, 2, 3);
        Scenario drawn = Scenario.random(random, config, shape);
        for (int i = 0; i < shape.size(); i++) {
            float current = drawn.input()[i];
            drawn.input()[i] = Math.abs(current) < 10 ? current : 0.5f;
        }
        if (drawn.initial() != null) {
            TestModel.of(config).moveFromBends(drawn.initial());
        }
        try (Kernel kernel =
                Kernel.open(config, device, KernelOptions.defaults().withThreads(1))) {
            Scenario scenario = drawn.lendingDraws(kernel);
            ReferenceModel model = TestModel.of(config).reference(scenario);
            ReferenceModel.Trajectory base = model.run(model.base(), null);
            if (base.ambiguous) {
                return false;
            }
            Result result = scenario.run(kernel, Tape.Mode.COMPACT);
            String context = label + ": " + scenario;
            checkForward(result, config, base, context);
            checkGradients(result, model, base, scenario, context);
            return true;
        }
    }

    private static void checkForward(
            Result result, NeuronConfig config, ReferenceModel.Trajectory base, String context) {
        float[] spikes = result.floats("spikes.F32");
        for (int i = 0; i < spikes.length; i++) {
            assertThat((double) spikes[i]).as("spike %d; %s", i, context).isEqualTo(base.spikes[i]);
        }
        close("spikeValues", result.floats("spikeValues"), base.values, context);
        close("voltages", result.floats("voltages"), base.voltages, context);
        for (Trace trace : config.traces()) {
            String name = "trace." + trace.symbol();
            close(name, result.floats(name), base.traces[trace.ordinal()], context);
        }
        for (StateVariable variable : config.stateVariables()) {
            String name = "final." + variable.symbol();
            close(name, result.floats(name), base.finalState[variable.ordinal()], context);
        }
    }

    private static void close(String name, float[] actual, double[] expected, String context) {
        double allowed = ABSOLUTE + FORWARD_RELATIVE * largest(expected);
        for (int i = 0; i < actual.length; i++) {
            assertThat((double) actual[i]).as("%s[%d]; %s", name, i, context).isCloseTo(expected[i], within(allowed));
        }
    }

    private static void checkGradients(
            Result result, ReferenceModel model, ReferenceModel.Trajectory base, Scenario scenario, String context) {
        checkGradient(result, "grad.input", model, base, model.inputAt(), context);
        for (NeuronParameter parameter : scenario.config().parameters()) {
            checkGradient(
                    result, "grad.parameter." + parameter.symbol(), model, base, model.parameterAt(parameter), context);
        }
        if (scenario.modulation() != null) {
            checkGradient(result, "grad.modulation", model, base, model.modulationAt(), context);
        }
        for (StateVariable variable : scenario.config().stateVariables()) {
            checkGradient(result, "grad.initial." + variable.symbol(), model, base, model.stateAt(variable), context);
        }
    }

    private static void checkGradient(
            Result result, String name, ReferenceModel model, ReferenceModel.Trajectory base, int at, String context) {
        float[] actual = result.floats(name);
        double[] point = model.base().clone();
        double middle = model.loss(point, base);
        double[] expected = new double[actual.length];
        double[] kinks = new double[actual.length];
        for (int i = 0; i < actual.length; i++) {
            double value = point[at + i];
            point[at + i] = value + STEP;
            double above = model.loss(point, base);
            point[at + i] = value - STEP;
            double below = model.loss(point, base);
            point[at + i] = value;
            expected[i] = (above - below) / (2 * STEP);
            // Where a clamp bends the loss between the two points, the second difference shows by how much.
            kinks[i] = Math.abs(above - 2 * middle + below) / STEP;
        }
        double largest = largest(expected);
        if (largest > EXPLODED) {
            return;
        }
        double allowed = ABSOLUTE + GRADIENT_RELATIVE * largest;
        for (int i = 0; i < actual.length; i++) {
            assertThat((double) actual[i])
                    .as("%s[%d]; %s", name, i, context)
                    .isCloseTo(expected[i], within(allowed + kinks[i]));
        }
    }

    private static double largest(double[] values) {
        double largest = 0;
        for (double value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }
}
