// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import org.jspecify.annotations.Nullable;

/**
 * What a linear layer on a GPU can do beyond {@link org.qlif.SpikeLinear}, returned by {@code linear.extension(CudaLinear.class)} and bound
 * to that layer: use it from one thread at a time, between calls, until the layer is closed. It does not keep the layer reachable.
 *
 * <p>A backward call of more than 32 rows uses memory that its stream allocates and frees, at most 64 MiB unless there are many weights. So
 * its calls can be captured into a {@link CudaGraph} without preparation.
 *
 * <pre>{@code
 * CudaLinear control = linear.extension(CudaLinear.class).orElseThrow();
 * control.stream(stream); // that of the kernel which takes its output
 * linear.forward(linearForward);
 * }</pre>
 */
public interface CudaLinear {
    /** The stream that calls run on; null if each call runs on the default stream and returns when it is done. */
    @Nullable
    CudaStream stream();

    /**
     * Sets the stream that calls run on, as {@link CudaKernel#stream(CudaStream)} does for those of a kernel.
     *
     * @param stream a stream of this layer's device; null to make calls synchronous again
     * @throws IllegalArgumentException if the stream belongs to another device
     * @throws IllegalStateException if the layer or the stream is closed
     */
    void stream(@Nullable CudaStream stream);
}
