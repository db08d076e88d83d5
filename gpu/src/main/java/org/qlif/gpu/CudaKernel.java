// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import org.jspecify.annotations.Nullable;

/**
 * What a kernel on a GPU can do beyond {@link org.qlif.Kernel}, returned by {@code kernel.extension(CudaKernel.class)} and bound to that
 * kernel: use it from one thread at a time, between calls, until the kernel is closed. It does not keep the kernel reachable: a forgotten
 * kernel is closed even if this object is still in use.
 *
 * <p>Parameters in the GPU's memory are not checked, unlike those in the host's memory ({@link org.qlif.Parameters#requireValid}): a NaN or
 * a tau of 0 spreads silently. {@link #checkParameters} turns a check on.
 *
 * <pre>{@code
 * CudaKernel control = kernel.extension(CudaKernel.class).orElseThrow();
 * control.checkParameters(true); // to find a NaN among parameters in the GPU's memory
 * kernel.forward(forward);
 * }</pre>
 */
public interface CudaKernel {
    /** The stream that calls run on; null if each call runs on the default stream and returns when it is done. */
    @Nullable
    CudaStream stream();

    /**
     * Sets the stream that calls run on. A call whose tensors are all in the GPU's memory then only adds its work to the stream and
     * returns at once. What it uses stays reachable until the stream has done that work. A {@link DeviceBuffer} may be closed before: its
     * memory is freed behind the work. Closing a tape or the kernel waits for the work. Anything else must not be closed before ({@link
     * CudaStream}). A call that lends memory of the host copies on the stream and waits for it.
     *
     * <p>Calls of one kernel share scratch memory, except backward calls that lend it. After a change of stream, order calls behind earlier
     * ones by events, or synchronize the old stream first.
     *
     * @param stream a stream of this kernel's device; null to make calls synchronous again
     * @throws IllegalArgumentException if the stream belongs to another device
     * @throws IllegalStateException if the kernel or the stream is closed
     */
    void stream(@Nullable CudaStream stream);

    /**
     * Allocates the working memory of backward calls of this shape in advance. This is needed before such a call is captured into a {@link
     * CudaGraph}, unless the call brings its own memory ({@link org.qlif.Backward#scratch}).
     *
     * @param steps T
     * @param batch B
     * @param neurons N
     * @param modulationSteps whether you want the gradient of a modulation that varies over time and is shared over batch or neurons
     * @throws org.qlif.NativeException if memory runs out
     */
    void reserve(long steps, long batch, long neurons, boolean modulationSteps);

    /**
     * Sets whether each forward and backward call also checks parameters in the GPU's memory, as {@link org.qlif.Parameters#requireValid}
     * does, before it writes anything; off by default. This is for debugging: it copies the values to the host on the call's stream and
     * waits for that, so the call waits for all work before it. Such a call can't be captured into a {@link CudaGraph}; it throws {@link
     * IllegalStateException}.
     *
     * @throws IllegalStateException if the kernel is closed
     */
    void checkParameters(boolean check);
}
