// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The description of a forward run of a {@link SpikeLinear}: which memory is read and which is written. T, B and K follow from the
 * input, M from the weights; each may be 0. Only the input and the weights are required, and for {@link SpikeLinear#forward} the
 * output. A {@link Kernel} takes it as {@link Forward#linear}, too. Setters check nothing: the call checks types, shapes and memory, before it writes anything.
 *
 * <p>A description can be run any number of times and is checked again only after a change; running it again allocates
 * nothing. Setters return {@code this}. Not thread-safe.
 *
 * <pre>{@code
 * LinearForward call = new LinearForward()
 *         .input(Tensor.zeros(DType.BIT, 20, 128, 784))
 *         .weights(Tensor.zeros(DType.F32, 784, 512))
 *         .bias(Tensor.zeros(DType.F32, 512))
 *         .output(Tensor.zeros(DType.F32, 20, 128, 512));
 * }</pre>
 */
public final class LinearForward {
    private @Nullable Tensor input;
    private @Nullable Tensor weights;
    private @Nullable Tensor bias;
    private @Nullable Tensor output;

    private boolean checked;
    private int changes;
    private final Lending lending = new Lending();
    private boolean threadBound;

    /** An empty description. */
    public LinearForward() {}

    /**
     * Lends the input x, {@code (T, B, K)} of type {@link DType#BIT}, {@link DType#U8} or {@link DType#F32}. A byte other than 0 counts as
     * 1; a float, including NaN, counts as it is. If all values are 0 or 1, the type makes no difference to the output.
     */
    public LinearForward input(Tensor input) {
        this.input = Objects.requireNonNull(input, "input");
        return changed();
    }

    /** Lends the weights w, {@code F32 (K, M)}: a row of M weights for each input. */
    public LinearForward weights(Tensor weights) {
        this.weights = Objects.requireNonNull(weights, "weights");
        return changed();
    }

    /** Lends the bias, {@code F32 (M)}; null for 0. */
    public LinearForward bias(@Nullable Tensor bias) {
        this.bias = bias;
        return changed();
    }

    /**
     * Lends memory for the output, {@code F32 (T, B, M)}; null if you need only the backward run, or if only the neurons of {@link
     * Forward#linear} need the output.
     */
    public LinearForward output(@Nullable Tensor output) {
        this.output = output;
        return changed();
    }

    /**
     * The input.
     *
     * @throws IllegalStateException if none was lent yet
     */
    public Tensor input() {
        return given("input", input, "a spike type of shape (T, B, K)");
    }

    /**
     * The weights.
     *
     * @throws IllegalStateException if none were lent yet
     */
    public Tensor weights() {
        return given("weights", weights, "F32 of shape (K, M)");
    }

    private static Tensor given(String name, @Nullable Tensor tensor, String expected) {
        if (tensor == null) {
            throw new IllegalStateException(name + ": missing, expected " + expected);
        }
        return tensor;
    }

    /** The bias, or null. */
    public @Nullable Tensor bias() {
        return bias;
    }

    /** Where the output goes, or null. */
    public @Nullable Tensor output() {
        return output;
    }

    /** The number of time steps T. */
    public long steps() {
        return input().extent(0);
    }

    /** The batch size B. */
    public long batch() {
        return input().extent(1);
    }

    /** The number of inputs K. */
    public long inputs() {
        return input().extent(2);
    }

    /** The number of outputs M. */
    public long outputs() {
        return weights().extent(1);
    }

    /** Whether some memory belongs to a confined arena, so that the run must stay on the calling thread. */
    public boolean threadBound() {
        return threadBound;
    }

    /** How often the description was changed. */
    int changes() {
        return changes;
    }

    private LinearForward changed() {
        changes++;
        checked = false;
        return this;
    }

    /** What is lent. */
    @Override
    public String toString() {
        return new Description("LinearForward")
                .add("input", input)
                .add("weights", weights)
                .add("bias", bias)
                .add("output", output)
                .toString();
    }

    /** Throws unless {@code layer} can run this; nothing has been written then. */
    void check(SpikeLinear layer) {
        if (!checked) {
            checkShapes("");
            Forward.require("output", output, DType.F32, steps(), batch(), outputs());
            lending.clear();
            readAll("", lending);
            lending.read("bias", bias);
            lending.write("output", output);
            threadBound = lending.threadBound();
            checked = true;
        }
        lending.requireReachable(layer.device(), layer.reachable());
    }

    /**
     * Throws unless the shapes of what is read are right.
     *
     * @param of the prefix of names in messages
     */
    void checkShapes(String of) {
        if (input == null || input.rank() != 3 || !DType.SPIKES.contains(input.type())) {
            throw new IllegalArgumentException(
                    of + "input: got " + input + ", expected a type of " + DType.SPIKES + " and shape (T, B, K)");
        }
        if (weights == null || weights.type() != DType.F32 || weights.rank() != 2 || weights.extent(0) != inputs()) {
            throw new IllegalArgumentException(
                    of + "weights: got " + weights + ", expected F32 of shape (K, M) with K = " + inputs());
        }
        Tensor.elementsPerStep(of + "input", batch(), inputs());
        Tensor.elementsPerStep(of + "weights", batch(), outputs());
        Forward.requireIfGiven(of + "bias", bias, DType.F32, outputs());
    }

    /** Adds what a backward run also reads. */
    void readAll(String of, Lending lending) {
        lending.read(of + "input", input);
        lending.read(of + "weights", weights);
    }
}
