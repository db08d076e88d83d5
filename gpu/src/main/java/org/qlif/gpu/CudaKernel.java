// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import org.jspecify.annotations.Nullable;

/**
 * What a kernel on a GPU can do beyond {@link org.qlif.Kernel}, got by {@code kernel.extension(CudaKernel.class)} and bound to that
 * kernel: used from one thread at a time, not during a call, and until the kernel is closed. It does not keep the kernel reachable: one
 * that is forgotten is closed, whether or not this is still held.
 *
 * <p>The values of parameters in the GPU's memory are not looked at, unlike those in the host's, which {@link
 * org.qlif.Parameters#requireValid} describes: a NaN among them, or a tau of 0, spreads without a word. {@link #checkParameters} turns a
 * check on.
 *
 * <pre>{@code
 * CudaKernel control = kernel.extension(CudaKernel.class).orElseThrow();
 * control.checkParameters(true); // to find a NaN among parameters in the GPU's memory
 * kernel.forward(forward);
 * }</pre>
 */
public interface CudaKernel {
    /** The stream that calls run on, or null: then each call runs on the default stream and returns when it is done. */
    @Nullable
    CudaStream stream();

    /**
     * Sets the stream that calls run on. A call whose tensors are all in the GPU's memory then only adds its work to the stream and
     * returns at once. What it uses stays reachable until the stream has done that work, but must not be closed before by whoever owns it
     * ({@link CudaStream}); closing a {@link DeviceBuffer}, a tape or the kernel waits for the work. A call that lends memory of the
     * host copies on the stream and waits for it.
     *
     * <p>Calls of one kernel share scratch memory, except backward calls that lend it. After a change of stream, calls must be ordered by events behind those that went
     * before, or the old stream be synchronised first.
     *
     * @param stream a stream of this kernel's device; null to make calls synchronous again
     * @throws IllegalArgumentException if the stream belongs to another device
     * @throws IllegalStateException if the kernel or the stream is closed
     */
    void stream(@Nullable CudaStream stream);

    /**
     * Makes room for backward calls of this shape, so that none has to allocate: needed before one is captured into a {@link
     * CudaGraph}, unless it brings its own ({@link org.qlif.Backward#scratch}).
     *
     * @param steps T
     * @param batch B
     * @param neurons N
     * @param modulationSteps whether gradients are wanted of a modulation that varies over time and is shared over batch or neurons
     * @throws org.qlif.NativeException if memory runs out
     */
    void reserve(long steps, long batch, long neurons, boolean modulationSteps);

    /**
     * Sets whether each forward and backward call looks at the values of parameters in the GPU's memory, too, and refuses what {@link
     * org.qlif.Parameters#requireValid} refuses, before it writes anything; off at first. To find a fault with: it copies the values to the
     * host on the call's stream and waits for that, so the call waits for all work before it. It can't be captured into a {@link CudaGraph}:
     * a call that would be is refused with {@link IllegalStateException}.
     *
     * @throws IllegalStateException if the kernel is closed
     */
    void checkParameters(boolean check);
}
