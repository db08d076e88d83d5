// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.Forward;
import org.qlif.Tensor;

/** The numbers of a call's elements, which select their draws: docs/model.md, section 8. */
public final class ElementNumbers {
    private ElementNumbers() {}

    /** The number of element {@code e = b * N + n}; unsigned, and it wraps around. */
    public static long of(Forward call, long e) {
        return of(call.rowIndex(), Objects.requireNonNull(call.draws()).elementOffset(), call.neurons(), e);
    }

    /** The same for rows of {@code neurons} neurons. {@code rowIndex} is null for consecutive rows from {@code offset} on. */
    public static long of(@Nullable Tensor rowIndex, long offset, long neurons, long e) {
        return rowIndex == null ? offset + e : index(rowIndex.segment(), e / neurons) * neurons + e % neurons;
    }

    private static long index(MemorySegment rows, long row) {
        return rows.getAtIndex(ValueLayout.JAVA_LONG, row);
    }
}
