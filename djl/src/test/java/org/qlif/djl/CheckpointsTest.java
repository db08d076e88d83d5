// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.QlifParameter;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.Safetensors;

class CheckpointsTest {
    private static final int STEPS = 6;
    private static final int BATCH = 3;
    private static final int INPUTS = 5;
    private static final int NEURONS = 7;
    private static final QlifConfig CONFIG = QlifConfig.builder()
            .homeostasis(homeostasis -> homeostasis.on().withTau(3).withLearningRate(0.1))
            .build();

    @TempDir
    private Path folder;

    private final NDManager manager = Engines.manager();
    private final ParameterStore store = new ParameterStore(manager, false);

    @AfterEach
    void closeManager() {
        manager.close();
    }

    private static float[] numbers(long seed, int count) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextDouble(0, 3);
        }
        return values;
    }

    private <B extends Block> B initialized(B block, long... shape) {
        block.initialize(manager, DataType.FLOAT32, new Shape(shape));
        return block;
    }

    private QlifBlock neurons() {
        return initialized(QlifBlock.builder().optConfig(CONFIG).optSeed(42, 1).build(), STEPS, BATCH, NEURONS);
    }

    private float[] run(float[] input, boolean training, Shape shape, Block... blocks) {
        NDList values = new NDList(manager.create(input, shape));
        for (Block block : blocks) {
            values = block.forward(store, values, training);
        }
        return values.singletonOrThrow().toFloatArray();
    }

    /** Bits, and the means that training has left. */
    @Test
    void aBlockIsALayerOfTheLibraryAndBack() throws IOException {
        Shape shape = new Shape(STEPS, BATCH, NEURONS);
        float[] current = numbers(1, STEPS * BATCH * NEURONS);
        QlifBlock trained = neurons();
        NDArray threshold = trained.getDirectParameters().get("v_th").getArray();
        threshold.set(new float[] {0.7f, 0.8f, 0.9f, 1, 1.1f, 1.2f, 1.3f});
        run(current, true, shape, trained);
        Path file = folder.resolve("block.safetensors");
        Checkpoints.save(file, trained);

        QlifBlock loaded = neurons();
        Checkpoints.load(file, loaded);
        float[] expected = run(current, false, shape, loaded);
        Path back = folder.resolve("layer.safetensors");
        try (QlifLayer layer =
                QlifLayer.load(file).device("cpu").seed(42).stream(1).build()) {
            Tensor input = Tensor.of(current, STEPS, BATCH, NEURONS);
            assertThat(layer.learnable())
                    .containsExactlyInAnyOrder(QlifParameter.V_TH, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS);
            assertThat(layer.evaluate(input).spikeValues().toFloatArray()).isEqualTo(expected);
            assertThat(run(current, false, shape, neurons())).isNotEqualTo(expected);
            layer.save(back);
        }
        QlifBlock again = neurons();
        Checkpoints.load(back, again);
        assertThat(run(current, false, shape, again)).isEqualTo(expected);
    }

    @Test
    void aNetworkComesBack() throws IOException {
        float[] spikes = new float[STEPS * BATCH * INPUTS];
        for (int i = 0; i < spikes.length; i += 2) {
            spikes[i] = 1;
        }
        Shape shape = new Shape(STEPS, BATCH, INPUTS);
        Block[] one = network();
        Block[] two = network();
        Block mean = Blocks.identityBlock();
        Path file = folder.resolve("network.safetensors");
        Checkpoints.save(file, one);
        assertThat(run(spikes, false, shape, two[0], two[1], mean, two[2]))
                .isNotEqualTo(run(spikes, false, shape, one[0], one[1], mean, one[2]));
        Block[] three = network();
        Block[] four = network();
        Checkpoints.load(file, three);
        Checkpoints.load(file, four);
        float[] expected = run(spikes, false, shape, three[0], three[1], mean, three[2]);
        assertThat(run(spikes, false, shape, four[0], four[1], mean, four[2])).isEqualTo(expected);
        for (int i = 0; i < one.length; i++) {
            for (String name : one[i].getDirectParameters().keys()) {
                assertThat(three[i].getDirectParameters().get(name).getArray().toFloatArray())
                        .as(i + "." + name)
                        .isEqualTo(one[i].getDirectParameters()
                                .get(name)
                                .getArray()
                                .toFloatArray());
            }
        }
        // The file's weights are (K, M) for both kinds of layers.
        Safetensors saved = Safetensors.read(file, Arena.ofAuto(), 1 << 20);
        assertThat(saved.metadata())
                .containsEntry("layers.0.type", "linear")
                .containsEntry("layers.2.type", "readout")
                .containsEntry("layers.2.order", "any");
        assertThat(saved.shape("layers.0.weight")).containsExactly(INPUTS, NEURONS);
        assertThat(saved.shape("layers.2.weight")).containsExactly(NEURONS, 2);
        float[] engine = one[2].getDirectParameters().get("weight").getArray().toFloatArray();
        assertThat(saved.tensor("layers.2.weight").getFloat(1)).isEqualTo(engine[NEURONS]);
    }

    private Block[] network() {
        return new Block[] {
            initialized(SpikeLinearBlock.builder().setUnits(NEURONS).build(), STEPS, BATCH, INPUTS),
            neurons(),
            initialized(Linear.builder().setUnits(2).build(), STEPS, BATCH, NEURONS)
        };
    }

    @Test
    void refusesWhatDoesNotFitAndLeavesTheBlocksAlone() throws IOException {
        Path file = folder.resolve("network.safetensors");
        Block[] network = network();
        Checkpoints.save(file, network);
        QlifBlock neurons = neurons();
        SpikeLinearBlock wide =
                initialized(SpikeLinearBlock.builder().setUnits(NEURONS).build(), STEPS, BATCH, INPUTS + 1);
        float[] before = wide.getDirectParameters().get("weight").getArray().toFloatArray();
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> Checkpoints.load(file, wide, neurons, network[2]))
                .withMessageContainingAll("layers.0.weight", "[5, 7]", "[6, 7]");
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> Checkpoints.load(file, neurons))
                .withMessageContaining("layers: got 3, expected 1, one for each of the blocks");
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> Checkpoints.load(file, network[0], network[2], network[2]))
                .withMessageContaining("layers.1.type: got 'neurons', expected 'linear'");
        QlifBlock other = initialized(
                QlifBlock.builder()
                        .optConfig(QlifConfig.builder().tau(3).build())
                        .build(),
                STEPS,
                BATCH,
                NEURONS);
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> Checkpoints.load(file, network[0], other, network[2]))
                .withMessageContainingAll("layers.1.config", "tau=3.0");
        SpikeLinearBlock unbiased = initialized(
                SpikeLinearBlock.builder().setUnits(NEURONS).optBias(false).build(), STEPS, BATCH, INPUTS);
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> Checkpoints.load(file, unbiased, neurons, network[2]))
                .withMessageContainingAll("layers.0.bias", "expected none");
        assertThat(wide.getDirectParameters().get("weight").getArray().toFloatArray())
                .isEqualTo(before);
        assertThatIllegalArgumentException().isThrownBy(() -> Checkpoints.save(file));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Checkpoints.save(file, Blocks.identityBlock()))
                .withMessageContaining("blocks[0]: got LambdaBlock");
        assertThatIllegalStateException()
                .isThrownBy(() -> Checkpoints.load(file, QlifBlock.builder().build()))
                .withMessageContaining("blocks[0]: has no parameters yet");
        assertThat(Files.size(file)).isPositive();
    }
}
