// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The description of a backward run of a {@link SpikeLinear}: the forward run it belongs to, the gradient of its output, and the
 * gradients it writes. It reads the forward run's input and weights again, so they must not have changed; it does not read the output,
 * which may be gone.
 *
 * <p>Absent results are not computed. Results are overwritten, not added to. A description can be run any number of times; running it
 * again allocates nothing. Setters return {@code this}. Not thread-safe.
 *
 * <p>Sums over the batch have a fixed order, docs/numerics.md: in float32, over blocks of 32 rows, each from the first step to the last
 * and in a step from its first row to its last, where the input is not 0; then the blocks' sums by a fixed binary tree over their index.
 * So they do not depend on threads, vector width or backend, and the gradients of parts of a batch can be added to those of the whole, if
 * the parts begin at multiples of a power of two of blocks.
 *
 * <pre>{@code
 * Tensor gradWeights = Tensor.zeros(DType.F32, 784, 512);
 * Tensor gradBias = Tensor.zeros(DType.F32, 512);
 * LinearBackward backward = new LinearBackward(linearForward)
 *         .gradOutput(gradOutput)
 *         .gradWeights(gradWeights)
 *         .gradBias(gradBias);
 * linear.backward(backward);
 * }</pre>
 */
public final class LinearBackward {
    private final LinearForward forward;
    private @Nullable Tensor gradOutput;
    private @Nullable Tensor gradWeights;
    private @Nullable Tensor gradBias;
    private @Nullable Tensor gradInput;

    private boolean checked;
    private int checkedChanges;
    private final Lending lending = new Lending();
    private boolean threadBound;

    /** The backward run of {@code forward}. */
    public LinearBackward(LinearForward forward) {
        this.forward = Objects.requireNonNull(forward, "forward");
    }

    /**
     * Lends the gradient with respect to the output, {@code F32 (T, B, M)}, or {@code (1, B, M)} for one that is the same at every step,
     * such as that of a readout that sums steps.
     */
    public LinearBackward gradOutput(Tensor gradOutput) {
        this.gradOutput = Objects.requireNonNull(gradOutput, "gradOutput");
        return changed();
    }

    /** Lends memory for the gradient of the weights, {@code F32 (K, M)}; null to drop it. */
    public LinearBackward gradWeights(@Nullable Tensor gradWeights) {
        this.gradWeights = gradWeights;
        return changed();
    }

    /** Lends memory for the gradient of the bias, {@code F32 (M)}; null to drop it. The forward run need not have a bias. */
    public LinearBackward gradBias(@Nullable Tensor gradBias) {
        this.gradBias = gradBias;
        return changed();
    }

    /** Lends memory for the gradient of the input, {@code F32 (T, B, K)}; null to drop it. */
    public LinearBackward gradInput(@Nullable Tensor gradInput) {
        this.gradInput = gradInput;
        return changed();
    }

    /** The forward run. */
    public LinearForward forward() {
        return forward;
    }

    /**
     * The gradient with respect to the output.
     *
     * @throws IllegalStateException if none was lent yet
     */
    public Tensor gradOutput() {
        if (gradOutput == null) {
            throw new IllegalStateException("gradOutput: missing, expected F32 of shape (T, B, M)");
        }
        return gradOutput;
    }

    /** The distance between two steps of the gradient with respect to the output, in floats: B * M, or 0 if all steps share one. */
    public long gradOutputStride() {
        return gradOutput().extent(0) == 1 ? 0 : forward.batch() * forward.outputs();
    }

    /** Where the gradient of the weights goes, or null. */
    public @Nullable Tensor gradWeights() {
        return gradWeights;
    }

    /** Where the gradient of the bias goes, or null. */
    public @Nullable Tensor gradBias() {
        return gradBias;
    }

    /** Where the gradient of the input goes, or null. */
    public @Nullable Tensor gradInput() {
        return gradInput;
    }

    /** Whether some memory belongs to a confined arena, so that the run must stay on the calling thread. */
    public boolean threadBound() {
        return threadBound;
    }

    private LinearBackward changed() {
        checked = false;
        return this;
    }

    /** What is lent, what is requested, and the forward run. */
    @Override
    public String toString() {
        return new Description("LinearBackward")
                .add("gradOutput", gradOutput)
                .add("gradWeights", gradWeights)
                .add("gradBias", gradBias)
                .add("gradInput", gradInput)
                .add("forward", forward)
                .toString();
    }

    /** Throws unless {@code layer} can run this; nothing has been written then. */
    void check(SpikeLinear layer) {
        if (!checked || checkedChanges != forward.changes()) {
            checkShapes();
            lending.clear();
            forward.readAll("", lending);
            lending.read("gradOutput", gradOutput);
            lending.write("gradWeights", gradWeights);
            lending.write("gradBias", gradBias);
            lending.write("gradInput", gradInput);
            threadBound = lending.threadBound();
            checked = true;
            checkedChanges = forward.changes();
        }
        lending.requireReachable(layer.device(), layer.reachable());
    }

    private void checkShapes() {
        forward.checkShapes("");
        long t = forward.steps();
        long b = forward.batch();
        long k = forward.inputs();
        long m = forward.outputs();
        boolean shared = gradOutput != null && gradOutput.hasShape(1, b, m);
        Forward.require("gradOutput", gradOutput, DType.F32, shared ? 1 : t, b, m);
        Forward.requireIfGiven("gradWeights", gradWeights, DType.F32, k, m);
        Forward.requireIfGiven("gradBias", gradBias, DType.F32, m);
        Forward.requireIfGiven("gradInput", gradInput, DType.F32, t, b, k);
    }
}
