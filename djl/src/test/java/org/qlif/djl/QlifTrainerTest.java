// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.NoopTranslator;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.DrawStream;
import org.qlif.ParameterRange;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;

class QlifTrainerTest {
    private static final Shape INPUT = new Shape(5, 4, 6);

    private final NDManager manager = Engines.manager();

    @TempDir
    private Path folder;

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    @AfterEach
    void closeManager() {
        manager.close();
    }

    private static Block linear(int units) {
        return Linear.builder().setUnits(units).build();
    }

    private static SequentialBlock net(Block neurons, int classes) {
        return new SequentialBlock()
                .add(linear(8))
                .add(neurons)
                .addSingleton(spikes -> spikes.mean(new int[] {0}))
                .add(linear(classes));
    }

    private static DefaultTrainingConfig config() {
        return new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                .optOptimizer(Optimizer.adam()
                        .optLearningRateTracker(Tracker.fixed(0.02f))
                        .build());
    }

    private static Model model(Block net) {
        Model model = Model.newInstance("net", "PyTorch");
        model.setBlock(net);
        return model;
    }

    /** Which half of an image is lit: as blocks of DJL's own, these learn by fit alone. */
    @Test
    void fitLearns() throws IOException, TranslateException, MalformedModelException {
        int images = 256;
        SplittableRandom random = new SplittableRandom(3);
        float[] pixels = new float[images * 6];
        int[] labels = new int[images];
        for (int i = 0; i < images; i++) {
            labels[i] = random.nextInt(2);
            for (int pixel = 0; pixel < 6; pixel++) {
                boolean lit = pixel / 3 == labels[i];
                pixels[i * 6 + pixel] = (float) random.nextDouble(lit ? 0.5 : 0, lit ? 2 : 0.5);
            }
        }
        ArrayDataset data = new ArrayDataset.Builder()
                .setData(manager.create(pixels, new Shape(images, 6)))
                .optLabels(manager.create(labels))
                .setSampling(48, true)
                .build();
        SequentialBlock net = new SequentialBlock()
                .addSingleton(batch -> batch.expandDims(0).repeat(0, 5))
                .add(net(QlifBlock.builder().build(), 2));
        try (Model model = model(net)) {
            DefaultTrainingConfig config =
                    config().addEvaluator(new Accuracy()).addTrainingListeners(TrainingListener.Defaults.basic());
            try (Trainer trainer = new QlifTrainer(model, config)) {
                trainer.initialize(new Shape(1, 6));
                float[] before = threshold(net);
                EasyTrain.fit(trainer, 8, data, data);
                assertThat(trainer.getTrainingResult().getValidateEvaluation("Accuracy"))
                        .isGreaterThan(0.9f);
                assertThat(threshold(net)).isNotEqualTo(before);
            }
            model.save(folder, "net");
            SequentialBlock again = new SequentialBlock()
                    .addSingleton(batch -> batch.expandDims(0).repeat(0, 5))
                    .add(net(QlifBlock.builder().build(), 2));
            try (Model loaded = model(again)) {
                loaded.load(folder, "net");
                assertThat(threshold(again)).isEqualTo(threshold(net));
                try (Trainer trainer = new QlifTrainer(loaded, config())) {
                    // What was loaded goes on learning.
                    trainer.initialize(new Shape(1, 6));
                    EasyTrain.fit(trainer, 1, data, null);
                    assertThat(threshold(again)).isNotEqualTo(threshold(net));
                }
                try (var predictor = loaded.newPredictor(new NoopTranslator())) {
                    assertThat(predictor
                                    .predict(new NDList(manager.create(pixels, new Shape(images, 6))))
                                    .singletonOrThrow()
                                    .getShape())
                            .isEqualTo(new Shape(images, 2));
                }
            }
        }
    }

    private static float[] threshold(Block net) {
        return net.getParameters().values().stream()
                .filter(parameter -> parameter.getName().equals("v_th"))
                .findFirst()
                .orElseThrow()
                .getArray()
                .toFloatArray();
    }

