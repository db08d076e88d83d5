// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.network.Adam;
import org.qlif.network.Network;
import org.qlif.network.Trainer;
import org.qlif.simulation.Preset;

/**
 * What the tasks of a training need to know.
 *
 * @param inputs the features of a row
 * @param hidden the neurons of each hidden layer
 * @param outputs the classes
 * @param neuron the text of the neurons' configuration
 * @param steps the time steps T that a row is shown
 * @param seed the seed of all random numbers
 * @param batch the rows of a step
 * @param rate the learning rate of the first epoch
 * @param decay the factor applied to it after each epoch
 * @param clip the norm to which gradients are clipped; 0 for no clipping
 * @param epochs how many
 * @param shift the maximum shift of a row in pixels
 * @param imageWidth the width of a row as an image; 0 if it isn't one
 * @param device that computes
 * @param store the store of checkpoints; null for none
 * @param interval the epochs between two checkpoints
 */
record FitPlan(
        int inputs,
        List<Integer> hidden,
        int outputs,
        String neuron,
        int steps,
        long seed,
        int batch,
        double rate,
        double decay,
        double clip,
        int epochs,
        int shift,
        int imageWidth,
        String device,
        @Nullable TrainingStore store,
        int interval)
        implements Serializable {
    private static final long serialVersionUID = 1;

    /** The learned parameters of such neurons, besides weights. */
    private static NeuronParameter[] learned(NeuronConfig config) {
        Preset like = config instanceof LifConfig ? Preset.LIF : Preset.DEFAULT;
        return like.learned().toArray(NeuronParameter[]::new);
    }

    /** An untrained network. */
    Network newNetwork() {
        NeuronConfig config = NeuronConfig.parse(neuron);
        Network.Builder builder = Network.builder(inputs).seed(seed);
        for (int neurons : hidden) {
            builder.linear(neurons).neurons(config, learned(config));
        }
        return builder.readout(outputs).build();
    }

    /** A builder of a trainer of it. */
    Trainer.Builder newTrainer(Adam adam) {
        return Trainer.builder(newNetwork()).adam(adam).clip(clip).seed(seed);
    }

    /** Builds a trainer for this plan, with {@code threads} threads. */
    Trainer build(Trainer.Builder trainer, int threads) {
        return trainer.device(device)
                .options(KernelOptions.defaults().withThreads(threads))
                .build();
    }

    /** The learning rate of an epoch, from 0. It does not depend on the number of epochs. */
    double rate(int epoch) {
        return rate * StrictMath.pow(decay, epoch);
    }
}
