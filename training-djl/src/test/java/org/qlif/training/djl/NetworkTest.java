// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.ParameterRange;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.Preset;
import org.qlif.QlifParameter;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.Tensor;
import org.qlif.training.NetworkShape;

class NetworkTest {
    private static final NetworkShape SHAPE = new NetworkShape(4, 6, 5, 3);
    private static final int[] LABELS = {0, 2, 1};
    private static final DrawStream DRAWS = new DrawStream(7, 0);

    /** Every spike value is p and nothing but the AHP would see a draw, so the loss is a smooth function of everything. */
    private static final QlifConfig SMOOTH = Preset.SNAPSHOT_2025_08_24
            .builder(Decision.QUBIT)
            .noise(noise -> noise.withStd(0))
            .tau(2)
            .ahp(QlifConfig.Ahp::off)
            .calibrate(0.2, 0.4)
            .eta(0.1)
            .build();

    private static final Device CPU = Device.of("cpu");

    private Network network(double clipGrad) {
        return new Network(SHAPE, SMOOTH, List.of(QlifParameter.values()), CPU, 1, 1e-2, clipGrad, 3);
    }

    private static SharedArray spikes(Network network) {
        SharedArray spikes = network.spikes(LABELS.length);
        SplittableRandom random = new SplittableRandom(5);
        for (long i = 0; i < spikes.tensor().elements(); i++) {
            spikes.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextInt(2));
        }
        return spikes;
    }

    /** Central differences: with h = 1e-2 their own error is of order h^2 of the third derivative, and rounding of 1e-5. */
    @Test
    void gradientIsThatOfTheLoss() {
        try (Network network = network(0)) {
            SharedArray spikes = spikes(network);
            network.gradients(spikes, LABELS, DRAWS);
            assertThat(network.learnables())
                    .extracting(learnable -> learnable.name)
                    .containsExactly(
                            "hidden.weight",
                            "hidden.bias",
                            "output.weight",
                            "output.bias",
                            "v_th",
                            "tau",
                            "eta",
                            "q_scale",
                            "q_bias");
            double largest = 0;
            for (Network.Learnable learnable : network.learnables()) {
                float[] gradient = learnable.gradient.toFloatArray();
                float[] values = learnable.value.toFloatArray();
                for (int i = 0; i < values.length; i++) {
                    double numeric = slope(network, spikes, learnable, values, i);
                    assertThat((double) gradient[i])
                            .as("%s[%d]", learnable.name, i)
                            .isCloseTo(numeric, Offset.offset(1e-4 + 5e-3 * Math.abs(numeric)));
                    largest = Math.max(largest, Math.abs(numeric));
                }
            }
            assertThat(largest).as("some gradient to speak of").isGreaterThan(0.05);
            network.closeGradients();
        }
    }

    private static double slope(
            Network network, SharedArray spikes, Network.Learnable learnable, float[] values, int index) {
        double h = 1e-2;
        double up = lossAt(network, spikes, learnable, values, index, values[index] + h);
        double down = lossAt(network, spikes, learnable, values, index, values[index] - h);
        learnable.value.toByteBuffer(true).putFloat(index * Float.BYTES, values[index]);
        return (up - down) / (2 * h);
    }

    private static double lossAt(
            Network network, SharedArray spikes, Network.Learnable learnable, float[] values, int index, double value) {
        learnable.value.toByteBuffer(true).putFloat(index * Float.BYTES, (float) value);
        return network.test(spikes, LABELS, DRAWS).loss();
    }

    @Test
    void gradientsDoNotAddUpOverSteps() {
        try (Network network = network(0)) {
            SharedArray spikes = spikes(network);
            network.train(spikes, LABELS, DRAWS);
            double first = normAfterGradients(network, spikes);
            network.train(spikes, LABELS, DRAWS);
            double second = normAfterGradients(network, spikes);
            assertThat(second).isCloseTo(first, Offset.offset(0.2 * first));
        }
    }

    private static double normAfterGradients(Network network, SharedArray spikes) {
        network.gradients(spikes, LABELS, DRAWS);
        double norm = network.gradientNorm();
        // As an update would, so that the engine's accumulated gradients start from 0 again.
        network.learnables().forEach(learnable -> learnable.gradient.muli(0));
        network.closeGradients();
        return norm;
    }

    @Test
    void clipsTheNormOfAllGradientsTogether() {
        double clip = 0.01;
        try (Network network = network(clip)) {
            network.gradients(spikes(network), LABELS, DRAWS);
            double before = network.gradientNorm();
            List<float[]> directions = gradients(network);
            assertThat(before).isGreaterThan(clip);
            network.clip(network.gradientNorm());
            assertThat(network.gradientNorm()).isCloseTo(clip, Offset.offset(1e-6));
            List<float[]> clipped = gradients(network);
            for (int l = 0; l < clipped.size(); l++) {
                for (int i = 0; i < clipped.get(l).length; i++) {
                    assertThat((double) clipped.get(l)[i])
                            .isCloseTo(directions.get(l)[i] * clip / before, Offset.offset(1e-7));
                }
            }
            network.closeGradients();
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void whateverIsNotFiniteIsTold(float bad) {
        for (String name : List.of("hidden.weight", "hidden.bias", "output.weight", "output.bias")) {
            try (Network network = network(0)) {
                SharedArray spikes = spikes(network);
                Network.Learnable learnable = network.learnables().stream()
                        .filter(each -> each.name.equals(name))
                        .findFirst()
                        .orElseThrow();
                learnable.value.toByteBuffer(true).putFloat(0, bad);
                assertThat(network.train(spikes, LABELS, DRAWS).divergence())
                        .as(name)
                        .isNotNull();
                if (name.startsWith("output")) {
                    assertThat(network.test(spikes, LABELS, DRAWS).divergence())
                            .as(name)
                            .isNotNull();
                }
            }
        }
    }

    @Test
    void anUpdateThatLeavesTheFiniteNumbersIsTold() {
        // Adam's first step is the learning rate, whatever the gradient; the bounds would hide where it led a neuron's
        // parameter.
        try (Network network = new Network(SHAPE, SMOOTH, List.of(QlifParameter.values()), CPU, 1, 3e38, 0, 3)) {
            assertThat(network.train(spikes(network), LABELS, DRAWS).divergence())
                    .isEqualTo("the norm of hidden.weight is Infinity");
        }
    }

    /** Adam's first step is the learning rate: far beyond every bound. A fixed threshold has those that one that adapts would have. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void keepsWhatIsLearnedInItsUsefulRange(boolean adapts) {
        QlifConfig config = SMOOTH.toBuilder()
                .dt(2)
                .tau(1)
                .adaptiveThreshold(threshold -> threshold.withEnabled(adapts))
                .build();
        List<QlifParameter> learned = List.of(QlifParameter.V_TH, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS);
        try (Network network = new Network(SHAPE, config, learned, CPU, 1, 1e4, 0, 3)) {
            assertThat(network.train(spikes(network), LABELS, DRAWS).divergence())
                    .isNull();
            for (QlifParameter parameter : learned) {
                ParameterRange range = SMOOTH.usefulRange(parameter);
                for (float value : network.neuronValues(parameter)) {
                    assertThat(value).as(parameter.symbol()).isIn(range.least(), range.most());
                }
            }
            assertThat(network.neuronValues(QlifParameter.TAU)).containsOnly(1f);
        }
    }

    /** From step to step of training, whatever its batch; tests start from them and leave them. */
    @Test
    void carriesTheStatisticsOfHomeostasis() {
        QlifConfig config = steered();
        try (Network network = new Network(SHAPE, config, List.of(QlifParameter.V_TH), CPU, 1, 1e-2, 0, 3);
                Kernel kernel = Kernel.open(config, "cpu")) {
            SharedArray spikes = spikes(network);
            float[] before = network.mean(QlifVariable.HOMEOSTASIS);
            assertThat(before).containsOnly(0f);
            for (int step = 0; step < 3; step++) {
                State end = State.zeros(config, LABELS.length, SHAPE.hidden());
                Forward call =
                        network.neuronCall(spikes, LABELS.length).draws(DRAWS).finalState(end);
                kernel.forward(call);
                float[] started =
                        call.initialState().get(QlifVariable.HOMEOSTASIS).toFloatArray();
                float[] ended = end.get(QlifVariable.HOMEOSTASIS).toFloatArray();
                network.train(spikes, LABELS, DRAWS);
                float[] after = network.mean(QlifVariable.HOMEOSTASIS);
                for (int n = 0; n < before.length; n++) {
                    double sum = 0;
                    for (int b = 0; b < LABELS.length; b++) {
                        assertThat(started[b * before.length + n]).isEqualTo(before[n]);
                        sum += ended[b * before.length + n];
                    }
                    assertThat(after[n])
                            .isEqualTo((float) (sum / LABELS.length))
                            .isNotEqualTo(before[n]);
                }
                before = after;
                network.test(spikes, LABELS, DRAWS);
                assertThat(network.mean(QlifVariable.HOMEOSTASIS)).isEqualTo(before);
            }
            Forward single = network.neuronCall(network.spikes(1), 1);
            assertThat(single.initialState().get(QlifVariable.HOMEOSTASIS).toFloatArray())
                    .isEqualTo(before);
        }
    }

    private static QlifConfig steered() {
        return SMOOTH.toBuilder()
                .homeostasis(homeostasis -> homeostasis.on().withTau(3).withLearningRate(0.1))
                .build();
    }

    /** The same call, made by hand from what training has left, gives the spike values whose loss a test tells. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void showsTheCallThatItMakes(boolean steered) {
        QlifConfig config = steered ? steered() : SMOOTH;
        try (Network network = new Network(SHAPE, config, List.of(QlifParameter.values()), CPU, 1, 1e-2, 0, 3);
                Kernel kernel = Kernel.open(config, "cpu")) {
            SharedArray spikes = spikes(network);
            double untrained = network.test(spikes, LABELS, DRAWS).loss();
            for (int step = 0; step < 3; step++) {
                network.train(spikes, LABELS, DRAWS);
            }
            Tensor values = Tensor.zeros(DType.F32, SHAPE.steps(), LABELS.length, SHAPE.hidden());
            kernel.forward(
                    network.neuronCall(spikes, LABELS.length).draws(DRAWS).spikeValues(values));
            Network.Outcome outcome = network.test(spikes, LABELS, DRAWS);
            float[] weights = value(network, "output.weight");
            float[] bias = value(network, "output.bias");
            int right = 0;
            double loss = 0;
            for (int b = 0; b < LABELS.length; b++) {
                double[] logits = new double[SHAPE.classes()];
                double all = 0;
                for (int c = 0; c < logits.length; c++) {
                    logits[c] = bias[c];
                    for (int t = 0; t < SHAPE.steps(); t++) {
                        for (int n = 0; n < SHAPE.hidden(); n++) {
                            long at = ((long) t * LABELS.length + b) * SHAPE.hidden() + n;
                            logits[c] += values.getFloat(at) * weights[c * SHAPE.hidden() + n] / SHAPE.steps();
                        }
                    }
                    all += Math.exp(logits[c]);
                }
                int best = 0;
                for (int c = 1; c < logits.length; c++) {
                    best = logits[c] > logits[best] ? c : best;
                }
                right += best == LABELS[b] ? 1 : 0;
                loss += (Math.log(all) - logits[LABELS[b]]) / LABELS.length;
            }
            assertThat(outcome.correct()).isEqualTo(right);
            assertThat(outcome.loss()).isCloseTo(loss, Offset.offset(1e-6));
            assertThat(loss).isNotCloseTo(untrained, Offset.offset(1e-4));
        }
    }

    private static float[] value(Network network, String name) {
        return network.learnables().stream()
                .filter(learnable -> learnable.name.equals(name))
                .findFirst()
                .orElseThrow()
                .value
                .toFloatArray();
    }

    @Test
    void leavesSmallGradientsAlone() {
        try (Network network = network(1e3)) {
            network.gradients(spikes(network), LABELS, DRAWS);
            List<float[]> before = gradients(network);
            network.clip(network.gradientNorm());
            assertThat(gradients(network)).usingRecursiveComparison().isEqualTo(before);
            network.closeGradients();
        }
    }

    private static List<float[]> gradients(Network network) {
        return network.learnables().stream()
                .map(learnable -> learnable.gradient.toFloatArray())
                .toList();
    }
}
