package org.qlif.gpu;

/**
 * What a kernel on a GPU can do beyond {@link org.qlif.Kernel}, got by {@code kernel.extension(CudaKernel.class)} and bound to that
 * kernel: used from one thread at a time, not during a call, and until the kernel is closed.
 */
public interface CudaKernel {
    /** The stream that calls run on, or null: then each call runs on the default stream and returns when it is done. */
    CudaStream stream();

    /**
     * Sets the stream that calls run on. A call whose tensors are all in the GPU's memory then only adds its work to the stream and
     * returns at once; its tensors, tapes and the stream must live until the stream has done that work. A call that lends memory of the
     * host copies on the stream and waits for it.
     *
     * <p>Calls of one kernel share scratch memory. After a change of stream, calls must be ordered by events behind those that went
     * before, or the old stream be synchronised first.
     *
     * @param stream a stream of this kernel's device; null to make calls synchronous again
     * @throws IllegalArgumentException if the stream belongs to another device
     * @throws IllegalStateException if the kernel or the stream is closed
     */
    void stream(CudaStream stream);

    /**
     * Makes room for backward calls of this shape, so that none has to allocate: needed before one is captured into a {@link
     * CudaGraph}.
     *
     * @param steps T
     * @param batch B
     * @param neurons N
     * @param modulationSteps whether gradients are wanted of a modulation that varies over time and is shared over batch or neurons
     * @throws org.qlif.NativeException if memory runs out
     */
    void reserve(long steps, long batch, long neurons, boolean modulationSteps);
}
