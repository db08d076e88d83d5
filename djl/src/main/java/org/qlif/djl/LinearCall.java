// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.SpikeLinear;

/** A call of a linear layer over spikes. */
final class LinearCall extends Recording {
    static final String BLOCK = "SpikeLinearBlock";

    private final Kernels<SpikeLinear, Void> kernels;
    private final PtNDArray given;
    private final PtNDArray weights;
    private final @Nullable PtNDArray bias;
    private final Shape shape;
    private final Source input;
    private final Source weightSource;
    private final boolean recorded;
    private final LinearForward call = new LinearForward();
    private Kernels.@Nullable Slot<SpikeLinear, Void> slot;

    /** @param recording whether the engine records, so that this call may have to be recorded */
    LinearCall(
            Kernels<SpikeLinear, Void> kernels,
            PtNDArray input,
            PtNDArray weights,
            @Nullable PtNDArray bias,
            Shape shape,
            boolean recording) {
        super(BLOCK, input);
        this.kernels = kernels;
        this.given = input;
        this.weights = weights;
        this.bias = bias;
        this.shape = shape;
        try {
            this.input = Source.of(
                    "input", input, owner(), recording, input.getShape().getShape());
            this.weightSource = Source.of(
                    "weight", weights, owner(), recording, weights.getShape().getShape());
        } catch (Throwable refused) {
            close();
            throw refused;
        }
        this.recorded =
                recording && (this.input.inGraph() || weights.hasGradient() || (bias != null && bias.hasGradient()));
    }

    /** Whether gradients of this call are needed. */
    boolean isRecorded() {
        return recorded;
    }

    /** Computes the output, which the caller owns. */
    NDList run() {
        if (recorded) {
            // Refused before anything is written.
            BlockGradientCollector.requireOpen(BLOCK);
        }
        Kernels.Slot<SpikeLinear, Void> taken = kernels.acquire();
        slot = taken;
        PtNDArray output = Torch.empty(given.getManager(), shape);
        try {
            taken.kernel.forward(call.input(input.memory())
                    .weights(weightSource.memory())
                    .bias(bias == null ? null : Torch.memory(bias, bias.size()))
                    .output(Torch.memory(output, shape.getShape())));
        } catch (Throwable failure) {
            output.close();
            throw failure;
        } finally {
            taken.release();
        }
        if (recorded) {
            addOutput(output);
        }
        return new NDList(output);
    }

    @Override
    void differentiate(List<@Nullable PtNDArray> gradients) {
        input.requireUnchanged();
        weightSource.requireUnchanged();
        LinearBackward backward = new LinearBackward(call)
                .gradOutput(Torch.memory(Objects.requireNonNull(gradients.getFirst()), shape.getShape()));
        PtNDArray gradInput = input.inGraph() ? input.newGradient(owner()) : null;
        if (gradInput != null) {
            backward.gradInput(Torch.memory(gradInput, input.memory().shape()));
        }
        PtNDArray gradWeights = weights.hasGradient() ? gradientOf(weights) : null;
        if (gradWeights != null) {
            backward.gradWeights(Torch.memory(gradWeights, weights.getShape().getShape()));
        }
        PtNDArray gradBias = bias != null && bias.hasGradient() ? gradientOf(bias) : null;
        if (gradBias != null) {
            backward.gradBias(Torch.memory(gradBias, gradBias.size()));
        }
        Objects.requireNonNull(slot).run(linear -> linear.backward(backward));
        // For a leaf, a pass that starts at it adds the gradient.
        if (gradWeights != null) {
            JniUtils.backward(weights, gradWeights, false, false);
        }
        if (gradBias != null) {
            JniUtils.backward(Objects.requireNonNull(bias), gradBias, false, false);
        }
        if (gradInput != null) {
            input.propagate(gradInput);
        }
    }

    private PtNDArray gradientOf(PtNDArray parameter) {
        return Torch.owned(Torch.empty(owner(), parameter.getShape()), owner());
    }

    @Override
    void release() {
        // The kernel remains with the block.
    }
}
