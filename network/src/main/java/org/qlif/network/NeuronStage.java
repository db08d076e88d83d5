// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import org.jspecify.annotations.Nullable;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.State;
import org.qlif.Statistics;
import org.qlif.Tape;
import org.qlif.Tensor;

/** Neurons on the rows of a block. */
final class NeuronStage {
    private final Layer.Neurons layer;
    private final Kernel kernel;
    private final Tensor output;
    private final @Nullable State start;
    private final @Nullable State end;
    /** Runs in a test, without a tape. */
    private final Forward tested;
    /** Runs in training, followed by a backward run. */
    private final Forward trained;

    private final Backward backward;
    private final Parameters gradParameters;
    private @Nullable Tape tape;

    /**
     * @param below the layer that computes the current, {@code F32 (T, B, N)}: in a test within the neurons' call, in training before it
     * @param rowIndex the rows' numbers
     * @param last whether the layer above is the readout, which takes the mean of the spike values, or a linear layer
     * @param gradOutput the gradient of the spike values: {@code (1, B, N)} if it is the same at every step
     * @param gradInput receives the gradient of the current
     */
    NeuronStage(
            Layer.Neurons layer,
            Kernel kernel,
            LinearStage below,
            Tensor rowIndex,
            boolean last,
            Tensor gradOutput,
            Tensor gradInput) {
        this.layer = layer;
        this.kernel = kernel;
        Tensor input = below.output();
        long batch = input.extent(1);
        boolean carries = layer.statistics() != null;
        start = carries ? State.initial(layer.config(), 1, layer.neurons()) : null;
        end = carries ? State.zeros(layer.config(), batch, layer.neurons()) : null;
        // A linear layer takes them as bits if they are all 0 or 1.
        boolean bits = !last && spikesAreValues(layer);
        output = Tensor.zeros(bits ? DType.BIT : DType.F32, input.shape());
        tested = describe(new Forward().linear(below.passing()), rowIndex, bits);
        trained = describe(new Forward().input(input), rowIndex, bits).finalState(end);
        gradParameters = Parameters.none(layer.config());
        backward = new Backward(trained)
                .gradSpikeValues(gradOutput)
                .gradInput(gradInput)
                .gradParameters(gradParameters);
    }

    private static boolean spikesAreValues(Layer.Neurons layer) {
        return !(layer.config() instanceof QlifConfig qlif) || qlif.spikeValue() == QlifConfig.SpikeValue.SAMPLE;
    }

    private Forward describe(Forward forward, Tensor rowIndex, boolean bits) {
        forward.parameters(layer.parameters()).rowIndex(rowIndex).initialState(start);
        return bits ? forward.spikes(output) : forward.spikeValues(output);
    }

    /** The spike values, {@code (T, B, N)}: F32, or BIT. */
    Tensor output() {
        return output;
    }

    /** Adds the final state of the last recorded run to {@code sums}, if the statistics are carried on. */
    void addEnd(Statistics.@Nullable Sums sums) {
        if (end != null && sums != null) {
            sums.add(end);
        }
    }

    /**
     * Runs the neurons, and in a test also the linear layer below.
     *
     * @param recorded whether {@link #backward} follows
     * @param drawKey the key of draws
     */
    void forward(boolean recorded, long drawKey) {
        if (start != null && layer.statistics() != null) {
            layer.statistics().applyTo(start);
        }
        Forward call = recorded ? trained : tested;
        if (recorded && tape == null) {
            tape = kernel.newTape(Tape.Mode.VOLTAGE, call.steps(), call.batch(), call.neurons());
            call.tape(tape);
        }
        kernel.forward(call.draws(draws(drawKey)));
    }

    /** Runs as in a test, and also writes the spikes, {@code U8 (T, B, N)}. */
    void forward(long drawKey, Tensor spikes) {
        tested.spikes(spikes);
        try {
            forward(false, drawKey);
        } finally {
            tested.dropSpikes(DType.U8);
        }
    }

    private DrawStream draws(long key) {
        return new DrawStream(key, layer.position());
    }

    void backward(Gradients gradients) {
        for (Layer.Learned learned : layer.learned()) {
            gradParameters.set(learned.parameter(), gradients.of(learned.learnable()));
        }
        kernel.backward(backward);
    }

    void close() {
        if (tape != null) {
            tape.close();
        }
    }
}
