// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import org.jspecify.annotations.Nullable;

/**
 * What a linear layer on a GPU can do beyond {@link org.qlif.SpikeLinear}, got by {@code linear.extension(CudaLinear.class)} and bound to
 * that layer: used from one thread at a time, not during a call, and until the layer is closed. It does not keep the layer reachable.
 *
 * <p>A backward call of more than 32 rows works in memory that its stream allocates and frees, at most 64 MiB where the weights are not many.
 * So its calls can be captured into a {@link CudaGraph} without more ado.
 *
 * <pre>{@code
 * CudaLinear control = linear.extension(CudaLinear.class).orElseThrow();
 * control.stream(stream); // that of the kernel which takes its output
 * linear.forward(linearForward);
 * }</pre>
 */
public interface CudaLinear {
    /** The stream that calls run on, or null: then each call runs on the default stream and returns when it is done. */
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
