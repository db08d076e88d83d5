// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.LifVariable;
import org.qlif.NeuromodTransform;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.StatePolicy;
import org.qlif.Statistics;
import org.qlif.Tape;
import org.qlif.Tensor;

/** The layer: what it keeps between calls, and that it is the kernel underneath. */
final class QlifLayerTest {
    private static final int STEPS = 6;
    private static final int BATCH = 3;
    private static final int NEURONS = 21;

    private static float[] current(int steps) {
        Random random = new Random(11);
        float[] values = new float[steps * BATCH * NEURONS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (2 + 2 * random.nextGaussian());
        }
        return values;
    }

    private static Tensor input(int steps) {
        return Tensor.of(current(steps), steps, BATCH, NEURONS);
    }

    private static Tensor step(int t) {
        float[] all = current(STEPS);
        float[] one = new float[BATCH * NEURONS];
        System.arraycopy(all, t * one.length, one, 0, one.length);
        return Tensor.of(one, 1, BATCH, NEURONS);
    }

    private static QlifLayer.Builder layer() {
        return QlifLayer.builder(NEURONS)
                .device("cpu:scalar")
                .options(KernelOptions.defaults().withThreads(1))
                .seed(42);
    }

    @Test
    void streamsStepByStepAsInOneRun() {
        try (QlifLayer whole = layer().state(StatePolicy.STREAM).build();
                QlifLayer stream = layer().state(StatePolicy.STREAM).build()) {
            float[] expected = whole.forward(input(STEPS)).voltages().toFloatArray();
            for (int t = 0; t < STEPS; t++) {
                float[] row = stream.forward(step(t)).voltages().toFloatArray();
                for (int e = 0; e < row.length; e++) {
                    assertThat(row[e]).isEqualTo(expected[t * row.length + e]);
                }
            }
            assertThat(stream.state().step()).isEqualTo(STEPS);
        }
    }

    @Test
    void keepsTheBatchMeanOfRateAndHomeostasis() {
        QlifConfig quick = QlifConfig.builder()
                .homeostasis(h -> h.withTau(5).withLearningRate(0.1))
                .build();
        try (QlifLayer keep = layer().config(quick).state(StatePolicy.KEEP).build();
                QlifLayer stream =
                        layer().config(quick).state(StatePolicy.STREAM).build()) {
            keep.forward(input(STEPS));
            stream.forward(input(STEPS));
            for (QlifVariable variable : QlifVariable.values()) {
                float[] kept = keep.state().get(variable).toFloatArray();
                float[] exact = stream.state().get(variable).toFloatArray();
                if (variable != QlifVariable.RATE && variable != QlifVariable.HOMEOSTASIS) {
                    assertThat(kept).isEqualTo(exact);
                    continue;
                }
                for (int n = 0; n < NEURONS; n++) {
                    double sum = 0;
                    for (int b = 0; b < BATCH; b++) {
                        sum += exact[b * NEURONS + n];
                    }
                    for (int b = 0; b < BATCH; b++) {
                        assertThat(kept[b * NEURONS + n]).isEqualTo((float) (sum / BATCH));
                    }
                }
            }
        }
    }

