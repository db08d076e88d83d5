// SPDX-License-Identifier: Apache-2.0
/**
 * Blocks for DJL, the Deep Java Library, which run and train on its PyTorch engine, on the CPU: {@link org.qlif.djl.QlifBlock} and {@link
 * org.qlif.djl.LifBlock} are layers of neurons, {@link org.qlif.djl.SpikeLinearBlock} is a linear layer over spikes. They can be used
 * anywhere in a model, any number of times, between DJL's own blocks. All arrays between them are float32 and time-major: {@code (T, B,
 * ...)}, T time steps of a batch of B. They read and write the engine's memory in place.
 *
 * <p>The engine has no operations with custom gradients, so {@link org.qlif.djl.QlifTrainer} computes the gradients of these blocks: use it
 * instead of the trainer that {@code Model.newTrainer} makes, with {@code EasyTrain.fit} or your own loop. Inference doesn't need it;
 * several threads may run one block, each with its own {@code Predictor}.
 *
 * <pre>{@code
 * SequentialBlock net = new SequentialBlock()
 *         .add(Linear.builder().setUnits(512).build())                    // of (T, B, 784)
 *         .add(QlifBlock.builder().build())                               // neurons, as many as there are currents
 *         .addSingleton(spikes -> spikes.mean(new int[] {0}))             // (B, 512)
 *         .add(Linear.builder().setUnits(10).build());
 * }</pre>
 */
@NullMarked
package org.qlif.djl;

import org.jspecify.annotations.NullMarked;
