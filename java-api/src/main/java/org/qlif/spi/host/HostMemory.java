// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.qlif.NativeException;

/** Memory outside the Java heap for tapes and scratch. */
public final class HostMemory {
    /** A cache line, and the widest vector. */
    private static final long ALIGNMENT = 64;

    /** The length from which G1 allocates an array in regions of its own, at its default region size for heaps of up to 8 GiB. */
    private static final int OWN_REGIONS = 1 << 19;

    private HostMemory() {}

    /**
     * Returns {@code given} if it has this many floats, else a new array, large enough to start at a region of the heap, so that its
     * alignment to cache lines is known.
     */
    public static float[] atLeast(int floats, float[] given) {
        return given.length >= floats ? given : new float[Math.max(floats, OWN_REGIONS)];
    }

    /**
     * Zero-filled memory of {@code arena}.
     *
     * @param what it is for, in the message of a failure, such as "a tape"
     * @throws NativeException of kind {@code OUT_OF_MEMORY} if there is not enough memory
     */
    public static MemorySegment allocate(Arena arena, long bytes, String what) {
        try {
            return arena.allocate(bytes, ALIGNMENT);
        } catch (OutOfMemoryError none) {
            NativeException failure = new NativeException(
                    NativeException.Kind.OUT_OF_MEMORY,
                    0,
                    0,
                    what + " takes " + bytes + " bytes of host memory, which are not available");
            failure.initCause(none);
            throw failure;
        }
    }
}
