// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.ParameterRange;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Preset;
import org.qlif.QlifParameter;
import org.qlif.QlifVariable;
import org.qlif.Tensor;

class TrainerTest {
    static final int INPUTS = 20;
    static final int STEPS = 5;
    private static final int CLASSES = 3;
    static final int ROWS = 300;

    /** Draws that reach the loss, and statistics that are carried on. */
    private static final QlifConfig DRAWN = QlifConfig.defaults().toBuilder()
            .homeostasis(homeostasis -> homeostasis.on().withTau(3).withLearningRate(0.1))
            .build();

    static final int[] LABELS =
            IntStream.range(0, ROWS).map(row -> row % CLASSES).toArray();

    /** Each class lights a third of the inputs. */
    static final PoissonEncoder ENCODER = new PoissonEncoder(intensities(), INPUTS, STEPS);

    static byte[] intensities() {
        byte[] levels = new byte[ROWS * INPUTS];
        for (int i = 0; i < levels.length; i++) {
            levels[i] = (byte) (i * 37 % 60 + (i % INPUTS % CLASSES == LABELS[i / INPUTS] ? 180 : 0));
        }
        return levels;
    }

    private static Network network(QlifConfig config) {
        return Network.builder(INPUTS)
                .linear(24)
                .neurons(config, QlifParameter.V_TH, QlifParameter.Q_SCALE)
                .readout(CLASSES)
                .seed(1)
                .build();
    }

    /** Spikes go from the first neurons to the second as bits, from the second to the readout as floats. */
    static Network deep() {
        Network network = Network.builder(INPUTS)
                .linear(17)
                .neurons(LifConfig.defaults())
                .linear(9)
                .neurons(DRAWN, QlifParameter.values())
                .readout(CLASSES)
                .seed(1)
                .build();
        // So that the first neurons spike within a few steps.
        network.get("0.bias").fill(4);
        return network;
    }

    private static Batch batch(int count) {
        return batch(0, count);
    }

    private static Batch batch(int from, int to) {
        return new Batch(
                ENCODER,
                Loss.crossEntropy(LABELS),
                IntStream.range(from, to).map(i -> i * 7 % ROWS).toArray());
    }

    static Trainer.Builder on(Network network, int threads) {
        return Trainer.builder(network)
                .adam(new Adam(1e-2))
                .clip(0.5)
                .seed(7)
                .device("cpu")
                .options(KernelOptions.defaults().withThreads(threads));
    }

    private static Map<String, float[]> values(Network network) {
        Map<String, float[]> values = new HashMap<>();
        network.names().forEach(name -> values.put(name, network.get(name).toFloatArray()));
        return values;
    }

    private static void assertSame(Network one, Network two) {
        assertSame(one, values(two));
    }

    /** Bit for bit. */
    private static void assertSame(Network network, Map<String, float[]> values) {
        values.forEach((name, expected) ->
                assertThat(network.get(name).toFloatArray()).as(name).isEqualTo(expected));
    }

    @Test
    void learns() {
        Network network = network(Preset.SNAPSHOT_2025_08_24
                .builder(QlifConfig.Decision.QUBIT)
                .tau(2)
                .build());
        DataOrder order = new DataOrder(ROWS, 3);
        try (Trainer trainer = on(network, 2).build()) {
            StepResult before = trainer.test(batch(ROWS));
            for (int epoch = 0; epoch < 12; epoch++) {
                int[] rows = order.epoch(epoch);
                for (int from = 0; from < ROWS; from += 50) {
                    trainer.train(
                            new Batch(ENCODER, Loss.crossEntropy(LABELS), Arrays.copyOfRange(rows, from, from + 50)));
                }
            }
            StepResult after = trainer.test(batch(ROWS));
            assertThat(before.accuracy()).isLessThan(0.6);
            assertThat(after.accuracy()).isGreaterThan(0.95);
            assertThat(after.loss()).isLessThan(before.loss());
            assertThat(trainer.step()).isEqualTo(12 * 6);
        }
    }

