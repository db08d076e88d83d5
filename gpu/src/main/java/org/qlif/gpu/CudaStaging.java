// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.qlif.Tensor;

/**
 * On a GPU, its own memory is reached as it lies, and the host's is copied on the stream of the call. All methods but {@link
 * #direct} are called with the device's context current.
 */
final class CudaStaging extends Staging implements UnderWay.Uses {
    private final int ordinal;
    private final Transfer transfer = new Transfer();
    private MemorySegment stream = MemorySegment.NULL;
    private boolean mayCapture;
    private boolean loaded;
    private boolean underWay;
    /** Where scratch memory comes from; null until some is needed. */
    private @Nullable DevicePool pool;

    private long scratch;
    private long size;

    /** For calls on device {@code ordinal}. */
    CudaStaging(int ordinal) {
        this.ordinal = ordinal;
    }

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
        UnderWay.begin(this);
        underWay = true;
        super.load();
    }

    @Override
    void clear() {
        if (underWay) {
            underWay = false;
            UnderWay.end(this);
        }
        super.clear();
    }

    @Override
    public boolean includes(MemorySegment.Scope scope) {
        // The GPU copies page-locked memory after the functions that take it have returned.
        return holds().includes(scope) || stages(scope);
    }

    @Override
    long direct(Tensor tensor) {
        return tensor.place() == null ? 0 : tensor.address();
    }

    @Override
    long scratch(long bytes) {
        if (bytes > size) {
            if (pool == null) {
                pool = DevicePool.retain(ordinal);
            }
            // First: two of them may not fit. Calls that copy are waited for, so no earlier one still uses it.
            free();
            scratch = pool.allocate(bytes);
            size = bytes;
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
        if (size > 0 && pool != null) {
            long address = scratch;
            scratch = 0;
            size = 0;
            pool.free(address, null);
        }
    }

    @Override
    public void close() {
        try (transfer) {
            free();
        } finally {
            if (pool != null) {
                pool.close();
            }
        }
    }
}
