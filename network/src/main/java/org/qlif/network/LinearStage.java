// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.SpikeLinear;
import org.qlif.Tensor;

/** A linear layer on the rows of a block. */
final class LinearStage {
    private final Layer.Linear layer;
    private final SpikeLinear linear;
    private final LinearForward forward;
    private final LinearForward passing;
    private final LinearBackward backward;
    private final Tensor output;

    /**
     * @param input the input, {@code (T, B, K)}
     * @param gradOutput the gradient of the output, of the output's shape
     * @param gradInput receives the gradient of the input; null if nothing below learns
     */
    LinearStage(Layer.Linear layer, SpikeLinear linear, Tensor input, Tensor gradOutput, @Nullable Tensor gradInput) {
        this.layer = layer;
        this.linear = linear;
        output = Tensor.zeros(DType.F32, gradOutput.shape());
        forward = new LinearForward()
                .input(input)
                .weights(layer.weight())
                .bias(layer.bias())
                .output(output);
        passing = new LinearForward().input(input).weights(layer.weight()).bias(layer.bias());
        backward = new LinearBackward(forward).gradOutput(gradOutput).gradInput(gradInput);
    }

    Tensor output() {
        return output;
    }

    /** The forward run as part of the neurons' call, without an output of its own. */
    LinearForward passing() {
        return passing;
    }

    void forward() {
        linear.forward(forward);
    }

    void backward(Gradients gradients) {
        linear.backward(backward.gradWeights(gradients.of(layer.weights())).gradBias(gradients.of(layer.biases())));
    }
}
