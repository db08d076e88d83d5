// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.Model;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.TrainingConfig;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.Pair;
import java.util.Objects;
import java.util.function.Predicate;

/**
 * A trainer of models that have blocks of this package among their own: it computes the gradients of these blocks, which the engine can't.
 * All else is as of the trainer that {@code Model.newTrainer} makes: {@code EasyTrain.fit} takes it as it is, and so do listeners,
 * optimizers, losses and metrics. After each step of the optimizer it moves what the neurons have learned to the nearest values that are
 * useful ({@link org.qlif.NeuronConfig#usefulRange}).
 *
 * <p>A backward pass is to be made once: if there are several losses, from their sum. Between the forward and the backward pass, what a block
 * has read must stay open and as it was. There are no gradients of gradients. The engine lets one pass be under way in a process.
 *
 * <pre>{@code
 * try (Model model = Model.newInstance("digits", "PyTorch")) {
 *     model.setBlock(net);
 *     TrainingConfig configuration = new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss());
 *     try (Trainer trainer = new QlifTrainer(model, configuration)) {
 *         trainer.initialize(new Shape(20, 128, 784));                    // (T, B, inputs)
 *         EasyTrain.fit(trainer, 5, trainingSet, testSet);
 *     }
 * }
 * }</pre>
 */
public class QlifTrainer extends Trainer {
    /**
     * A trainer of {@code model}, to be closed by the caller before the model.
     *
     * @param model a model of the PyTorch engine, with its block set
     * @param configuration with a loss; its devices must be the CPU alone, as they are unless set where there is no GPU
     * @throws UnsupportedOperationException if the model is another engine's
     */
    public QlifTrainer(Model model, TrainingConfig configuration) {
        super(prepared(model, configuration), configuration);
    }

    /** Does what the engine's model does before it makes a trainer. */
    private static Model prepared(Model model, TrainingConfig configuration) {
        Torch.requireEngine("model", model.getNDManager());
        Block block = Objects.requireNonNull(model.getBlock(), "model: has no block, expected one to be set");
        for (Pair<Initializer, Predicate<Parameter>> pair : configuration.getInitializers()) {
            if (pair.getKey() != null && pair.getValue() != null) {
                block.setInitializer(pair.getKey(), pair.getValue());
            }
        }
        for (Parameter parameter : block.getParameters().values()) {
            if (parameter.isInitialized() && parameter.requiresGradient()) {
                // Arrays that were loaded from a file have lost it.
                parameter.freeze(false);
            }
        }
        return model;
    }

    /** A collector that computes the gradients of this package's blocks, too; the engine lets one be open in a process. */
    @Override
    public GradientCollector newGradientCollector() {
        return new BlockGradientCollector(super.newGradientCollector());
    }

    /** Updates all parameters once, then moves those of neurons to where they are useful. */
    @Override
    public void step() {
        super.step();
        clamp(getModel().getBlock());
    }

    private static void clamp(Block block) {
        if (block instanceof NeuronBlock neurons) {
            neurons.clamp();
        }
        for (Block child : block.getChildren().values()) {
            clamp(child);
        }
    }
}
