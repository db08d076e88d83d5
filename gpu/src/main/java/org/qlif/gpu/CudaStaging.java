// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.qlif.Tensor;
import org.qlif.gpu.ffi.cuda.cuda_h;

/**
 * On a GPU, its own memory is reached as it lies, and the host's is copied on the stream of the call. All methods but {@link
 * #direct} are called with the device's context current.
 */
final class CudaStaging extends Staging {
    private final Transfer transfer = new Transfer();
    private MemorySegment stream = MemorySegment.NULL;
    private boolean mayCapture;
    private boolean loaded;
    private long scratch;
    private long size;

    /** Sets the stream of the next call, and whether it can be one that is being captured. */
    void stream(MemorySegment handle, boolean mayCapture) {
        stream = handle;
        this.mayCapture = mayCapture;
        loaded = false;
    }

    MemorySegment stream() {
        return stream;
    }

    /** Whether copies of this call may be under way. */
    boolean loaded() {
        return loaded;
    }

    @Override
    void load() {
        if (copies()) {
            if (mayCapture && CudaStream.isCapturing(stream)) {
                throw new IllegalStateException(
                        "this call lends memory of the host while its stream is being captured into a graph;"
                                + " expected all tensors in the GPU's memory");
            }
            loaded = true;
        }
        super.load();
    }

    @Override
    long direct(Tensor tensor) {
        return tensor.place() == null ? 0 : tensor.address();
    }

    @Override
    long scratch(long bytes) {
        if (bytes > size) {
            // First: two of them may not fit. It waits for the device, so no earlier call still uses it.
            free();
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment out = arena.allocate(cuda_h.C_LONG_LONG);
                Driver.check(cuda_h.cuMemAlloc_v2(out, bytes), "cuMemAlloc of " + bytes + " bytes");
                scratch = out.get(cuda_h.C_LONG_LONG, 0);
                size = bytes;
            }
        }
        return scratch;
    }

    @Override
    void upload(Tensor from, long to) {
        transfer.upload(from.segment(), to, stream);
    }

    @Override
    void download(long from, Tensor to) {
        transfer.download(from, to.segment(), stream);
    }

    private void free() {
        if (size > 0) {
            long address = scratch;
            scratch = 0;
            size = 0;
            Driver.check(cuda_h.cuMemFree_v2(address), "cuMemFree");
        }
    }

    @Override
    public void close() {
        try (transfer) {
            free();
        }
    }
}
