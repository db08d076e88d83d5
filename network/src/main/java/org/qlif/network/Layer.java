// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.Statistics;
import org.qlif.Tensor;

/** A layer of a network: its values, without what runs it. */
sealed interface Layer {
    /**
     * Weighted sums of the layer below or, in a readout, of its mean over time.
     *
     * @param weight {@code F32 (K, M)}, live
     * @param bias {@code F32 (M)}, live
     */
    record Linear(int position, Learnable weights, Learnable biases, Tensor weight, Tensor bias) implements Layer {
        int inputs() {
            return (int) weight.extent(0);
        }

        int outputs() {
            return (int) weight.extent(1);
        }
    }

    /**
     * Neurons.
     *
     * @param parameters all parameters, live: learned ones are views of the network's learned values
     * @param learned those that are learned
     * @param statistics what training carries from step to step; null if the model has no such variables
     */
    record Neurons(
            int position,
            NeuronConfig config,
            int neurons,
            Parameters parameters,
            List<Learned> learned,
            @Nullable Statistics statistics)
            implements Layer {
        /** New sums without rows, to update the statistics from. */
        Statistics.@Nullable Sums newSums() {
            return statistics == null ? null : statistics.newSums();
        }
    }

    /** A neuron parameter that is learned. */
    record Learned(NeuronParameter parameter, Learnable learnable) {}
}
