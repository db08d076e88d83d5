// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The running calls. A call ends when its work is done or a stream keeps what the work uses ({@link InFlight}). To free memory, close its
 * arena, so that no new call can use it, then wait for the calls that do.
 */
final class UnderWay {
    private static final List<Uses> CALLS = new ArrayList<>();

    private UnderWay() {}

    /** The memory of one call. */
    interface Uses {
        /** Whether the call uses memory of {@code scope}. The answer must not change until the call ends. */
        boolean includes(MemorySegment.Scope scope);
    }

    /** Begins a call; must precede its check that the memory is still open. */
    static void begin(Uses call) {
        synchronized (CALLS) {
            CALLS.add(call);
        }
    }

    static void end(Uses call) {
        synchronized (CALLS) {
            CALLS.remove(call);
            CALLS.notifyAll();
        }
    }

    /** Waits for the calls that use memory of {@code scope}, which must be closed. */
    static void await(MemorySegment.Scope scope) {
        boolean interrupted = false;
        synchronized (CALLS) {
            while (isUsed(scope)) {
                try {
                    CALLS.wait();
                } catch (InterruptedException later) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean isUsed(MemorySegment.Scope scope) {
        for (Uses call : CALLS) {
            if (call.includes(scope)) {
                return true;
            }
        }
        return false;
    }
}
