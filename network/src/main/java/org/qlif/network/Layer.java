// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.Statistics;
import org.qlif.Tensor;

/** A layer of a network: its values, whoever runs it. */
sealed interface Layer {
    /**
     * Weighted sums of the layer below, or of its mean over time where it is the readout.
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
     * @param parameters all, live: those that are learned lie among the learned values
     * @param learned those that are learned
     * @param statistics what training carries from step to step; null if the model has nothing of the kind
     */
    record Neurons(
            int position,
            NeuronConfig config,
            int neurons,
            Parameters parameters,
            List<Learned> learned,
            @Nullable Statistics statistics)
            implements Layer {
        /** Sums of no row, to update the statistics from. */
        Statistics.@Nullable Sums newSums() {
            return statistics == null ? null : statistics.newSums();
        }
    }

    /** A neuron parameter that is learned. */
    record Learned(NeuronParameter parameter, Learnable learnable) {}
}
