// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;

/** What a call allocates once the compiler is done with it. */
final class Allocation {
    /**
     * What a call that allocates nothing may seem to: bytes. Not 0, because the JVM's own doings may fall on the calling thread; an
     * object a call would take at least 16.
     */
    static final long NONE = 4;

    private static final int CALLS = 100;

    private Allocation() {}

    /**
     * The fewest bytes a call of the calling thread's over rounds of calls. Vectors are boxed until the compiler is done, a second or
     * more after the first calls on a busy machine, so rounds go on for {@code seconds} if need be; the first one that is clean ends
     * them.
     */
    static long perCall(long seconds, Runnable call) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        threads.setThreadAllocatedMemoryEnabled(true);
        long fewest = Long.MAX_VALUE;
        long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (fewest > NONE * CALLS && System.nanoTime() < patience) {
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < CALLS; i++) {
                call.run();
            }
            fewest = Math.min(fewest, threads.getCurrentThreadAllocatedBytes() - before);
        }
        return fewest / CALLS;
    }
}
