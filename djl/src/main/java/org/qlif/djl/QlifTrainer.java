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
 * A trainer for models with blocks of this package: it computes the gradients of these blocks, which the engine can't. Otherwise it is like
 * the trainer that {@code Model.newTrainer} makes, and works with {@code EasyTrain.fit}, listeners, optimizers, losses and metrics. After
 * each step of the optimizer, it moves the neurons' parameters to the nearest useful values ({@link org.qlif.NeuronConfig#usefulRange}).
 *
 * <p>Make one backward pass; if there are several losses, from their sum. Between the forward and the backward pass, the arrays that a
 * block has read must stay open and unchanged. There are no gradients of gradients. The engine allows one pass at a time in a process.
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
     * A trainer of {@code model}. The caller closes it, before the model.
     *
     * @param model a model of the PyTorch engine, with its block set
     * @param configuration with a loss; its only device must be the CPU, which is the default on a machine without a GPU
     * @throws UnsupportedOperationException if the model is another engine's
     */
    public QlifTrainer(Model model, TrainingConfig configuration) {
        super(prepared(model, configuration), configuration);
    }

    /** Does what the engine's model does before making a trainer. */
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
                // Arrays that were loaded from a file don't have it.
                parameter.freeze(false);
            }
        }
        return model;
    }

    /** A collector that also computes the gradients of this package's blocks. The engine allows one open collector per process. */
    @Override
    public GradientCollector newGradientCollector() {
        return new BlockGradientCollector(super.newGradientCollector());
    }

    /** Updates all parameters once, then moves those of neurons into their useful ranges. */
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
