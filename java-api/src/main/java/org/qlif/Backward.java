// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The description of a backward run: the forward run it belongs to, the upstream gradients it reads and the gradients it
 * writes. The forward run must have been made with a {@link Tape}, and what it read must not have changed since: input, parameters,
 * modulation, lent draws, row indices and initial state are read again. Its outputs are not read, and may be gone. If a linear layer
 * computed the input, its output is read again if it was kept, otherwise what the layer reads.
 *
 * <p>Absent upstream gradients count as 0; absent results are not computed. Results are overwritten, not added to. A
 * description can be run any number of times; running it again allocates nothing once the JVM has compiled the code. Setters return
 * {@code this}. Not thread-safe.
 *
 * <p>Sampled spikes have a straight-through gradient and thresholded spikes a surrogate one; H and homeostasis count as constants. So
 * finite differences agree with these gradients only for a smooth configuration: spike value EXPECTED of a QUBIT or SIGMOID decision, its
 * AHP and homeostasis off, {@code reset(reset -> reset.withDetached(false))}.
 *
 * <p>Gradients of shared values are summed in a fixed order: over time from the last step to the first in float32, then over the
 * batch in blocks of 32 rows. In a block, rows are added from first to last in float64, then neurons in float64, in 256 partial sums by
 * {@code n mod 256} that are added by halving; the block's sum is rounded to float32. Blocks are added in float32 by a fixed binary tree:
 * n blocks are the first p and the rest, p the largest power of two below n. So gradients do not depend on threads, vector width or
 * backend; and calls on blocks of 32 rows, added by that tree, give those of one call on all rows.
 *
 * <pre>{@code
 * Parameters gradients = Parameters.zerosLike(parameters);
 * try (Tape tape = kernel.newTape(Tape.Mode.VOLTAGE, 100, 32, 128)) {
 *     Forward forward = new Forward().input(input).parameters(parameters).spikeValues(spikeValues).tape(tape);
 *     Backward backward = new Backward(forward).gradSpikeValues(gradSpikeValues).gradParameters(gradients);
 *     for (int batch = 0; batch < 1000; batch++) {
 *         // Fill the input here.
 *         kernel.forward(forward.draws(new DrawStream(42, batch)));
 *         // Fill gradSpikeValues here, from spikeValues and the loss.
 *         kernel.backward(backward);
 *         // Only now may an optimizer change the parameters' values.
 *     }
 * }
 * }</pre>
 */
public final class Backward {
    private final Forward forward;
    private @Nullable Tensor gradSpikeValues;
    private @Nullable Tensor gradVoltages;
    private @Nullable State gradFinalState;
    private @Nullable Tensor gradInput;
    private @Nullable Tensor gradModulation;
    private @Nullable Parameters gradParameters;
    private @Nullable State gradInitialState;
    private @Nullable Tensor scratch;

    private @Nullable NeuronConfig checkedFor;
    private long checkedChanges;
    private int checkedGradients;
    private final Lending lending = new Lending();
    private boolean threadBound;

    /** The backward run of {@code forward}. */
    public Backward(Forward forward) {
        this.forward = Objects.requireNonNull(forward, "forward");
    }

    /**
     * Lends the gradient with respect to the spike values, {@code (T, B, N)}, or {@code (1, B, N)} for one that is the same at every
     * step, such as that of a readout that sums spikes. Its type may be any that {@link Forward#input} may have, not necessarily the same.
     * Null for 0.
     */
    public Backward gradSpikeValues(@Nullable Tensor gradSpikeValues) {
        this.gradSpikeValues = gradSpikeValues;
        return changed();
    }

    /** Lends the gradient with respect to the potentials after the reset, {@code F32 (T, B, N)}; null for 0. */
    public Backward gradVoltages(@Nullable Tensor gradVoltages) {
        this.gradVoltages = gradVoltages;
        return changed();
    }

    /** Lends the gradient with respect to the final state; null for 0. Variables that carry no gradient are ignored. */
    public Backward gradFinalState(@Nullable State gradFinalState) {
        this.gradFinalState = gradFinalState;
        return changed();
    }

    /** Lends memory for the gradient of the input, {@code (T, B, N)}, of any type that {@link Forward#input} may have; null to drop it. */
    public Backward gradInput(@Nullable Tensor gradInput) {
        this.gradInput = gradInput;
        return changed();
    }

    /**
     * Lends memory for the gradient of the modulation, {@code F32} of the modulation's shape; null to drop it. If the modulation varies
     * over time and is shared over batch or neurons, the kernel needs 4 bytes of memory per neuron-step for the sum.
     */
    public Backward gradModulation(@Nullable Tensor gradModulation) {
        this.gradModulation = gradModulation;
        return changed();
    }

    /** Lends memory for the gradients of parameters, each of its parameter's length; null, or an absent tensor, drops them. */
    public Backward gradParameters(@Nullable Parameters gradParameters) {
        this.gradParameters = gradParameters;
        return changed();
    }

    /** Lends memory for the gradient of the initial state; null to drop it. It is 0 for variables that carry no gradient. */
    public Backward gradInitialState(@Nullable State gradInitialState) {
        this.gradInitialState = gradInitialState;
        return changed();
    }

    /**
     * Lends scratch memory, {@code U8}, of at least {@link Kernel#scratchBytes} bytes, aligned to {@link Kernel#ALIGNMENT}: native
     * memory of the host, or the GPU's for a kernel on a GPU. Its contents are undefined afterwards. Null for the kernel's own scratch
     * memory, which grows with the largest call.
     */
    public Backward scratch(@Nullable Tensor scratch) {
        this.scratch = scratch;
        return changed();
    }