    /** Two layers of neurons, all that they have to learn, and a batch of more than one block. */
    @Test
    void gradientsAreThoseOfTheLoss() {
        Network network = Network.builder(INPUTS)
                .linear(7)
                .neurons(ReferenceNetwork.NEURON, QlifParameter.V_TH, QlifParameter.TAU)
                .linear(5)
                .neurons(ReferenceNetwork.NEURON, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS)
                .readout(CLASSES)
                .seed(4)
                .build();
        ReferenceNetwork reference = new ReferenceNetwork(network, INPUTS, 7, 5, CLASSES);
        Batch batch = batch(70);
        // What the trainer will make of the rows at its first step.
        boolean[][][] spikes = new boolean[70][STEPS][INPUTS];
        SpikeInput recorder = recording(spikes, batch.rows());
        int[] labels = Arrays.stream(batch.rows()).map(row -> LABELS[row]).toArray();
        try (Trainer trainer = on(network, 2).build()) {
            BlockSums sums = trainer.gradients(new Batch(recorder, batch.loss(), batch.rows()), 0, 3);
            double largest = 0;
            for (String name : reference.names()) {
                float[] gradient = sums.gradient(name);
                for (int i = 0; i < gradient.length; i++) {
                    double slope = reference.slope(name, i, spikes, labels);
                    // float32 sums of 70 * 5 terms; differences in float64 are good to 1e-10.
                    assertThat((double) gradient[i])
                            .as("%s[%d]", name, i)
                            .isCloseTo(slope, Offset.offset(2e-6 * Math.max(1, Math.abs(slope))));
                    largest = Math.max(largest, Math.abs(slope));
                }
            }
            assertThat(largest).isGreaterThan(0.02);
            StepResult result = trainer.update(sums);
            assertThat(result.loss()).isCloseTo(reference.meanLoss(spikes, labels), Offset.offset(1e-6));
            assertThat(result.rows()).isEqualTo(70);
        }
    }

