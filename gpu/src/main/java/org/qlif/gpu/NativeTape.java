package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.spi.TapeStorage;

/** A tape of the library, in the memory of its kernel's device. */
final class NativeTape implements TapeStorage {
    private final MemorySegment handle;

    NativeTape(MemorySegment handle) {
        this.handle = handle;
    }

    /** The {@code qlif_tape *}. */
    MemorySegment handle() {
        return handle;
    }

    @Override
    public long byteSize() {
        return qlif_h.qlif_tape_bytes(handle);
    }

    @Override
    public void close() {
        Status.check(qlif_h.qlif_tape_close(handle), "qlif_tape_close");
    }
}
