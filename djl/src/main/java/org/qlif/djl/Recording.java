// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A call of a block, which the engine can't differentiate. For the engine, its outputs are leaves; once their gradients are known, this
 * computes those of the call's inputs and passes them on.
 */
abstract class Recording implements AutoCloseable {
    /** Owns all arrays of this call, so that their memory lives on even if the caller closes its arrays. */
    private final NDManager owner;

    private final String block;
    private final List<PtNDArray> outputs = new ArrayList<>();
    private boolean done;

    /** @param array an array that the call reads, whose manager owns what is made here */
    Recording(String block, PtNDArray array) {
        this.block = block;
        this.owner = array.getManager().newSubManager();
    }

    final NDManager owner() {
        return owner;
    }

    /** Makes a written output a leaf. */
    final void addOutput(PtNDArray output) {
        output.setRequiresGradient(true);
        // Another handle of the same array: it has the gradient even if the caller has closed the output.
        outputs.add(Torch.owned(JniUtils.to(output, output.getDataType(), output.getDevice()), owner));
    }

    /** Whether a backward pass has gone through this call. */
    final boolean isDone() {
        return done;
    }

    /** Continues the backward pass, if it has reached the outputs. */
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

    /** Prepares a finished call to detect another backward pass, which would add to the gradients of its outputs. */
    final void expectNoMore() {
        outputs.forEach(JniUtils::zeroGrad);
    }

    /** Throws if another backward pass has reached the outputs since the gradients were passed on. */
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

    /** Computes the gradients of the call's inputs from those of its outputs, null for 0, and passes them on. */
    abstract void differentiate(List<@Nullable PtNDArray> gradients);

    /** Returns the object that the call was recorded on. */
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
