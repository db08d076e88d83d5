// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.qlif.gpu.ffi.qlif.qlif_h;
import org.qlif.spi.TapeStorage;

/** A tape of the library, in the memory of its kernel's device. */
final class NativeTape implements TapeStorage {
    private final MemorySegment handle;
    private final @Nullable MemorySegment lent;
    private final Holders holders = new Holders(this::release);

    /** @param lent the caller's memory that it is in, which it keeps reachable; null if it has its own */
    NativeTape(MemorySegment handle, @Nullable MemorySegment lent) {
        this.handle = handle;
        this.lent = lent;
    }

    /** The {@code qlif_tape *}. */
    MemorySegment handle() {
        return handle;
    }

    /** The caller's memory that it is in, which calls must keep open; or null. */
    @Nullable
    MemorySegment lent() {
        return lent;
    }

    @Override
    public long byteSize() {
        return qlif_h.qlif_tape_bytes(handle);
    }

    /** The holders of the tape: its owner, and graphs. */
    Holders holders() {
        return holders;
    }

    @Override
    public void close() {
        Capture capture = Capture.current();
        if (capture != null) {
            // Freed when the graph is closed; freeing it now would invalidate the capture.
            capture.hold(holders);
        }
        holders.letGo();
    }

    private void release() {
        Status.close("qlif_tape_close", () -> qlif_h.qlif_tape_close(handle));
    }
}
