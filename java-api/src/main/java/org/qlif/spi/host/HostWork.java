// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import org.qlif.Forward;

/** Counts the parts of a call on the host. */
public final class HostWork {
    private HostWork() {}

    /** The number of parts of {@code size} elements in {@code call}: 0 if there is no step to run and no state to pass on. */
    public static long parts(Forward call, int size) {
        return call.steps() == 0 && call.finalState() == null ? 0 : parts(call.elements(), size);
    }

    /** The number of parts of {@code size} elements, or fewer in the last one, in {@code elements}. */
    public static long parts(long elements, int size) {
        return (elements + size - 1) / size;
    }
}
