// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import org.jspecify.annotations.Nullable;
import org.qlif.Tensor;

/** An array that a call reads: its memory and, if the call is recorded, its place in the engine's graph. */
final class Source {
    private final String name;
    private final PtNDArray given;
    private final PtNDArray flat;
    private final boolean inGraph;
    private final Tensor memory;
    private final @Nullable PtNDArray witness;

    private Source(
            String name, PtNDArray given, PtNDArray flat, boolean inGraph, Tensor memory, @Nullable PtNDArray witness) {
        this.name = name;
        this.given = given;
        this.flat = flat;
        this.inGraph = inGraph;
        this.memory = memory;
        this.witness = witness;
    }

    /**
     * @param given has elements
     * @param owner owns what is made here
     * @param recording whether the engine records, so that the array may have a gradient and is read again
     */
    static Source of(String name, PtNDArray given, NDManager owner, boolean recording, long... shape) {
        // Keeps the memory and the place in the graph even if the caller closes the array.
        PtNDArray flat = Torch.owned(given.reshape(-1), owner);
        PtNDArray read = flat;
        if (!Torch.isContiguous(flat)) {
            read = Torch.owned(flat.duplicate(), owner);
        }
        Tensor memory = Torch.memory(read, shape);
        boolean inGraph = recording && isInGraph(flat);
        return new Source(name, given, flat, inGraph, memory, recording && read == flat ? witness(flat, owner) : null);
    }

    /** Whether {@code flat}, which is private to this class, has a gradient to pass on. The engine only reports that for leaves. */
    private static boolean isInGraph(PtNDArray flat) {
        JniUtils.attachGradient(flat, true);
        if (JniUtils.requiresGrad(flat)) {
            JniUtils.attachGradient(flat, false);
            return false;
        }
        return true;
    }

    /**
     * The square of one of the values: before the engine differentiates it, it checks that no operation has changed the value's memory.
     */
    private static PtNDArray witness(PtNDArray flat, NDManager owner) {
        PtNDArray apart = Torch.owned(flat.stopGradient(), owner);
        PtNDArray value = Torch.owned(apart.get(owner, 0), owner);
        value.setRequiresGradient(true);
        return Torch.owned(value.square(), owner);
    }

    Tensor memory() {
        return memory;
    }

    /** Whether a gradient is wanted. */
    boolean inGraph() {
        return inGraph;
    }

    /** Throws if what the call read can't be read again unchanged. */
    void requireUnchanged() {
        // The engine owns the memory of its operations' results, but not that of an array created from Java's memory.
        if (!inGraph && given.isReleased()) {
            throw new IllegalStateException(
                    name + ": was closed before the backward pass, which reads it again; expected it open until then");
        }
        if (witness == null) {
            return;
        }
        try (NDArray one = witness.onesLike()) {
            JniUtils.backward(witness, (PtNDArray) one, false, false);
        } catch (EngineException changed) {
            throw new IllegalStateException(
                    name + ": was changed in place between the forward and the backward pass, which reads it again",
                    changed);
        }
    }

    /** An array for the gradient. */
    PtNDArray newGradient(NDManager owner) {
        return Torch.owned(Torch.empty(owner, flat.getShape()), owner);
    }

    /** Passes the gradient on to what the array was computed from. */
    void propagate(PtNDArray gradient) {
        // The graph may be walked again, from another block.
        JniUtils.backward(flat, gradient, true, false);
    }
}
