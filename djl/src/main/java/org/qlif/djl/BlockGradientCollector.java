// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.GradientCollector;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The engine's collector, and the calls of our blocks while it is open. A backward pass of the engine ends at the output of a block; then
 * the blocks' calls are visited from last to first. When it is a call's turn, the gradients of its outputs are complete, since everything
 * after it has been differentiated, and a new pass of the engine starts at its inputs.
 */
final class BlockGradientCollector implements GradientCollector {
    /** The engine allows one per process, on any thread. */
    private static final AtomicReference<@Nullable BlockGradientCollector> OPEN = new AtomicReference<>();

    private final GradientCollector engine;
    private final Thread thread = Thread.currentThread();
    private final List<Recording> recordings = new ArrayList<>();
    private boolean closed;

    /** @param engine the engine's collector, just opened; this closes it */
    BlockGradientCollector(GradientCollector engine) {
        this.engine = engine;
        OPEN.set(this);
    }

    /**
     * Whether the engine would record a call on this thread. The engine also records on a thread without a collector, unless it was told
     * not to; there, only a call in training wants gradients.
     */
    static boolean records(boolean training) {
        BlockGradientCollector open = OPEN.get();
        boolean opened = open != null && open.thread == Thread.currentThread();
        return (training || opened) && JniUtils.isGradMode();
    }

    /** The open collector, for a call that the engine would record. */
    static BlockGradientCollector requireOpen(String block) {
        BlockGradientCollector open = OPEN.get();
        if (open == null) {
            throw new IllegalStateException(block
                    + ": the engine records gradients, but can't record those of this block;"
                    + " train with a QlifTrainer: new QlifTrainer(model, configuration) in place of"
                    + " model.newTrainer(configuration)");
        }
        return open;
    }

    synchronized void add(Recording recording) {
        if (closed) {
            throw new IllegalStateException("the gradient collector was closed during the forward pass");
        }
        recordings.add(recording);
    }

    @Override
    public synchronized void backward(NDArray target) {
        PtNDArray loss = Torch.require("target", target);
        List<Recording> done = recordings.stream().filter(Recording::isDone).toList();
        done.forEach(Recording::expectNoMore);
        try (NDArray ones = loss.onesLike()) {
            // The graph before a block may be walked again, from the block's inputs.
            boolean keepGraph = !recordings.isEmpty();
            JniUtils.backward(loss, (PtNDArray) ones, keepGraph, false);
        }
        for (Recording recording : recordings.reversed()) {
            recording.backward();
        }
        done.forEach(Recording::requireNoMore);
    }

    @Override
    public void zeroGradients() {
        engine.zeroGradients();
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        OPEN.compareAndSet(this, null);
        try {
            engine.close();
        } finally {
            recordings.forEach(Recording::close);
            recordings.clear();
        }
    }
}