    /** The forward run. */
    public Forward forward() {
        return forward;
    }

    /** The gradient with respect to the spike values, or null. */
    public @Nullable Tensor gradSpikeValues() {
        return gradSpikeValues;
    }

    /** The distance between two steps of the gradient with respect to the spike values, in numbers: B * N, or 0 if all steps share one. */
    public long gradSpikeValuesStride() {
        return gradSpikeValues == null || gradSpikeValues.extent(0) == 1 ? 0 : forward.elements();
    }

    /** The gradient with respect to the potentials, or null. */
    public @Nullable Tensor gradVoltages() {
        return gradVoltages;
    }

    /** The gradient with respect to the final state, or null. */
    public @Nullable State gradFinalState() {
        return gradFinalState;
    }

    /** Where the gradient of the input goes, or null. */
    public @Nullable Tensor gradInput() {
        return gradInput;
    }

    /** Where the gradient of the modulation goes, or null. */
    public @Nullable Tensor gradModulation() {
        return gradModulation;
    }

    /** Where the gradients of the parameters go, or null. */
    public @Nullable Parameters gradParameters() {
        return gradParameters;
    }

    /** Where the gradient of the initial state goes, or null. */
    public @Nullable State gradInitialState() {
        return gradInitialState;
    }

    /** The scratch memory, or null for the kernel's own. */
    public @Nullable Tensor scratch() {
        return scratch;
    }

    /** Whether some memory belongs to a confined arena, so that the run must stay on the calling thread. */
    public boolean threadBound() {
        return threadBound || forward.threadBound();
    }

    private Backward changed() {
        checkedFor = null;
        return this;
    }

    /** What is lent, what is requested, and the forward run. */
    @Override
    public String toString() {
        return new Description("Backward")
                .add("gradSpikeValues", gradSpikeValues)
                .add("gradVoltages", gradVoltages)
                .add("gradFinalState", gradFinalState)
                .add("gradInput", gradInput)
                .add("gradModulation", gradModulation)
                .add("gradParameters", gradParameters)
                .add("gradInitialState", gradInitialState)
                .add("scratch", scratch)
                .add("forward", forward)
                .toString();
    }

    /** Throws unless a kernel of {@code config} can run this; nothing has been written then. */
    void check(NeuronConfig config, Kernel kernel) {
        Tape tape = forward.tape();
        if (tape == null) {
            throw new IllegalArgumentException(
                    "forward: got one without a tape, expected one whose run recorded a tape");
        }
        tape.requireRecorded(forward);
        int gradients = gradParameters == null ? 0 : gradParameters.changes();
        if (checkedFor != config || checkedChanges != forward.changes() || checkedGradients != gradients) {
            checkShapes(config);
            if (scratch != null) {
                kernel.requireRoom("scratch", scratch, kernel.scratchBytesOf(this));
            }
            checkMemory();
            checkedFor = config;
            checkedChanges = forward.changes();
            checkedGradients = gradients;
        }
        kernel.requireTaken("gradSpikeValues", gradSpikeValues);
        kernel.requireTaken("gradInput", gradInput);
        lending.requireReachable(kernel.device(), kernel.reachable());
        forward.checkValues(config, kernel);
    }

    /** Throws unless the shapes of this and of its forward run are right. */
    void requireShapes(NeuronConfig config) {
        forward.checkShapes(config);
        checkShapes(config);
    }

    private void checkShapes(NeuronConfig config) {
        long t = forward.steps();
        long b = forward.batch();
        long n = forward.neurons();
        boolean shared = gradSpikeValues != null && gradSpikeValues.hasShape(1, b, n);
        Forward.requireNumbersIfGiven("gradSpikeValues", gradSpikeValues, shared ? 1 : t, b, n);
        Forward.requireIfGiven("gradVoltages", gradVoltages, DType.F32, t, b, n);
        Forward.requireState("gradFinalState", gradFinalState, config, b, n);
        Forward.requireNumbersIfGiven("gradInput", gradInput, t, b, n);
        if (gradModulation != null) {
            if (forward.modulation() == null) {
                throw new IllegalArgumentException(
                        "gradModulation: given, expected none, since the forward run had no modulation");
            }
            Forward.requireIfGiven(
                    "gradModulation",
                    gradModulation,
                    DType.F32,
                    forward.modulation().shape());
        }
        if (gradParameters != null) {
            gradParameters.requireModel("gradParameters", config);
            for (NeuronParameter parameter : config.parameters()) {
                Tensor gradient = gradParameters.get(parameter);
                long[] shape = Objects.requireNonNull(forward.parameters().get(parameter))
                        .shape();
                if (gradient != null && !Arrays.equals(gradient.shape(), shape)) {
                    throw new IllegalArgumentException("gradParameters." + parameter.symbol() + ": got " + gradient
                            + ", expected F32" + Arrays.toString(shape) + " as the parameter");
                }
            }
        }
        Forward.requireState("gradInitialState", gradInitialState, config, b, n);
        if (gradInitialState != null && forward.initialStateIsShared() && b != 1) {
            throw new IllegalArgumentException("gradInitialState: given, expected none, since all " + b
                    + " rows of the forward run started from one state");
        }
    }

    private void checkMemory() {
        lending.clear();
        forward.readAll(lending);
        lending.read("gradSpikeValues", gradSpikeValues);
        lending.read("gradVoltages", gradVoltages);
        lending.read("gradFinalState", gradFinalState);
        lending.write("scratch", scratch);
        lending.write("gradInput", gradInput);
        lending.write("gradModulation", gradModulation);
        lending.write("gradParameters", gradParameters);
        lending.write("gradInitialState", gradInitialState);
        threadBound = lending.threadBound();
    }
}