    /** Encodes as {@link #ENCODER} and keeps what it made of {@code rows}, {@code [b][t][k]}. */
    private static SpikeInput recording(boolean[][][] spikes, int[] rows) {
        return new SpikeInput() {
            @Override
            public int rows() {
                return ENCODER.rows();
            }

            @Override
            public int steps() {
                return STEPS;
            }

            @Override
            public int width() {
                return INPUTS;
            }

            @Override
            public void encode(long key, int[] numbers, int from, int count, Tensor tensor) {
                ENCODER.encode(key, numbers, from, count, tensor);
                long[] words = tensor.toLongArray();
                int stepWords = words.length / STEPS;
                for (int b = 0; b < rows.length; b++) {
                    for (int i = 0; i < count; i++) {
                        for (int e = 0; rows[b] == numbers[from + i] && e < STEPS * INPUTS; e++) {
                            int bit = i * INPUTS + e % INPUTS;
                            int word = e / INPUTS * stepWords + bit / 64;
                            spikes[b][e / INPUTS][e % INPUTS] = (words[word] >>> bit & 1) != 0;
                        }
                    }
                }
            }
        };
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 32, 33, 70, 129, 300})
    void theNumberOfThreadsChangesNoBit(int rows) {
        Network one = deep();
        Network three = deep();
        try (Trainer alone = on(one, 1).build();
                Trainer shared = on(three, 3).build()) {
            for (int step = 0; step < 3; step++) {
                StepResult expected = alone.train(batch(step, step + rows));
                StepResult result = shared.train(batch(step, step + rows));
                assertThat(result.loss()).isEqualTo(expected.loss());
                assertThat(result.right()).isEqualTo(expected.right());
            }
            assertSame(three, one);
            for (QlifVariable variable : new QlifVariable[] {QlifVariable.RATE, QlifVariable.HOMEOSTASIS}) {
                assertThat(three.statistics(3).get(variable).toFloatArray())
                        .isEqualTo(one.statistics(3).get(variable).toFloatArray());
            }
            assertThat(shared.outputs(batch(rows))).isEqualTo(alone.outputs(batch(rows)));
            assertThat(shared.test(batch(rows)).loss())
                    .isEqualTo(alone.test(batch(rows)).loss());
        }
    }

    /** The same on every device and machine; whoever changes the definition changes this number, and says so in docs/numerics.md. */
    @ParameterizedTest
    @ValueSource(strings = {"cpu:scalar", "cpu:simd"})
    void learnsTheBitsThatAreStored(String device) {
        Network network = deep();
        try (Trainer trainer = on(network, 2).device(device).build()) {
            for (int step = 0; step < 5; step++) {
                trainer.train(batch(step * 50, step * 50 + 100));
            }
        }
        CRC32 crc = new CRC32();
        for (String name : network.names()) {
            crc.update(network.get(name).segment().toArray(ValueLayout.JAVA_BYTE));
        }
        for (QlifVariable variable : new QlifVariable[] {QlifVariable.RATE, QlifVariable.HOMEOSTASIS}) {
            crc.update(network.statistics(3).get(variable).segment().toArray(ValueLayout.JAVA_BYTE));
        }
        assertThat(Long.toHexString(crc.getValue())).isEqualTo("89ffaf14");
    }

    /** Cuts that are subtrees of blocks and cuts that are not; several threads do more blocks at a time than one. */
    @ParameterizedTest
    @CsvSource({"2, 300", "4, 300", "5, 300", "1, 300", "9, 300", "1, 40", "3, 128"})
    void machinesThatShareAStepLearnAsOne(int cut, int rows) {
        Network whole = deep();
        Network left = deep();
        Network right = deep();
        try (Trainer alone = on(whole, 1).build();
                Trainer one = on(left, 2).build();
                Trainer two = on(right, 1).build()) {
            for (int step = 0; step < 3; step++) {
                Batch batch = batch(step, step + rows);
                StepResult expected = alone.train(batch);
                BlockSums sums = one.gradients(batch, 0, cut).append(two.gradients(batch, cut, batch.blocks()));
                assertThat(sums.isComplete()).isTrue();
                for (Trainer machine : new Trainer[] {one, two}) {
                    StepResult result = machine.update(sums);
                    assertThat(result.loss()).isEqualTo(expected.loss());
                    assertThat(result.right()).isEqualTo(expected.right());
                }
                assertSame(left, whole);
                assertSame(right, whole);
                assertThat(right.statistics(3).get(QlifVariable.HOMEOSTASIS).toFloatArray())
                        .isEqualTo(whole.statistics(3)
                                .get(QlifVariable.HOMEOSTASIS)
                                .toFloatArray());
            }
        }
    }

    @Test
    void refusesSumsThatDontFitTogether() {
        try (Trainer trainer = on(deep(), 1).build();
                Trainer other = on(deep(), 1).build();
                Trainer stranger = on(network(DRAWN), 1).build()) {
            Batch batch = batch(160);
            BlockSums first = trainer.gradients(batch, 0, 2);
            assertThat(first.isComplete()).isFalse();
            assertThatIllegalStateException()
                    .isThrownBy(() -> trainer.update(first))
                    .withMessageContaining("blocks 0 to 2 of 5");
            assertThatIllegalStateException().isThrownBy(() -> first.gradient("0.bias"));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> first.append(other.gradients(batch, 3, 5)))
                    .withMessageContaining("expected blocks from 2 on");
            assertThatIllegalArgumentException().isThrownBy(() -> first.append(other.gradients(batch(161), 2, 6)));
            assertThatIllegalArgumentException().isThrownBy(() -> first.append(stranger.gradients(batch, 2, 5)));
            other.train(batch);
            assertThatIllegalArgumentException().isThrownBy(() -> first.append(other.gradients(batch, 2, 5)));
            BlockSums all = trainer.gradients(batch, 0, 5);
            trainer.update(all);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> trainer.update(all))
                    .withMessageContaining("expected those of step 1");
            assertThatThrownBy(() -> trainer.gradients(batch, 2, 6)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> trainer.gradients(batch, 2, 2)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    /** As large, or larger, of other layers, or of other neurons: nothing is learned from them. */
    @Test
    void refusesSumsOfAnotherNetwork() {
        Network network = network(DRAWN);
        Network wider = Network.builder(INPUTS)
                .linear(40)
                .neurons(DRAWN, QlifParameter.V_TH, QlifParameter.Q_SCALE)
                .readout(CLASSES)
                .build();
        Network others = network(QlifConfig.plainLif());
        Map<String, float[]> before = values(network);
        Tensor rate = network.statistics(1).get(QlifVariable.RATE);
        float[] rates = rate.toFloatArray();
        try (Trainer trainer = on(network, 1).build()) {
            for (Network other : new Network[] {wider, others, deep()}) {
                try (Trainer stranger = on(other, 1).build()) {
                    BlockSums sums = stranger.gradients(batch(64), 0, 2);
                    assertThatIllegalArgumentException()
                            .isThrownBy(() -> trainer.update(sums))
                            .withMessageStartingWith("sums: got BlockSums[blocks 0 to 2 of 2, step 0] of Network[");
                    BlockSums first = trainer.gradients(batch(64), 0, 1);
                    BlockSums second = stranger.gradients(batch(64), 1, 2);
                    assertThatIllegalArgumentException()
                            .isThrownBy(() -> first.append(second))
                            .withMessageStartingWith("later: got BlockSums[");
                }
            }
            assertSame(network, before);
            assertThat(rate.toFloatArray()).isEqualTo(rates);
            assertThat(trainer.step()).isZero();
        }
    }

    /** Their memory holds the sums of the trainer's next call. */
    @Test
    void refusesSumsOfAnEarlierCall() {
        try (Trainer trainer = on(network(DRAWN), 1).build();
                Trainer other = on(network(DRAWN), 1).build()) {
            BlockSums all = trainer.gradients(batch(64), 0, 2);
            BlockSums first = trainer.gradients(batch(64), 0, 1);
            BlockSums second = other.gradients(batch(64), 1, 2);
            assertThatIllegalStateException()
                    .isThrownBy(() -> trainer.update(all))
                    .withMessage(
                            "sums: got BlockSums[blocks 0 to 2 of 2, step 0], whose trainer has made others since");
            assertThatIllegalStateException().isThrownBy(() -> all.gradient("0.weight"));
            trainer.test(batch(64));
            assertThat(trainer.update(first.append(second)).loss()).isPositive();
            BlockSums mine = trainer.gradients(batch(64), 0, 1);
            BlockSums theirs = trainer.gradients(batch(64), 1, 2);
            assertThatIllegalStateException()
                    .isThrownBy(() -> mine.append(theirs))
                    .withMessageStartingWith("these sums: got ");
        }
    }

    /** The kernel would read the new tensor, and the optimizer change the old one. */
    @Test
    void refusesAReplacedParameterThatIsLearned() {
        Network network = network(DRAWN);
        try (Trainer trainer = on(network, 1).build()) {
            network.parameters(1).set(QlifParameter.TAU, Tensor.of(new float[] {9}, 1));
            trainer.train(batch(32));
            network.parameters(1).set(QlifParameter.V_TH, Tensor.of(new float[24], 24));
            assertThatIllegalStateException()
                    .isThrownBy(() -> trainer.train(batch(32)))
                    .withMessage(
                            "1.v_th: its tensor was replaced by F32[24]; expected its values to be written into get(\"1.v_th\")");
            assertThatIllegalStateException().isThrownBy(() -> trainer.test(batch(32)));
            network.parameters(1).set(QlifParameter.V_TH, network.get("1.v_th"));
            trainer.train(batch(32));
            assertThat(trainer.step()).isEqualTo(2);
        }
    }

    /** A class that changes after the loss was made could be one that no output stands for. */
    @Test
    void copiesWhatItChecked() {
        int[] labels = LABELS.clone();
        int[] rows = {1, 2, 3};
        Batch batch = new Batch(ENCODER, Loss.crossEntropy(labels), rows);
        try (Trainer trainer = on(network(DRAWN), 1).build()) {
            StepResult before = trainer.test(batch);
            Arrays.fill(labels, 1000);
            Arrays.fill(rows, -1);
            assertThat(trainer.test(batch).loss()).isEqualTo(before.loss());
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Trainer.builder(network(DRAWN)).clip(1e-300))
                .withMessage("norm: got 1.0E-300, expected a finite norm > 0 in float32, or 0 for no clipping");
    }

    /** Tested together, whatever the number of steps, rows give the bits that each gives by itself. */
    @ParameterizedTest
    @ValueSource(ints = {1, 20, 41, 200})
    void rowsTestedTogetherChangeNoBit(int steps) {
        PoissonEncoder encoder = new PoissonEncoder(intensities(), INPUTS, steps);
        Loss loss = Loss.crossEntropy(LABELS);
        try (Trainer trainer = on(deep(), 1).build()) {
            float[] together = trainer.outputs(
                    new Batch(encoder, loss, IntStream.range(0, 39).toArray()));
            assertThat(together).hasSize(39 * CLASSES);
            for (int row : new int[] {0, 7, 8, 31, 32, 38}) {
                assertThat(trainer.outputs(new Batch(encoder, loss, new int[] {row})))
                        .isEqualTo(Arrays.copyOfRange(together, row * CLASSES, (row + 1) * CLASSES));
            }
        }
    }

    /** A test sees the same of a row whatever stands beside it, and changes nothing. */
    @Test
    void testsDependOnTheRowAlone() {
        Network network = deep();
        try (Trainer trainer = on(network, 2).build()) {
            trainer.train(batch(64));
            Map<String, float[]> before = values(network);
            float[] offsets =
                    network.statistics(3).get(QlifVariable.HOMEOSTASIS).toFloatArray();
            assertThat(offsets).isNotEqualTo(new float[offsets.length]);
            float[] together = trainer.outputs(batch(70));
            for (int row : new int[] {0, 31, 32, 69}) {
                assertThat(trainer.outputs(batch(row, row + 1)))
                        .isEqualTo(Arrays.copyOfRange(together, row * CLASSES, (row + 1) * CLASSES));
            }
            assertThat(trainer.outputs(batch(70))).isEqualTo(together);
            assertSame(network, before);
            assertThat(network.statistics(3).get(QlifVariable.HOMEOSTASIS).toFloatArray())
                    .isEqualTo(offsets);
        }
    }

    @Test
    void trainingStepsSeeOtherSpikesAndDraws() {
        Network network = network(DRAWN);
        try (Trainer trainer = on(network, 1).build();
                Trainer later = on(network, 1).step(1).build();
                Trainer otherwise = on(network, 1).seed(8).build()) {
            float[] gradient = trainer.gradients(batch(32), 0, 1).gradient("0.weight");
            assertThat(trainer.gradients(batch(32), 0, 1).gradient("0.weight")).isEqualTo(gradient);
            assertThat(later.gradients(batch(32), 0, 1).gradient("0.weight")).isNotEqualTo(gradient);
            assertThat(otherwise.gradients(batch(32), 0, 1).gradient("0.weight"))
                    .isNotEqualTo(gradient);
        }
    }

    @Test
    void resumesBitForBit() {
        Network through = network(DRAWN);
        Network first = network(DRAWN);
        try (Trainer trainer = on(through, 1).build()) {
            for (int step = 0; step < 4; step++) {
                trainer.train(batch(step, step + 40));
            }
        }
        Adam adam = new Adam(1e-2);
        for (int part = 0; part < 2; part++) {
            try (Trainer trainer = on(first, 1).adam(adam).step(2 * part).build()) {
                trainer.train(batch(2 * part, 2 * part + 40));
                trainer.train(batch(2 * part + 1, 2 * part + 41));
            }
        }
        assertSame(first, through);
    }

    /** Adam's step hides a factor of the gradient but for its epsilon, which is great here. */
    @Test
    void cutsTheNormOfAllGradientsTogether() {
        float[][] moved = new float[2][];
        double[] norms = new double[2];
        for (int i = 0; i < 2; i++) {
            Network network = network(DRAWN);
            Adam adam = new Adam(1, 0, 0, 1e6);
            try (Trainer trainer = on(network, 1).adam(adam).clip(i * 1e-3).build()) {
                BlockSums sums = trainer.gradients(batch(64), 0, 2);
                norms[i] = norm(network, sums);
                trainer.update(sums);
                moved[i] = adam.firstMoments();
            }
        }
        assertThat(norms[0]).isGreaterThan(1e-2).isEqualTo(norms[1]);
        double cut = 0;
        for (int i = 0; i < moved[0].length; i++) {
            assertThat((double) moved[1][i])
                    .isCloseTo(moved[0][i] * 1e-3 / norms[0], Offset.offset(1e-9 + 1e-6 * Math.abs(moved[1][i])));
            cut += (double) moved[1][i] * moved[1][i];
        }
        assertThat(Math.sqrt(cut)).isCloseTo(1e-3, Offset.offset(1e-9));
    }

    private static double norm(Network network, BlockSums sums) {
        double squares = 0;
        for (String name : network.names()) {
            for (float value : sums.gradient(name)) {
                squares += (double) value * value;
            }
        }
        return Math.sqrt(squares);
    }

    /** Adam's first step is the learning rate: far beyond every bound. */
    @Test
    void keepsNeuronParametersInTheirUsefulRange() {
        Network network = network(DRAWN);
        try (Trainer trainer = on(network, 1).adam(new Adam(1e4)).build()) {
            trainer.train(batch(32));
        }
        for (QlifParameter parameter : new QlifParameter[] {QlifParameter.V_TH, QlifParameter.Q_SCALE}) {
            ParameterRange range = DRAWN.usefulRange(parameter);
            for (float value : network.get("1." + parameter.symbol()).toFloatArray()) {
                assertThat(value).isBetween(range.least(), range.most());
            }
        }
        assertThat(network.parameters(1).get(QlifParameter.TAU).toFloatArray())
                .containsOnly(DRAWN.defaultValue(QlifParameter.TAU));
    }

    @ParameterizedTest
    @CsvSource({
        "0.weight, NaN",
        "0.bias, Infinity",
        "2.weight, -Infinity",
        "2.bias, NaN",
    })
    void divergenceIsTold(String name, float value) {
        Network network = network(DRAWN);
        network.get(name).setFloat(0, value);
        try (Trainer trainer = on(network, 1).build()) {
            Map<String, float[]> before = values(network);
            // Rows enough for the input to have spiked.
            assertThatExceptionOfType(DivergenceException.class)
                    .isThrownBy(() -> trainer.train(batch(64)))
                    .withMessageMatching("the (loss|norm of the gradients) is .*");
            assertSame(network, before);
            assertThat(trainer.step()).isZero();
            if (name.startsWith("2")) {
                assertThatExceptionOfType(DivergenceException.class).isThrownBy(() -> trainer.test(batch(64)));
            }
        }
    }

    /** Of finite gradients, whose squares are not: where they are cut there is no harm in it. */
    @Test
    void gradientsThatCantBeSquaredAreTold() {
        for (double clip : new double[] {0, 1}) {
            Network network = network(DRAWN);
            network.get("2.weight").fill(1e25f);
            network.get("2.weight").setFloat(0, -1e25f);
            Loss flat = new Loss() {
                @Override
                public int rows() {
                    return ROWS;
                }

                @Override
                public void requireOutputs(int outputs) {}

                @Override
                public double of(int row, float[] logits, int at, int outputs, float[] gradient, double weight) {
                    Arrays.fill(gradient, at, at + outputs, 1);
                    return 0;
                }

                @Override
                public boolean isRight(int row, float[] logits, int at, int outputs) {
                    return true;
                }
            };
            try (Trainer trainer = on(network, 1).clip(clip).build()) {
                Batch batch = new Batch(ENCODER, flat, batch(64).rows());
                if (clip == 0) {
                    assertThatExceptionOfType(DivergenceException.class)
                            .isThrownBy(() -> trainer.train(batch))
                            .withMessageMatching("the norm of the gradients is \\d.*E2\\d");
                } else {
                    assertThat(trainer.train(batch).accuracy()).isEqualTo(1);
                }
            }
        }
    }

    @Test
    void anUpdateThatLeavesTheFiniteNumbersIsTold() {
        try (Trainer trainer = on(network(DRAWN), 1).adam(new Adam(3e38)).build()) {
            for (int i = 0; i < trainer.network().get("0.weight").elements(); i++) {
                trainer.network().get("0.weight").setFloat(i, Math.signum(i % 7 - 3) * 1e37f);
            }
            assertThatExceptionOfType(DivergenceException.class)
                    .isThrownBy(() -> {
                        for (int step = 0; step < 3; step++) {
                            trainer.train(batch(64));
                        }
                    })
                    .withMessageContaining("is ");
        }
    }

    @Test
    void trainsOnBinaryTargetsToo() {
        float[] targets = new float[ROWS * CLASSES];
        for (int row = 0; row < ROWS; row++) {
            targets[row * CLASSES + LABELS[row]] = 1;
        }
        Network network = network(Preset.SNAPSHOT_2025_08_24
                .builder(QlifConfig.Decision.QUBIT)
                .tau(2)
                .build());
        int[] rows = IntStream.range(0, ROWS).toArray();
        Batch batch = new Batch(ENCODER, Loss.binaryCrossEntropy(targets, CLASSES), rows);
        try (Trainer trainer = on(network, 2).build()) {
            StepResult before = trainer.test(batch);
            for (int step = 0; step < 60; step++) {
                trainer.train(batch);
            }
            StepResult after = trainer.test(batch);
            assertThat(after.loss()).isLessThan(0.6 * before.loss());
            assertThat(after.accuracy()).isGreaterThan(before.accuracy());
        }
    }

    @Test
    void showsSpikes() {
        Network network = deep();
        try (Trainer trainer = on(network, 1).build()) {
            Tensor first = trainer.spikes(batch(40), 1);
            assertThat(first.toString()).isEqualTo("U8[5, 32, 17]");
            assertThat(trainer.spikes(batch(2), 3).toString()).isEqualTo("U8[5, 2, 9]");
            byte[] spikes = first.toByteArray();
            assertThat(spikes).contains((byte) 1).contains((byte) 0);
            assertThat(trainer.spikes(batch(40), 1).toByteArray()).isEqualTo(spikes);
            // The mean over time of sampled spikes is what the readout sees.
            byte[] last = trainer.spikes(batch(1), 3).toByteArray();
            assertThat(last).contains((byte) 1);
            float[] logits = network.get("4.bias").toFloatArray();
            for (int n = 0; n < 9; n++) {
                float rate = 0;
                for (int t = 0; t < STEPS; t++) {
                    rate += last[t * 9 + n];
                }
                for (int m = 0; m < CLASSES; m++) {
                    logits[m] += rate / STEPS * network.get("4.weight").getFloat(n * CLASSES + m);
                }
            }
            float[] outputs = trainer.outputs(batch(1));
            for (int m = 0; m < CLASSES; m++) {
                assertThat(outputs[m]).isCloseTo(logits[m], Offset.offset(1e-5f));
            }
        }
    }

    @Test
    void tellsWhereTheTimeWent() {
        try (Trainer trainer = on(deep(), 2).build()) {
            StepTimes times = trainer.train(batch(128)).times();
            assertThat(times.encoding()).isPositive();
            assertThat(times.linear()).isPositive();
            assertThat(times.neurons()).isPositive();
            assertThat(times.update()).isPositive();
            assertThat(times.encoding() + times.linear() + times.neurons() + times.update())
                    .isLessThanOrEqualTo(times.whole());
            StepTimes test = trainer.test(batch(128)).times();
            assertThat(test.encoding()).isPositive();
            assertThat(test.linear()).isPositive();
            // The layers below the readout are among the neurons: far more than the readout of one mean a row.
            assertThat(test.neurons()).isGreaterThan(test.linear());
            assertThat(test.update()).isZero();
            assertThat(test.encoding() + test.linear() + test.neurons()).isLessThanOrEqualTo(test.whole());
        }
    }

    @Test
    void refusesBatchesThatDontFit() {
        Loss loss = Loss.crossEntropy(LABELS);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Batch(ENCODER, loss, new int[0]))
                .withMessage("rows: got none, expected at least one");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Batch(ENCODER, loss, new int[] {0, 300}))
                .withMessage("rows[1]: got 300, expected 0 to 299, the rows of the data");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Batch(ENCODER, Loss.crossEntropy(new int[5]), new int[1]))
                .withMessage("loss: got 5 rows, expected 300, as many as the input has");
        Network narrow = Network.builder(19).linear(3).neurons(DRAWN).readout(2).build();
        Network few =
                Network.builder(INPUTS).linear(3).neurons(DRAWN).readout(2).build();
        try (Trainer trainer = on(narrow, 1).build();
                Trainer other = on(few, 1).build()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> trainer.train(batch(1)))
                    .withMessage("input: got width 20, expected 19, the inputs of the network");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> other.test(batch(1)))
                    .withMessageStartingWith("loss: got label 2, expected labels from 0 to 1");
        }
    }

    @Test
    void refusesWhatABuilderCantBuild() {
        Network network = network(DRAWN);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> on(network, 1).clip(Double.NaN))
                .withMessageStartingWith("norm: got NaN");
        assertThatIllegalArgumentException().isThrownBy(() -> on(network, 1).step(-1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> on(network, 1).device("abacus").build())
                .withMessageContaining("abacus");
        Adam used = new Adam(1);
        used.resume(1, new float[3], new float[3]);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> on(network, 1).adam(used).build())
                .withMessageStartingWith("adam: got moments of 3 values");
    }

    @Test
    void aClosedTrainerSaysSo() {
        Trainer trainer = on(network(DRAWN), 2).build();
        assertThat(trainer.description()).startsWith("2 threads, ");
        assertThat(trainer.device().kind()).isEqualTo("cpu");
        trainer.train(batch(3));
        trainer.close();
        trainer.close();
        assertThatIllegalStateException().isThrownBy(() -> trainer.train(batch(3)));
        assertThatIllegalStateException().isThrownBy(() -> trainer.test(batch(3)));
        assertThatIllegalStateException().isThrownBy(() -> trainer.spikes(batch(3), 1));
        assertThat(trainer.toString()).contains("closed");
    }

    /** What an encoder or a loss throws comes through, and leaves a trainer that works. */
    @Test
    void failuresOfOthersComeThrough() {
        SpikeInput broken = new SpikeInput() {
            @Override
            public int rows() {
                return ROWS;
            }

            @Override
            public int steps() {
                return STEPS;
            }

            @Override
            public int width() {
                return INPUTS;
            }

            @Override
            public void encode(long key, int[] rows, int from, int count, Tensor spikes) {
                throw new IllegalStateException("out of data");
            }
        };
        Network one = deep();
        Network two = deep();
        try (Trainer trainer = on(one, 2).build();
                Trainer other = on(two, 2).build()) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> trainer.train(new Batch(broken, Loss.crossEntropy(LABELS), new int[200])))
                    .withMessage("out of data");
            trainer.train(batch(200));
            other.train(batch(200));
            assertSame(one, two);
        }
    }
}