    @Test
    void anEpisodeDrawsItsOwnNumbersAndASeedRepeatsThemAll() {
        try (QlifLayer first = layer().build();
                QlifLayer second = layer().build();
                QlifLayer kept = layer().state(StatePolicy.KEEP).build()) {
            float[] run0 = first.forward(input(STEPS)).voltages().toFloatArray();
            float[] run1 = first.forward(input(STEPS)).voltages().toFloatArray();
            assertThat(run1).isNotEqualTo(run0);
            assertThat(second.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(run0);
            assertThat(kept.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(run0);
            kept.reset();
            assertThat(kept.state().step()).isZero();
            assertThat(kept.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(run1);
        }
    }

    private static float[] voltages(QlifLayer layer) {
        return layer.forward(input(STEPS)).voltages().toFloatArray();
    }

    /** What was saved is a copy: the layer that goes on must not lead the one that is built from it. */
    @ParameterizedTest
    @EnumSource(StatePolicy.class)
    void goesOnWhereASavedLayerStopped(StatePolicy policy) {
        for (int calls = 0; calls < 4; calls++) {
            try (QlifLayer whole = layer().stream(3).state(policy).build()) {
                whole.parameters().get(QlifParameter.TAU).setFloat(2, 5);
                for (int call = 0; call < calls; call++) {
                    voltages(whole);
                    if (call == 1) {
                        whole.reset();
                    }
                }
                Parameters parameters = Parameters.none(whole.config());
                for (QlifParameter parameter : QlifParameter.values()) {
                    float[] values = whole.parameters().get(parameter).toFloatArray();
                    parameters.set(parameter, Tensor.of(values, NEURONS));
                }
                QlifLayer.Builder saved = layer().stream(3)
                        .state(policy)
                        .parameters(parameters)
                        .state(whole.state())
                        .episode(whole.episode());
                List<float[]> rest = new ArrayList<>();
                for (int call = 0; call < 3; call++) {
                    rest.add(voltages(whole));
                }
                whole.reset();
                rest.add(voltages(whole));
                for (int twin = 0; twin < 2; twin++) {
                    try (QlifLayer again = saved.build()) {
                        for (int call = 0; call < 3; call++) {
                            assertThat(voltages(again)).isEqualTo(rest.get(call));
                        }
                        again.reset();
                        assertThat(voltages(again)).isEqualTo(rest.get(3));
                        assertThat(again.episode()).isEqualTo(whole.episode());
                    }
                }
            }
        }
    }

    private static final QlifConfig QUICK = QlifConfig.builder()
            .homeostasis(h -> h.withTau(5).withLearningRate(0.1))
            .build();

    private static float[] mean(State state, QlifVariable variable) {
        float[] rows = state.get(variable).toFloatArray();
        float[] means = new float[NEURONS];
        for (int n = 0; n < NEURONS; n++) {
            double sum = 0;
            for (int b = 0; b < BATCH; b++) {
                sum += rows[b * NEURONS + n];
            }
            means[n] = (float) (sum / BATCH);
        }
        return means;
    }

    /** Against a layer that is told to start there, under every policy; a layer that does not train starts anew. */
    @ParameterizedTest
    @EnumSource(StatePolicy.class)
    void trainingCarriesTheStatisticsOfHomeostasis(StatePolicy policy) {
        try (QlifLayer layer = layer().config(QUICK)
                        .state(policy)
                        .training(Tape.Mode.VOLTAGE)
                        .build();
                QlifLayer other = layer().config(QUICK).state(policy).build()) {
            float[] rate = new float[NEURONS];
            float[] offset = new float[NEURONS];
            for (int run = 0; run < 3; run++) {
                State start = State.initial(QUICK, BATCH, NEURONS);
                for (int e = 0; e < BATCH * NEURONS; e++) {
                    start.get(QlifVariable.RATE).setFloat(e, rate[e % NEURONS]);
                    start.get(QlifVariable.HOMEOSTASIS).setFloat(e, offset[e % NEURONS]);
                }
                float[] expected;
                State end;
                try (QlifLayer reference = layer().config(QUICK)
                        .state(StatePolicy.STREAM)
                        .state(start)
                        .episode(run)
                        .build()) {
                    expected = voltages(reference);
                    end = reference.state();
                }
                assertThat(voltages(layer)).as("run %d", run).isEqualTo(expected);
                if (run == 0) {
                    assertThat(voltages(other)).isEqualTo(expected);
                } else {
                    assertThat(voltages(other)).isNotEqualTo(expected);
                }
                rate = mean(end, QlifVariable.RATE);
                offset = mean(end, QlifVariable.HOMEOSTASIS);
                assertThat(offset).isNotEqualTo(new float[NEURONS]);
                layer.reset();
                other.reset();
                Statistics statistics = layer.statistics();
                assertThat(statistics.get(QlifVariable.RATE).toFloatArray()).isEqualTo(rate);
                assertThat(statistics.get(QlifVariable.HOMEOSTASIS).toFloatArray())
                        .isEqualTo(offset);
                assertThat(layer.state().get(QlifVariable.HOMEOSTASIS).toFloatArray())
                        .isEqualTo(offset);
                assertThat(other.statistics().get(QlifVariable.HOMEOSTASIS).toFloatArray())
                        .containsOnly(0f);
                statistics.get(QlifVariable.RATE).fill(7);
            }
        }
    }

    /** Training with evaluations in between has the bits of training without. */
    @ParameterizedTest
    @EnumSource(StatePolicy.class)
    void anEvaluationChangesNothing(StatePolicy policy) {
        Tensor ones = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
        ones.fill(1);
        Tensor more = Tensor.zeros(DType.F32, 3, BATCH + 2, NEURONS);
        QlifLayer.Builder builder =
                layer().config(QUICK).batch(BATCH).state(policy).training(Tape.Mode.COMPACT);
        try (QlifLayer layer = builder.build();
                QlifLayer untested = builder.build();
                QlifLayer inference = layer().config(QUICK).build()) {
            float[] first = layer.evaluate(input(STEPS)).voltages().toFloatArray();
            assertThat(first)
                    .isEqualTo(inference.evaluate(input(STEPS)).voltages().toFloatArray())
                    .isNotEqualTo(layer.evaluate(input(STEPS)).voltages().toFloatArray())
                    .isNotEqualTo(voltages(inference));
            for (int run = 0; run < 3; run++) {
                assertThat(voltages(layer)).isEqualTo(voltages(untested));
                layer.evaluate(more);
                layer.evaluate(input(STEPS), Tensor.of(new float[] {0.3f}, 1));
                assertThat(layer.backward(ones, ones).input().toFloatArray())
                        .isEqualTo(untested.backward(ones, ones).input().toFloatArray());
                assertThat(layer.episode()).isEqualTo(untested.episode());
                assertThat(layer.state().step()).isEqualTo(untested.state().step());
                assertThat(layer.statistics().get(QlifVariable.RATE).toFloatArray())
                        .isEqualTo(untested.statistics().get(QlifVariable.RATE).toFloatArray());
            }
        }
    }

    @Test
    void evaluationsGoOnWhereTheyWere() {
        try (QlifLayer layer = layer().build()) {
            layer.evaluate(input(STEPS));
            layer.evaluate(input(STEPS));
            assertThat(layer.evaluations()).isEqualTo(2);
            try (QlifLayer again = layer().evaluations(layer.evaluations()).build()) {
                assertThat(again.evaluate(input(STEPS)).voltages().toFloatArray())
                        .isEqualTo(layer.evaluate(input(STEPS)).voltages().toFloatArray());
            }
        }
        assertThatThrownBy(() -> layer().evaluations(-1)).hasMessage("evaluations: got -1, expected at least 0");
    }

    @Test
    void aKernelDrawsWhatTheLayerWould() {
        QlifConfig config = QlifConfig.defaults();
        try (QlifLayer layer = layer().build();
                Kernel kernel = Kernel.open(config, "cpu:scalar")) {
            for (int call = 0; call < 2; call++) {
                DrawStream draws = layer.draws();
                float[] whole = voltages(layer);
                // The second row by itself.
                float[] current = current(STEPS);
                Tensor row = Tensor.zeros(DType.F32, STEPS, 1, NEURONS);
                Tensor voltages = Tensor.zeros(DType.F32, STEPS, 1, NEURONS);
                for (int i = 0; i < STEPS * NEURONS; i++) {
                    row.setFloat(i, current[(i / NEURONS * BATCH + 1) * NEURONS + i % NEURONS]);
                }
                kernel.forward(new Forward()
                        .input(row)
                        .parameters(Parameters.shared(config))
                        .draws(new DrawStream(draws.seed(), draws.stream(), NEURONS))
                        .voltages(voltages));
                for (int i = 0; i < STEPS * NEURONS; i++) {
                    assertThat(voltages.getFloat(i))
                            .isEqualTo(whole[(i / NEURONS * BATCH + 1) * NEURONS + i % NEURONS]);
                }
            }
        }
    }

    /** An index that wrapped round would draw the numbers of evaluations, and could not be saved. */
    @Test
    void episodesAndEvaluationsEnd() {
        try (QlifLayer layer = layer().episode(Integer.MAX_VALUE - 1).build()) {
            layer.forward(input(1));
            assertThatThrownBy(() -> layer.forward(input(1)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("this layer has had all its episodes");
            assertThat(layer.episode()).isEqualTo(Integer.MAX_VALUE);
        }
        try (QlifLayer layer =
                layer().state(StatePolicy.STREAM).episode(Integer.MAX_VALUE).build()) {
            layer.forward(input(1));
            layer.forward(input(1));
            assertThatThrownBy(layer::reset).hasMessageStartingWith("this layer has had all its episodes");
        }
        try (QlifLayer layer = layer().evaluations(Integer.MAX_VALUE).build()) {
            assertThatThrownBy(() -> layer.evaluate(input(1)))
                    .hasMessageStartingWith("this layer has had all its evaluations");
        }
    }

    /** A transform of the caller's: asked for its slope in backward calls alone, and free to fail. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu:scalar", "cpu:simd"})
    void asksATransformForWhatItNeeds(String device) {
        AtomicInteger slopes = new AtomicInteger();
        AtomicBoolean fails = new AtomicBoolean();
        NeuromodTransform twice = new NeuromodTransform() {
            @Override
            public float apply(float m) {
                if (fails.get()) {
                    throw new ArithmeticException("mine");
                }
                return 2 * m;
            }

            @Override
            public float derivative(float m, float value) {
                slopes.incrementAndGet();
                return 2;
            }
        };
        QlifConfig config = QlifConfig.builder()
                .neuromodulation(n -> n.withTransform(twice))
                .build();
        Tensor modulation = Tensor.of(new float[] {0.25f}, 1);
        Tensor ones = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
        ones.fill(1);
        try (QlifLayer layer = layer().config(config)
                .device(device)
                .training(Tape.Mode.COMPACT)
                .build()) {
            layer.evaluate(input(STEPS), modulation);
            layer.forward(input(STEPS), modulation);
            assertThat(slopes).hasValue(0);
            layer.backward(ones, null);
            assertThat(slopes.get()).isPositive();
            fails.set(true);
            assertThatThrownBy(() -> layer.forward(input(STEPS), modulation))
                    .isInstanceOf(ArithmeticException.class)
                    .hasMessage("mine");
            assertThatThrownBy(() -> layer.backward(ones, null))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("the last forward call can't be followed: it failed in the middle");
            fails.set(false);
            layer.forward(input(STEPS), modulation);
            layer.backward(ones, null);
            layer.parameters().set(QlifParameter.TAU, Tensor.of(new float[] {3}, 1));
            assertThatThrownBy(() -> layer.backward(ones, null)).hasMessageContaining("was replaced since");
        }
    }

    @Test
    void clampsWhatIsLearnedAlone() {
        QlifConfig config = QlifConfig.builder().vTh(3).eta(-0.5).build();
        try (QlifLayer layer = layer().config(config).learn(QlifParameter.ETA).build()) {
            assertThat(layer.parameters().clamp(config, layer.learnable())).isEqualTo(NEURONS);
            assertThat(layer.parameters().get(QlifParameter.ETA).getFloat(0)).isZero();
            assertThat(layer.parameters().get(QlifParameter.V_TH).getFloat(0)).isEqualTo(3);
        }
    }

    @Test
    void aStateTakesNoOtherModels() {
        State lif = State.initial(LifConfig.defaults(), 1, 1);
        State qlif = State.initial(QlifConfig.defaults(), 1, 1);
        qlif.get(QlifVariable.ADAPTATION).fill(6);
        assertThatThrownBy(() -> lif.copyFrom(qlif)).hasMessageStartingWith("source: got State[B=1, N=1");
        assertThatThrownBy(() -> qlif.copyFrom(lif)).hasMessageStartingWith("source: got State[B=1, N=1");
        assertThat(qlif.get(QlifVariable.ADAPTATION).getFloat(0)).isEqualTo(6);
        assertThat(lif.get(LifVariable.CURRENT).getFloat(0)).isZero();
    }

    @Test
    void saysWhoseParameterItGot() {
        QlifConfig config = QlifConfig.defaults();
        assertThatThrownBy(() -> config.usefulRange(LifParameter.V_TH))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("parameter: got LifParameter.V_TH, expected one of [V_TH, ");
        assertThatThrownBy(() -> Parameters.shared(config).get(LifParameter.V_TH))
                .hasMessageStartingWith("parameter: got LifParameter.V_TH");
        assertThatThrownBy(() -> QlifConfig.builder().tau(1e-50).build())
                .hasMessage("tau: got 1.0E-50, expected a finite number > 0; in float32 it is 0.0");
    }

    /** What training found is where inference starts, each time. */
    @Test
    void evaluatesFromTheStatistics() {
        Statistics found = Statistics.initial(QUICK, NEURONS);
        found.get(QlifVariable.HOMEOSTASIS).fill(-0.3f);
        try (QlifLayer trained = layer().config(QUICK)
                        .statistics(found)
                        .training(Tape.Mode.COMPACT)
                        .build();
                QlifLayer saved =
                        layer().config(QUICK).statistics(trained.statistics()).build();
                QlifLayer fresh = layer().config(QUICK).build()) {
            found.get(QlifVariable.HOMEOSTASIS).fill(5);
            assertThat(trained.evaluate(input(STEPS)).voltages().toFloatArray())
                    .isEqualTo(saved.evaluate(input(STEPS)).voltages().toFloatArray())
                    .isNotEqualTo(fresh.evaluate(input(STEPS)).voltages().toFloatArray());
            for (int run = 0; run < 3; run++) {
                assertThat(voltages(saved)).isNotEqualTo(voltages(fresh));
                assertThat(saved.statistics().get(QlifVariable.HOMEOSTASIS).toFloatArray())
                        .containsOnly(-0.3f);
            }
        }
        assertRefused(
                layer().statistics(Statistics.initial(QUICK, 3)),
                "statistics: got Statistics[QLIF, N=3, variables=[rate, homeostasis_offset]], expected those of 21 neurons");
        assertRefused(layer().statistics(Statistics.initial(LifConfig.defaults(), NEURONS)), "statistics: got");
    }

    /** A call without steps or without rows has run nothing that could move them. */
    @ParameterizedTest
    @EnumSource(StatePolicy.class)
    void anEmptyCallLeavesTheStatistics(StatePolicy policy) {
        Statistics found = Statistics.initial(QUICK, NEURONS);
        found.get(QlifVariable.HOMEOSTASIS).fill(-0.3f);
        try (QlifLayer layer = layer().config(QUICK)
                .state(policy)
                .statistics(found)
                .training(Tape.Mode.COMPACT)
                .build()) {
            layer.forward(Tensor.zeros(DType.F32, STEPS, 0, NEURONS));
            layer.reset();
            layer.forward(Tensor.zeros(DType.F32, 0, BATCH, NEURONS));
            layer.reset();
            assertThat(layer.statistics().get(QlifVariable.HOMEOSTASIS).toFloatArray())
                    .containsOnly(-0.3f);
        }
    }

    /** Parameters, state, episode and seed are enough, since the state has the statistics; a layer that infers saves them apart. */
    @ParameterizedTest
    @EnumSource(StatePolicy.class)
    void goesOnWhereATrainingLayerStopped(StatePolicy policy) {
        QlifLayer.Builder builder = layer().config(QUICK).state(policy).training(Tape.Mode.VOLTAGE);
        try (QlifLayer whole = builder.build()) {
            voltages(whole);
            voltages(whole);
            QlifLayer.Builder saved =
                    builder.parameters(whole.parameters()).state(whole.state()).episode(whole.episode());
            float[] next = voltages(whole);
            whole.reset();
            float[] anew = voltages(whole);
            try (QlifLayer again = saved.build()) {
                assertThat(voltages(again)).isEqualTo(next);
                again.reset();
                assertThat(voltages(again)).isEqualTo(anew);
            }
            try (QlifLayer again = saved.state(State.initial(QUICK, 1, NEURONS))
                    .statistics(whole.statistics())
                    .build()) {
                assertThat(again.statistics().get(QlifVariable.RATE).toFloatArray())
                        .isEqualTo(whole.statistics().get(QlifVariable.RATE).toFloatArray());
            }
        }
    }

    @Test
    void usesTheParametersThatItIsLent() {
        Parameters shared = Parameters.shared(QlifConfig.defaults());
        try (QlifLayer own = layer().build();
                QlifLayer lent =
                        layer().parameters(shared).training(Tape.Mode.VOLTAGE).build()) {
            assertThat(lent.parameters()).isSameAs(shared);
            assertThat(voltages(lent)).isEqualTo(voltages(own));
            assertThat(lent.backward(null, input(STEPS))
                            .parameters()
                            .get(QlifParameter.V_TH)
                            .shape())
                    .containsExactly(1);
            shared.get(QlifParameter.TAU).fill(3);
            own.parameters().get(QlifParameter.TAU).fill(3);
            assertThat(voltages(lent)).isEqualTo(voltages(own));
        }
    }

    @ParameterizedTest
    @EnumSource(StatePolicy.class)
    void hasAStateBeforeItsFirstCall(StatePolicy policy) {
        try (QlifLayer one = layer().state(policy).build();
                QlifLayer many = layer().state(policy).batch(BATCH).build();
                QlifLayer untouched = layer().state(policy).build()) {
            assertThat(one.state().batch()).isEqualTo(1);
            assertThat(many.state().batch()).isEqualTo(BATCH);
            assertThat(one.state().step()).isZero();
            for (QlifVariable variable : QlifVariable.values()) {
                assertThat(one.state().get(variable).toFloatArray()).hasSize(NEURONS);
                assertThat(many.state().get(variable).toFloatArray()).containsOnly(variable.initialValue());
            }
            float[] expected = voltages(untouched);
            assertThat(voltages(one)).isEqualTo(expected);
            assertThat(voltages(many)).isEqualTo(expected);
            assertThat(one.state().batch()).isEqualTo(policy == StatePolicy.RESET ? 1 : BATCH);
            one.reset();
            many.reset();
            assertThat(one.state().batch()).isEqualTo(1);
            assertThat(many.state().batch()).isEqualTo(BATCH);
        }
    }

    /** One row is that of all; what is written into the state counts at the next call, and a call leaves it alone. */
    @ParameterizedTest
    @EnumSource(StatePolicy.class)
    void startsFromItsState(StatePolicy policy) {
        State given = State.initial(QlifConfig.defaults(), 1, NEURONS).step(7);
        given.get(QlifVariable.MEMBRANE).fill(0.25f);
        State rows = State.initial(QlifConfig.defaults(), BATCH, NEURONS).step(7);
        rows.get(QlifVariable.MEMBRANE).fill(0.25f);
        try (QlifLayer one = layer().state(policy).state(given).build();
                QlifLayer all = layer().state(rows).state(policy).build();
                QlifLayer written = layer().state(policy).build();
                QlifLayer fresh = layer().state(policy).build()) {
            given.get(QlifVariable.MEMBRANE).fill(9);
            written.state().step(7).get(QlifVariable.MEMBRANE).fill(0.25f);
            State held = written.state();
            float[] run = voltages(one);
            assertThat(run)
                    .isEqualTo(voltages(all))
                    .isEqualTo(voltages(written))
                    .isNotEqualTo(voltages(fresh));
            assertThat(held.step()).isEqualTo(7);
            assertThat(held.get(QlifVariable.MEMBRANE).toFloatArray()).containsOnly(0.25f);
            assertThat(one.state().step()).isEqualTo(policy == StatePolicy.RESET ? 0 : 7 + STEPS);
            assertThat(voltages(one)).isEqualTo(voltages(all)).isEqualTo(voltages(written));
        }
    }

    @Test
    void refusesAStateAndParametersThatDoNotFit() {
        QlifConfig config = QlifConfig.defaults();
        assertThatThrownBy(() -> layer().batch(0))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("batch: got 0, expected at least 1");
        assertThatThrownBy(() -> layer().episode(-1))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessage("episode: got -1, expected at least 0");
        assertRefused(layer().state(State.initial(config, 1, NEURONS + 1)), "state: got shape (1, 22)");
        assertRefused(layer().state(State.initial(LifConfig.defaults(), 1, NEURONS)), "state: got a state of another");
        assertRefused(layer().batch(4).state(State.initial(config, 3, NEURONS)), "expected (B, N) = (4, 21)");
        assertRefused(layer().parameters(Parameters.shared(LifConfig.defaults())), "parameters: got those of another");
        assertRefused(
                layer().parameters(Parameters.none(config)), "v_th: got null, expected F32 of length 21 (N) or 1");
        assertRefused(layer().parameters(Parameters.perNeuron(config, 3)), "v_th: got F32[3]");
        Parameters bad = Parameters.shared(config);
        bad.get(QlifParameter.TAU).fill(Float.NaN);
        assertRefused(layer().parameters(bad), "tau: got NaN at index 0");
        try (QlifLayer layer = layer().batch(4).build()) {
            assertThatThrownBy(() -> voltages(layer))
                    .isExactlyInstanceOf(IllegalArgumentException.class)
                    .hasMessage("input: got F32[6, 3, 21], expected B = 4, for which this layer was built");
        }
    }

    private static void assertRefused(QlifLayer.Builder builder, String message) {
        assertThatThrownBy(builder::build)
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    @Test
    void returnsWhatWasAskedFor() {
        QlifConfig expected =
                QlifConfig.builder().spikeValue(QlifConfig.SpikeValue.EXPECTED).build();
        try (QlifLayer layer = layer().config(expected)
                .spikes(DType.BIT)
                .voltages(false)
                .traces(QlifTrace.PROBABILITY)
                .build()) {
            QlifLayer.Output output = layer.forward(input(STEPS));
            assertThat(output.spikes().type()).isEqualTo(DType.BIT);
            assertThat(output.voltages()).isNull();
            assertThat(output.traces()).containsOnlyKeys(QlifTrace.PROBABILITY);
            assertThat(output.spikeValues().toFloatArray())
                    .isEqualTo(output.traces().get(QlifTrace.PROBABILITY).toFloatArray());
        }
        try (QlifLayer layer = layer().build()) {
            QlifLayer.Output output = layer.forward(input(STEPS));
            assertThat(output.spikeValues()).isSameAs(output.spikes());
            assertThat(output.traces()).isEmpty();
        }
    }

    @Test
    void trainsThroughModulationAndShapesThatChange() {
        try (QlifLayer layer = layer().training(Tape.Mode.COMPACT).build()) {
            for (int steps : new int[] {STEPS, STEPS, 2}) {
                Tensor modulation = Tensor.of(new float[] {0.3f}, 1);
                layer.forward(input(steps), modulation);
                Tensor ones = Tensor.zeros(DType.F32, steps, BATCH, NEURONS);
                ones.fill(1f);
                QlifLayer.Gradients gradients = layer.backward(ones, ones);
                assertThat(gradients.input().elements()).isEqualTo((long) steps * BATCH * NEURONS);
                assertThat(gradients.modulation().getFloat(0)).isFinite().isNotZero();
                assertThat(gradients.parameters().get(QlifParameter.TAU).toFloatArray())
                        .hasSize(NEURONS);
            }
        }
    }

    @Test
    void layersWithOneSeedShareNoEpisode() {
        List<float[]> runs = new ArrayList<>();
        for (int stream = 0; stream < 3; stream++) {
            try (QlifLayer layer = layer().stream(stream).build();
                    QlifLayer kept =
                            layer().stream(stream).state(StatePolicy.KEEP).build()) {
                for (int episode = 0; episode < 3; episode++) {
                    float[] run = layer.forward(input(STEPS)).voltages().toFloatArray();
                    assertThat(runs)
                            .as("stream %d, episode %d", stream, episode)
                            .doesNotContain(run);
                    runs.add(run);
                    assertThat(kept.forward(input(STEPS)).voltages().toFloatArray())
                            .isEqualTo(run);
                    kept.reset();
                }
            }
        }
    }

    private static boolean drawsAsOneThat(QlifLayer one, QlifLayer other) {
        return Arrays.equals(
                one.forward(input(STEPS)).voltages().toFloatArray(),
                other.forward(input(STEPS)).voltages().toFloatArray());
    }

    /** Whoever gives no seed gets numbers that no other layer has; the seed that was made up repeats them. */
    @Test
    void layersWithoutASeedDrawTheirOwnNumbers() {
        QlifLayer.Builder seedless = QlifLayer.builder(NEURONS)
                .device("cpu:scalar")
                .options(KernelOptions.defaults().withThreads(1));
        try (QlifLayer first = seedless.build();
                QlifLayer second = seedless.build();
                QlifLayer again = layer().seed(first.seed()).build()) {
            float[] run = first.forward(input(STEPS)).voltages().toFloatArray();
            assertThat(second.seed()).isNotEqualTo(first.seed());
            assertThat(second.forward(input(STEPS)).voltages().toFloatArray()).isNotEqualTo(run);
            assertThat(again.forward(input(STEPS)).voltages().toFloatArray()).isEqualTo(run);
        }
    }

    @Test
    void layersDrawTheSameNumbersForTheSameSeedAndStreamOnly() {
        try (QlifLayer same = layer().stream(1).build();
                QlifLayer twin = layer().stream(1).build()) {
            assertThat(same.seed()).isEqualTo(42);
            assertThat(same.stream()).isEqualTo(1);
            assertThat(drawsAsOneThat(same, twin)).isTrue();
        }
        try (QlifLayer first = layer().stream(1).build();
                QlifLayer second = layer().stream(2).build()) {
            assertThat(drawsAsOneThat(first, second)).isFalse();
        }
        try (QlifLayer first = layer().seed(1).build();
                QlifLayer second = layer().seed(2).build()) {
            assertThat(drawsAsOneThat(first, second)).isFalse();
        }
    }

    /** The gradients are of what the forward call read; a parameter that is another object since is noticed. */
    @Test
    void refusesABackwardCallWhoseParametersWereReplaced() {
        try (QlifLayer layer = layer().training(Tape.Mode.VOLTAGE).build()) {
            layer.forward(input(STEPS));
            layer.parameters().set(QlifParameter.ETA, Tensor.zeros(DType.F32, NEURONS));
            assertThatThrownBy(() -> layer.backward(null, null))
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("a parameter's tensor was replaced since");
        }
    }

    /** A call that was refused leaves the layer as it was: what follows has the bits of a layer that never saw it. */
    @ParameterizedTest
    @EnumSource(
            value = StatePolicy.class,
            names = {"KEEP", "STREAM"})
    void worksOnAfterARefusedCall(StatePolicy policy) {
        Tensor current = Tensor.zeros(DType.F32, 20, 4, NEURONS);
        current.fill(2f);
        Tensor other = Tensor.zeros(DType.F32, 20, 2, NEURONS);
        for (boolean reset : new boolean[] {true, false}) {
            try (QlifLayer layer =
                            layer().state(policy).training(Tape.Mode.VOLTAGE).build();
                    QlifLayer unspoiled =
                            layer().state(policy).training(Tape.Mode.VOLTAGE).build()) {
                layer.forward(current);
                unspoiled.forward(current);
                for (int i = 0; i < 2; i++) {
                    assertThatThrownBy(() -> layer.forward(other))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("input")
                            .hasMessageContaining("B = 4")
                            .hasMessageContaining("reset()");
                }
                if (reset) {
                    layer.reset();
                    unspoiled.reset();
                }
                assertThat(layer.forward(current).voltages().toFloatArray())
                        .isEqualTo(unspoiled.forward(current).voltages().toFloatArray());
                assertThat(layer.backward(current, null).input().toFloatArray())
                        .isEqualTo(unspoiled.backward(current, null).input().toFloatArray());
                assertThat(layer.state().step()).isEqualTo(reset ? 20 : 40);
                layer.reset();
                assertThat(layer.forward(other).voltages().toFloatArray()).hasSize(20 * 2 * NEURONS);
            }
        }
    }

    @Test
    void refusesWhatDoesNotFit() {
        assertThatThrownBy(() -> QlifLayer.builder(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("neurons");
        assertThatThrownBy(() -> layer().spikes(DType.I64))
                .isExactlyInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("spikes: got I64, expected a type of [F32, U8, BIT]");
        try (QlifLayer layer = layer().build()) {
            assertThatThrownBy(() -> layer.forward(Tensor.zeros(DType.F32, 2, 3, NEURONS + 1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("input")
                    .hasMessageContaining("(T, B, 21)");
            assertThatThrownBy(() -> layer.backward(null, null))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("training");
        }
        QlifLayer closed = layer().build();
        closed.close();
        closed.close();
        assertThatThrownBy(() -> closed.forward(input(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        try (QlifLayer layer = layer().training(Tape.Mode.VOLTAGE).build()) {
            assertThatThrownBy(() -> layer.backward(null, null))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("forward");
        }
    }

    @Test
    void tellsWhatAnOptimizerIsToChange() {
        try (QlifLayer usual = QlifLayer.builder(3).device("cpu:scalar").build();
                QlifLayer told = QlifLayer.builder(3)
                        .device("cpu:scalar")
                        .learn(QlifParameter.TAU, QlifParameter.V_TH)
                        .build();
                QlifLayer nothing =
                        QlifLayer.builder(3).device("cpu:scalar").learn().build()) {
            assertThat(usual.learnable())
                    .containsExactlyInAnyOrder(QlifParameter.V_TH, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS);
            assertThat(told.learnable()).containsExactlyInAnyOrder(QlifParameter.TAU, QlifParameter.V_TH);
            assertThat(nothing.learnable()).isEmpty();
        }
    }
}
