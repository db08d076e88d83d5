package org.qlif.spi.host;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.qlif.Forward;

/** Under which numbers the elements of a call draw: docs/model.md, section 8. */
public final class ElementNumbers {
    private ElementNumbers() {}

    /** The number of element {@code e = b * N + n}; unsigned, and it wraps around. */
    public static long of(Forward call, long e) {
        if (call.rowIndex() == null) {
            return call.draws().elementOffset() + e;
        }
        long row = e / call.neurons();
        return index(call.rowIndex().segment(), row) * call.neurons() + e % call.neurons();
    }

    private static long index(MemorySegment rows, long row) {
        return rows.getAtIndex(ValueLayout.JAVA_LONG, row);
    }
}
