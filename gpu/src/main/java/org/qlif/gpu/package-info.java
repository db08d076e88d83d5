// SPDX-License-Identifier: Apache-2.0
/**
 * Kernels in C++ and CUDA, and a GPU's memory, streams, events and graphs.
 *
 * <p>No class of this package is needed to run on a GPU: {@code Kernel.open(config, "cuda:0")} takes tensors in the host's memory,
 * copies them to the GPU and back, and returns when all work is done. To leave data on the GPU, allocate a {@link
 * org.qlif.gpu.DeviceBuffer} and lend tensors of it; to run ahead of the GPU, give the kernel a {@link org.qlif.gpu.CudaStream}
 * through its {@link org.qlif.gpu.CudaKernel}; to repeat calls at the least cost, capture them in a {@link org.qlif.gpu.CudaGraph}.
 *
 * <p>Close objects that own something of the GPU, from any thread; closing twice is harmless. Closing waits for running calls of this
 * package that use the object; later calls throw {@link java.lang.IllegalStateException}. Objects that you forget are released some time
 * after they have become unreachable. If the device fails, methods throw {@link org.qlif.NativeException}. Unless stated otherwise, objects
 * may be used from any thread, one at a time.
 */
@NullMarked
package org.qlif.gpu;

import org.jspecify.annotations.NullMarked;
