package org.qlif.spi.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.qlif.NativeException;

/** Memory outside the Java heap for tapes and scratch. */
public final class HostMemory {
    /** A cache line, and the widest vector. */
    private static final long ALIGNMENT = 64;

    private HostMemory() {}

    /**
     * Zero-filled memory of {@code arena}.
     *
     * @param what it is for, in the message of a failure, such as "a tape"
     * @throws NativeException of kind {@code OUT_OF_MEMORY} if there is not that much
     */
    public static MemorySegment allocate(Arena arena, long bytes, String what) {
        try {
            return arena.allocate(bytes, ALIGNMENT);
        } catch (OutOfMemoryError none) {
            NativeException failure = new NativeException(
                    NativeException.Kind.OUT_OF_MEMORY,
                    0,
                    0,
                    what + " takes " + bytes + " bytes of the host's memory, which can't be had");
            failure.initCause(none);
            throw failure;
        }
    }
}
