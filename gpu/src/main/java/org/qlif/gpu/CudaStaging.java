// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.qlif.Tensor;

/**
 * Staging on a GPU: uses the GPU's memory directly, and copies the host's on the call's stream. All methods but {@link #direct} must be
 * called with the device's context current.
 */
final class CudaStaging extends Staging implements UnderWay.Uses {
    private final int ordinal;
    private final Transfer transfer = new Transfer();
    private MemorySegment stream = MemorySegment.NULL;
    private boolean mayCapture;
    private boolean loaded;
    private boolean underWay;
    /** The pool for scratch memory; null until some is needed. */
    private @Nullable DevicePool pool;

    private long scratch;
    private long size;

    /** Creates the staging for calls on device {@code ordinal}. */
    CudaStaging(int ordinal) {
        this.ordinal = ordinal;
    }

    /** Sets the stream of the next call, and whether that stream may be being captured. */
    void stream(MemorySegment handle, boolean mayCapture) {
        stream = handle;
        this.mayCapture = mayCapture;
        loaded = false;
    }

    MemorySegment stream() {
        return stream;
    }

    /** Whether copies of this call may still be running. */
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
        // The GPU may still copy page-locked memory after the copying function has returned.
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
            // Frees the old memory first, since both may not fit. No earlier call uses it, since calls that copy wait.
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
