// SPDX-License-Identifier: Apache-2.0
/**
 * Kernels in C and CUDA, and a GPU's memory, streams, events and graphs to use them well.
 *
 * <p>No class of this package is needed to run on a GPU: {@code Kernel.open(config, "cuda:0")} takes tensors in the host's memory,
 * copies them there and back, and returns when all is done. To leave data on the GPU, allocate a {@link
 * org.qlif.gpu.DeviceBuffer} and lend tensors of it; to run ahead of the GPU, give the kernel a {@link org.qlif.gpu.CudaStream}
 * through its {@link org.qlif.gpu.CudaKernel}; to repeat calls at the least cost, capture them in a {@link org.qlif.gpu.CudaGraph}.
 *
 * <p>Whatever owns something of the GPU is closed by its owner, once or more, from any thread: closing waits for calls of this package
 * that are using it, and later ones throw {@link java.lang.IllegalStateException}. What is forgotten is released some time after it has
 * become unreachable. Failures of the device are {@link org.qlif.NativeException}s. Unless a method says otherwise,
 * objects may be used from any thread, one at a time.
 */
@NullMarked
package org.qlif.gpu;

import org.jspecify.annotations.NullMarked;