    @Test
    void anotherTrainerIsToldAtOnce() {
        for (Block neurons : new Block[] {
            QlifBlock.builder().build(),
            LifBlock.builder().build(),
            SpikeLinearBlock.builder().setUnits(8).build()
        }) {
            try (Model model = model(net(neurons, 3));
                    Trainer trainer = model.newTrainer(config())) {
                trainer.initialize(INPUT);
                try (GradientCollector collector = trainer.newGradientCollector()) {
                    assertThatIllegalStateException()
                            .isThrownBy(() -> trainer.forward(new NDList(manager.ones(INPUT))))
                            .withMessageContainingAll(
                                    neurons.getClass().getSimpleName(), "train with a QlifTrainer: new QlifTrainer(");
                    assertThat(collector).isNotNull();
                }
            }
        }
    }

    @Test
    void anotherEngineIsRefused() {
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> Torch.requireEngine("model", ai.djl.util.passthrough.PassthroughNDManager.INSTANCE))
                .withMessageContaining("model: got engine null, expected PyTorch");
    }

    @Test
    void whatIsFrozenOrNotLearnedGetsNoGradient() {
        QlifBlock neurons = QlifBlock.builder().optLearned(QlifParameter.TAU).build();
        SequentialBlock net = net(neurons, 3);
        try (Model model = model(net);
                Trainer trainer = new QlifTrainer(model, config())) {
            trainer.initialize(INPUT);
            step(trainer);
            assertThat(neurons.getDirectParameters().get("tau").getArray().toFloatArray())
                    .doesNotContain(QlifConfig.defaults().defaultValue(QlifParameter.TAU));
            assertThat(neurons.getDirectParameters().get("v_th").getArray().toFloatArray())
                    .containsOnly(QlifConfig.defaults().defaultValue(QlifParameter.V_TH));
        }
    }

    /** A block with nothing to learn before and in it costs no recording: it is a constant to what follows. */
    @Test
    void frozenFirstLayersAreConstants() {
        SequentialBlock net = net(QlifBlock.builder().build(), 3);
        try (Model model = model(net);
                Trainer trainer = new QlifTrainer(model, config())) {
            trainer.initialize(INPUT);
            net.freezeParameters(true);
            Block last = net.getChildren().get(3).getValue();
            last.freezeParameters(false);
            float[] before = last.getParameters().values().getFirst().getArray().toFloatArray();
            step(trainer);
            assertThat(last.getParameters().values().getFirst().getArray().toFloatArray())
                    .isNotEqualTo(before);
        }
    }

    private void step(Trainer trainer) {
        try (NDManager batch = manager.newSubManager();
                GradientCollector collector = trainer.newGradientCollector()) {
            collector.backward(loss(trainer, batch));
        }
        trainer.step();
    }

    private NDArray loss(Trainer trainer, NDManager batch) {
        NDList answer = trainer.forward(new NDList(batch.ones(INPUT)));
        return trainer.getLoss().evaluate(new NDList(batch.create(new int[] {0, 1, 2, 1})), answer);
    }

    /** Adam's first step is the learning rate, here far past every bound. */
    @Test
    void keepsWhatIsLearnedWhereItIsUseful() {
        QlifBlock neurons =
                QlifBlock.builder().optLearned(QlifParameter.values()).build();
        DefaultTrainingConfig wild = new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                .optOptimizer(Optimizer.adam()
                        .optLearningRateTracker(Tracker.fixed(1e4f))
                        .build());
        try (Model model = model(net(neurons, 3));
                Trainer trainer = new QlifTrainer(model, wild)) {
            trainer.initialize(INPUT);
            step(trainer);
            for (QlifParameter parameter : QlifParameter.values()) {
                ParameterRange range = neurons.config().usefulRange(parameter);
                for (float value : neurons.getDirectParameters()
                        .get(parameter.symbol())
                        .getArray()
                        .toFloatArray()) {
                    assertThat(value).as(parameter.symbol()).isBetween(range.least(), range.most());
                }
            }
        }
    }

    @Test
    void gradientsOfSeveralPassesAddUp() {
        QlifBlock neurons = QlifBlock.builder()
                .optConfig(QlifConfig.builder()
                        .homeostasis(QlifConfig.Homeostasis::off)
                        .build())
                .optDraws(() -> new DrawStream(1, 0))
                .build();
        try (Model model = model(net(neurons, 3));
                Trainer trainer = new QlifTrainer(model, config())) {
            trainer.initialize(INPUT);
            NDArray threshold = neurons.getDirectParameters().get("v_th").getArray();
            try (GradientCollector collector = trainer.newGradientCollector()) {
                collector.backward(loss(trainer, manager));
            }
            float[] once = threshold.getGradient().toFloatArray();
            try (GradientCollector collector = trainer.newGradientCollector()) {
                collector.backward(loss(trainer, manager));
                collector.backward(loss(trainer, manager));
            }
            float[] all = threshold.getGradient().toFloatArray();
            for (int n = 0; n < once.length; n++) {
                assertThat(all[n]).isCloseTo(3 * once[n], Offset.offset(1e-6f));
            }
            assertThat(once).isNotEqualTo(new float[once.length]);
        }
    }

    @Test
    void aSecondPassThroughACallIsRefused() {
        try (Model model = model(net(QlifBlock.builder().build(), 3));
                Trainer trainer = new QlifTrainer(model, config())) {
            trainer.initialize(INPUT);
            try (GradientCollector collector = trainer.newGradientCollector()) {
                NDArray loss = loss(trainer, manager);
                collector.backward(loss);
                assertThatIllegalStateException()
                        .isThrownBy(() -> collector.backward(loss))
                        .withMessageContainingAll("QlifBlock", "a second backward pass", "the sum of the losses");
            }
        }
    }

    @Test
    void anInputThatChangesIsTold() {
        try (Model model = model(net(QlifBlock.builder().build(), 3));
                Trainer trainer = new QlifTrainer(model, config())) {
            trainer.initialize(INPUT);
            QlifBlock neurons = QlifBlock.builder().build();
            neurons.initialize(manager, DataType.FLOAT32, INPUT);
            ParameterStore store = new ParameterStore(manager, false);
            try (GradientCollector collector = trainer.newGradientCollector()) {
                NDArray input = manager.ones(INPUT).add(1);
                NDArray spikes = neurons.forward(store, new NDList(input), true).singletonOrThrow();
                input.addi(1);
                NDArray loss = spikes.sum();
                assertThatIllegalStateException()
                        .isThrownBy(() -> collector.backward(loss))
                        .withMessageStartingWith("input: was changed in place between");
            }
            try (GradientCollector collector = trainer.newGradientCollector()) {
                NDArray input = manager.create(new float[(int) INPUT.size()], INPUT);
                NDArray spikes = neurons.forward(store, new NDList(input), true).singletonOrThrow();
                input.close();
                NDArray loss = spikes.sum();
                assertThatIllegalStateException()
                        .isThrownBy(() -> collector.backward(loss))
                        .withMessageStartingWith("input: was closed before the backward pass");
            }
        }
    }

    /** What the engine's operations made may be closed, as the engine's own graph allows; so may a scope around the forward pass. */
    @Test
    void closedIntermediateArraysDoNotMatter() {
        QlifBlock neurons = QlifBlock.builder().build();
        Block first = linear(8);
        try (Model model = model(new SequentialBlock().add(first).add(neurons));
                Trainer trainer = new QlifTrainer(model, config())) {
            trainer.initialize(INPUT);
            ParameterStore store = new ParameterStore(manager, false);
            NDArray images = manager.ones(INPUT);
            try (GradientCollector collector = trainer.newGradientCollector()) {
                NDArray loss;
                try (NDScope scope = new NDScope()) {
                    scope.suppressNotUsedWarning();
                    NDList current = first.forward(store, new NDList(images), true);
                    NDArray spikes = neurons.forward(store, current, true).singletonOrThrow();
                    loss = spikes.sum();
                    NDScope.unregister(loss);
                }
                collector.backward(loss);
            }
            NDArray gradient =
                    first.getParameters().values().getFirst().getArray().getGradient();
            assertThat(gradient.abs().sum().getFloat()).isPositive();
        }
    }

    @Test
    void emptyBatchesTrainToo() {
        SequentialBlock net = net(QlifBlock.builder().build(), 3);
        try (Model model = model(net);
                Trainer trainer = new QlifTrainer(model, config())) {
            trainer.initialize(INPUT);
            try (GradientCollector collector = trainer.newGradientCollector()) {
                NDArray answer = trainer.forward(new NDList(manager.create(new Shape(5, 0, 6))))
                        .singletonOrThrow();
                assertThat(answer.getShape()).isEqualTo(new Shape(0, 3));
                collector.backward(answer.sum());
            }
        }
    }
}
