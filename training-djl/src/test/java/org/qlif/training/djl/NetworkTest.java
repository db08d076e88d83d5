package org.qlif.training.djl;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.ParameterRange;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.Preset;
import org.qlif.QlifParameter;
import org.qlif.QlifVariable;
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

    private final Kernel kernel =
            Kernel.open(SMOOTH, Device.of("cpu"), KernelOptions.defaults().withThreads(1));

    @AfterEach
    void closeKernel() {
        kernel.close();
    }

    private Network network(double clipGrad) {
        return new Network(SHAPE, SMOOTH, List.of(QlifParameter.values()), kernel, 1, 1e-2, clipGrad, 3);
    }

    private static Workspace workspace(Network network) {
        Workspace work = network.trainingWorkspace(LABELS.length);
        fillWithSpikes(work);
        return work;
    }

    private static void fillWithSpikes(Workspace work) {
        SplittableRandom random = new SplittableRandom(5);
        for (long i = 0; i < work.spikes.tensor().elements(); i++) {
            work.spikes.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextInt(2));
        }
    }

    /** Central differences: with h = 1e-2 their own error is of order h^2 of the third derivative, and rounding of 1e-5. */
    @Test
    void twoPhaseGradientIsThatOfTheLoss() {
        try (Network network = network(0)) {
            Workspace work = workspace(network);
            Workspace probe = network.testWorkspace(LABELS.length);
            fillWithSpikes(probe);
            network.gradients(work, LABELS, DRAWS);
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
                    double numeric = slope(network, probe, learnable, values, i);
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
            Network network, Workspace probe, Network.Learnable learnable, float[] values, int index) {
        double h = 1e-2;
        double up = lossAt(network, probe, learnable, values, index, values[index] + h);
        double down = lossAt(network, probe, learnable, values, index, values[index] - h);
        learnable.value.toByteBuffer(true).putFloat(index * Float.BYTES, values[index]);
        return (up - down) / (2 * h);
    }

    private static double lossAt(
            Network network, Workspace probe, Network.Learnable learnable, float[] values, int index, double value) {
        learnable.value.toByteBuffer(true).putFloat(index * Float.BYTES, (float) value);
        return network.test(probe, LABELS, DRAWS).loss();
    }

    @Test
    void gradientsDoNotAddUpOverSteps() {
        try (Network network = network(0)) {
            Workspace work = workspace(network);
            network.train(work, LABELS, DRAWS);
            fillWithSpikes(work);
            double first = normAfterGradients(network, work);
            network.train(work, LABELS, DRAWS);
            double second = normAfterGradients(network, work);
            assertThat(second).isCloseTo(first, Offset.offset(0.2 * first));
        }
    }

    private static double normAfterGradients(Network network, Workspace work) {
        network.gradients(work, LABELS, DRAWS);
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
            network.gradients(workspace(network), LABELS, DRAWS);
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
                Workspace work = workspace(network);
                Network.Learnable learnable = network.learnables().stream()
                        .filter(each -> each.name.equals(name))
                        .findFirst()
                        .orElseThrow();
                learnable.value.toByteBuffer(true).putFloat(0, bad);
                assertThat(network.train(work, LABELS, DRAWS).divergence())
                        .as(name)
                        .isNotNull();
                fillWithSpikes(work);
                Workspace probe = network.testWorkspace(LABELS.length);
                fillWithSpikes(probe);
                if (name.startsWith("output")) {
                    assertThat(network.test(probe, LABELS, DRAWS).divergence())
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
        try (Network network = new Network(SHAPE, SMOOTH, List.of(QlifParameter.values()), kernel, 1, 3e38, 0, 3)) {
            assertThat(network.train(workspace(network), LABELS, DRAWS).divergence())
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
        try (Kernel own = Kernel.open(
                        config, Device.of("cpu"), KernelOptions.defaults().withThreads(1));
                Network network = new Network(SHAPE, config, learned, own, 1, 1e4, 0, 3)) {
            Workspace work = workspace(network);
            assertThat(network.train(work, LABELS, DRAWS).divergence()).isNull();
            Parameters parameters = work.forward.parameters();
            for (QlifParameter parameter : learned) {
                ParameterRange range = SMOOTH.usefulRange(parameter);
                for (float value : parameters.get(parameter).toFloatArray()) {
                    assertThat(value).as(parameter.symbol()).isIn(range.least(), range.most());
                }
            }
            assertThat(parameters.get(QlifParameter.TAU).toFloatArray()).containsOnly(1f);
        }
    }

    /** From step to step of training, whatever its batch; tests start from them and leave them. */
    @Test
    void carriesTheStatisticsOfHomeostasis() {
        QlifConfig config = SMOOTH.toBuilder()
                .homeostasis(homeostasis -> homeostasis.on().withTau(3).withLearningRate(0.1))
                .build();
        try (Kernel own = Kernel.open(
                        config, Device.of("cpu"), KernelOptions.defaults().withThreads(1));
                Network network = new Network(SHAPE, config, List.of(QlifParameter.V_TH), own, 1, 1e-2, 0, 3)) {
            Workspace work = workspace(network);
            float[] before = offsets(network);
            assertThat(before).containsOnly(0f);
            for (int step = 0; step < 3; step++) {
                fillWithSpikes(work);
                network.train(work, LABELS, DRAWS);
                float[] started = work.start.get(QlifVariable.HOMEOSTASIS).toFloatArray();
                float[] ended = work.end.get(QlifVariable.HOMEOSTASIS).toFloatArray();
                float[] after = offsets(network);
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
            }
            Workspace single = network.testWorkspace(1);
            network.test(single, new int[] {0}, DRAWS);
            assertThat(single.forward
                            .initialState()
                            .get(QlifVariable.HOMEOSTASIS)
                            .toFloatArray())
                    .isEqualTo(before);
            assertThat(offsets(network)).isEqualTo(before);
        }
        try (Network network = network(0)) {
            assertThat(workspace(network).forward.initialState()).isNull();
        }
    }

    private static float[] offsets(Network network) {
        return network.statistics().get(QlifVariable.HOMEOSTASIS).toFloatArray();
    }

    @Test
    void leavesSmallGradientsAlone() {
        try (Network network = network(1e3)) {
            network.gradients(workspace(network), LABELS, DRAWS);
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
