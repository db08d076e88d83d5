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
 * What the tasks of a training have to know.
 *
 * @param inputs the features of a row
 * @param hidden the neurons of each hidden layer
 * @param outputs the classes
 * @param neuron the text of the neurons' configuration
 * @param steps the time steps T that a row is shown
 * @param seed what everything random follows from
 * @param batch the rows of a step
 * @param rate the learning rate of the first epoch
 * @param decay what it is multiplied by after each epoch
 * @param clip the norm that gradients are cut to; 0 for no cut
 * @param epochs how many
 * @param shift by how many pixels a row is moved at most
 * @param imageWidth the width of a row as an image; 0 if it is none
 * @param device that computes
 * @param store where checkpoints go; null for nowhere
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

    /** The parameters that are learned of such neurons, beside weights. */
    private static NeuronParameter[] learned(NeuronConfig config) {
        Preset like = config instanceof LifConfig ? Preset.LIF : Preset.DEFAULT;
        return like.learned().toArray(NeuronParameter[]::new);
    }

    /** A network that has learned nothing yet. */
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

    /** The trainer that a builder makes here, with so many threads. */
    Trainer build(Trainer.Builder trainer, int threads) {
        return trainer.device(device)
                .options(KernelOptions.defaults().withThreads(threads))
                .build();
    }

    /** The learning rate of an epoch, from 0. It does not depend on how many there will be. */
    double rate(int epoch) {
        return rate * StrictMath.pow(decay, epoch);
    }
}
