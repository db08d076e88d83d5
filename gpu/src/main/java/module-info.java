// SPDX-License-Identifier: Apache-2.0
import org.qlif.gpu.CudaBackend;
import org.qlif.gpu.NativeBackend;
import org.qlif.spi.Backend;

/**
 * The backend in C++ and CUDA: devices {@code cuda:0}, {@code cuda:1} and so on, and {@code cpu:native}, the same library on the CPU; and
 * memory, streams, events and graphs of a GPU.
 */
module org.qlif.gpu {
    requires transitive org.qlif;

    exports org.qlif.gpu;

    provides Backend with
            CudaBackend,
            NativeBackend;
}
