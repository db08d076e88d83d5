// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A block's call that the engine would have to differentiate and can't. To the engine its outputs are leaves; once it knows their
 * gradients, this computes those of what the call read and hands them on.
 */
abstract class Recording implements AutoCloseable {
    /** Owns all arrays of this, and so keeps their memory whatever the caller closes. */
    private final NDManager owner;

    private final String block;
    private final List<PtNDArray> outputs = new ArrayList<>();
    private boolean done;

    /** @param array one of those that the call reads: what is made for it goes when its manager does */
    Recording(String block, PtNDArray array) {
        this.block = block;
        this.owner = array.getManager().newSubManager();
    }

    final NDManager owner() {
        return owner;
    }

    /** Makes a leaf of an output, which has been written. */
    final void addOutput(PtNDArray output) {
        output.setRequiresGradient(true);
        // The same array of the engine's by another name: it has the gradient even when the caller has closed the
        // output.
        outputs.add(Torch.owned(JniUtils.to(output, output.getDataType(), output.getDevice()), owner));
    }

    /** Whether a backward pass has gone through this call. */
    final boolean isDone() {
        return done;
    }

    /** Goes on with the backward pass, if it has reached the outputs. */
    final void backward() {
        if (done) {
            return;
        }
        List<@Nullable PtNDArray> gradients = new ArrayList<>();
        boolean reached = false;
        for (PtNDArray output : outputs) {
            PtNDArray gradient = JniUtils.getGradient(output);
            gradients.add(gradient == null ? null : Torch.owned(gradient, owner));
            reached |= gradient != null;
        }
        if (reached) {
            differentiate(gradients);
            done = true;
            release();
        }
    }

    /** Prepares a call that is done for another backward pass: what it adds to the gradients of outputs can be told afterwards. */
    final void expectNoMore() {
        outputs.forEach(JniUtils::zeroGrad);
    }

    /** Throws if a backward pass has reached the outputs after the one whose gradients were handed on. */
    final void requireNoMore() {
        for (PtNDArray output : outputs) {
            PtNDArray gradient = JniUtils.getGradient(output);
            if (gradient == null) {
                continue;
            }
            Torch.owned(gradient, owner);
            for (float value : gradient.toFloatArray()) {
                if (value != 0) {
                    throw new IllegalStateException(block
                            + ": a second backward pass has reached a call whose gradients were computed already;"
                            + " expected one pass, from the sum of the losses");
                }
            }
        }
    }

    /** Computes the gradients of what the call read from those of its outputs, null for 0, and hands them on. */
    abstract void differentiate(List<@Nullable PtNDArray> gradients);

    /** Gives back what the call was recorded on. */
    abstract void release();

    @Override
    public final void close() {
        try {
            release();
        } finally {
            owner.close();
        }
    }
}
