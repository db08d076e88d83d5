// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.loss.Loss;
import ai.djl.util.Pair;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.Preset;
import org.qlif.QlifParameter;

/** Gradients of graphs with several blocks and the engine's own layers around them, against differences of the loss. */
class GradientTest {
    /** Every spike value is p and nothing else sees a draw, so the loss is a smooth function of everything. */
    private static final QlifConfig SMOOTH = Preset.SNAPSHOT_2025_08_24
            .builder(Decision.QUBIT)
            .noise(noise -> noise.withStd(0))
            .reset(reset -> reset.withDetached(false))
            .tau(2)
            .ahp(QlifConfig.Ahp::off)
            .calibrate(0.2, 0.4)
            .eta(0.1)
            .build();

    private static final Shape INPUT = new Shape(4, 3, 6);

    private final NDManager manager = Engines.manager();
    private NDArray labels;
    private NDArray input;

    @BeforeEach
    void makeData() {
        Engine.getEngine("PyTorch").setRandomSeed(7);
        labels = manager.create(new int[] {0, 2, 1});
        SplittableRandom random = new SplittableRandom(5);
        float[] values = new float[(int) INPUT.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-1, 2);
        }
        input = manager.create(values, INPUT);
        input.setRequiresGradient(true);
    }

    @AfterEach
    void closeManager() {
        manager.close();
    }

    private static QlifBlock neurons() {
        return QlifBlock.builder()
                .optConfig(SMOOTH)
                .optLearned(QlifParameter.values())
                .build();
    }

    private static Block linear(int units) {
        return Linear.builder().setUnits(units).build();
    }

    private static Block mean() {
        return LambdaBlock.singleton(array -> array.mean(new int[] {0}));
    }

    @Test
    void ofTwoLayersBetweenTheEnginesOwn() {
        check(new SequentialBlock()
                .add(linear(5))
                .add(neurons())
                .add(linear(4))
                .add(neurons())
                .add(mean())
                .add(linear(3)));
    }

    /** What both branches start from is gone through twice, and so is what passes them by. */
    @Test
    void ofParallelBranches() {
        Function<List<NDList>, NDList> sum = branches -> new NDList(branches.get(0)
                .singletonOrThrow()
                .add(branches.get(1).singletonOrThrow().mul(2))
                .add(branches.get(2).singletonOrThrow().mul(0.5)));
        check(new SequentialBlock()
                .add(linear(5))
                .add(new ParallelBlock(sum)
                        .add(neurons())
                        .add(new SequentialBlock().add(linear(5)).add(neurons()))
                        .add(LambdaBlock.singleton(array -> array.square())))
                .add(neurons())
                .add(mean())
                .add(linear(3)));
    }

    @Test
    void ofOneBlockThatIsUsedTwice() {
        QlifBlock shared = neurons();
        check(new SequentialBlock()
                .add(linear(5))
                .add(shared)
                .add(LambdaBlock.singleton(array -> array.mul(1.5)))
                .add(shared)
                .add(mean())
                .add(linear(3)));
    }

    /** A transposed view is not contiguous; neurons in a grid are as they would be in a row. */
    @Test
    void ofViewsThatAreCopied() {
        check(new SequentialBlock()
                .add(LambdaBlock.singleton(array -> array.swapAxes(0, 2)))
                .add(neurons())
                .add(LambdaBlock.singleton(array -> array.swapAxes(0, 2).reshape(4, 3, 2, 3)))
                .add(neurons())
                .add(LambdaBlock.singleton(array -> array.reshape(4, 3, 6)))
                .add(mean())
                .add(linear(3)));
    }

    @Test
    void ofModulationAndVoltages() {
        QlifBlock block = QlifBlock.builder()
                .optConfig(SMOOTH)
                .optLearned(QlifParameter.values())
                .optVoltages(true)
                .build();
        check(new SequentialBlock()
                .add(linear(6))
                .add(new LambdaBlock(inputs -> {
                    NDArray all = inputs.singletonOrThrow();
                    return new NDList(all.get("..., :4"), all.get("..., 4:5").mean(new int[] {1}, true));
                }))
                .add(block)
                .add(new LambdaBlock(
                        outputs -> new NDList(outputs.get(0).add(outputs.get(1).mul(0.3)))))
                .add(mean())
                .add(linear(3)));
    }

    @Test
    void ofLinearLayersOverSpikes() {
        check(new SequentialBlock()
                .add(SpikeLinearBlock.builder().setUnits(5).build())
                .add(neurons())
                .add(SpikeLinearBlock.builder().setUnits(4).optBias(false).build())
                .add(neurons())
                .add(SpikeLinearBlock.builder().setUnits(3).build())
                .add(mean()));
    }

    /**
     * Central differences of two widths, extrapolated: their own error is of order h^4 of the fifth derivative, and rounding of 1e-5.
     */
    private void check(Block net) {
        try (Model model = Model.newInstance("net", "PyTorch")) {
            model.setBlock(net);
            DefaultTrainingConfig config = new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss());
            try (QlifTrainer trainer = new QlifTrainer(model, config)) {
                trainer.initialize(INPUT);
                double loss;
                try (GradientCollector collector = trainer.newGradientCollector()) {
                    NDArray value = loss(trainer.forward(new NDList(input)));
                    collector.backward(value);
                    loss = value.getFloat();
                }
                ParameterStore store = new ParameterStore(manager, false);
                assertThat(lossOf(net, store)).isCloseTo(loss, Offset.offset(1e-5));
                double largest = differences("input", input, net, store);
                for (Pair<String, Parameter> pair : net.getParameters()) {
                    if (pair.getValue().requiresGradient()) {
                        double slope =
                                differences(pair.getKey(), pair.getValue().getArray(), net, store);
                        largest = Math.max(largest, slope);
                    }
                }
                assertThat(largest).as("some gradient to speak of").isGreaterThan(0.02);
            }
        }
    }

    private double differences(String name, NDArray array, Block net, ParameterStore store) {
        float[] gradient = array.getGradient().toFloatArray();
        float[] values = array.toFloatArray();
        double largest = 0;
        for (int i = 0; i < values.length; i++) {
            double wide = slope(array, i, values[i], 1e-2, net, store);
            double narrow = slope(array, i, values[i], 5e-3, net, store);
            double slope = (4 * narrow - wide) / 3;
            array.toByteBuffer(true).putFloat(i * Float.BYTES, values[i]);
            assertThat((double) gradient[i])
                    .as("%s[%d]", name, i)
                    .isCloseTo(slope, Offset.offset(2e-4 + 5e-3 * Math.abs(slope)));
            largest = Math.max(largest, Math.abs(slope));
        }
        return largest;
    }

    private double slope(NDArray array, int index, float value, double h, Block net, ParameterStore store) {
        array.toByteBuffer(true).putFloat(index * Float.BYTES, (float) (value + h));
        double up = lossOf(net, store);
        array.toByteBuffer(true).putFloat(index * Float.BYTES, (float) (value - h));
        return (up - lossOf(net, store)) / (2 * h);
    }

    private double lossOf(Block net, ParameterStore store) {
        return loss(net.forward(store, new NDList(input), false)).getFloat();
    }

    /** Steep, so that no gradient is lost in the tolerance. */
    private NDArray loss(NDList answer) {
        NDList steep = new NDList(answer.singletonOrThrow().mul(5));
        return Loss.softmaxCrossEntropyLoss().evaluate(new NDList(labels), steep);
    }
}
