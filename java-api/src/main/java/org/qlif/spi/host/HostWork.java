// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import org.qlif.Forward;

/** How many parts a call on the host has. */
public final class HostWork {
    private HostWork() {}

    /** The parts of {@code call} in parts of {@code size} elements: none if there is no step to run and no state to hand on. */
    public static long parts(Forward call, int size) {
        return call.steps() == 0 && call.finalState() == null ? 0 : parts(call.elements(), size);
    }

    /** The parts of {@code size} elements, the last of which may have fewer, in {@code elements}. */
    public static long parts(long elements, int size) {
        return (elements + size - 1) / size;
    }
}
