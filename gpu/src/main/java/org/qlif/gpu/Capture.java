// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A running capture of this thread; afterwards, what its graph needs: the memory, kernels and tapes of the captured calls. */
final class Capture implements UnderWay.Uses {
    private static final ThreadLocal<Capture> CURRENT = new ThreadLocal<>();

    private final References memory = new References();
    private final References held = new References();
    private MemorySegment.Scope[] scopes = {};

    /** The running capture of this thread, or null. */
    static Capture current() {
        return CURRENT.get();
    }

    /**
     * Throws if this thread is capturing.
     *
     * @param what what can't be done, such as "this buffer can't be closed"
     */
    static void requireNone(String what) {
        if (current() != null) {
            throw new IllegalStateException(
                    what + " while work is captured into a graph; do it before or after the capture");
        }
    }

    /** Begins a capture on this thread. */
    static Capture begin() {
        requireNone("a graph can't be captured");
        Capture capture = new Capture();
        CURRENT.set(capture);
        return capture;
    }

    /** Ends the capture on this thread. */
    void end() {
        CURRENT.remove();
        List<MemorySegment.Scope> all = new ArrayList<>();
        memory.forEach(scope -> all.add((MemorySegment.Scope) scope));
        scopes = all.toArray(scopes);
    }

    /** Keeps memory that captured work uses. */
    void keep(MemorySegment.Scope scope) {
        memory.add(scope);
    }

    /** Keeps a kernel or tape that captured work uses. */
    void hold(Holders holders) {
        int before = held.size();
        held.add(holders);
        if (held.size() > before) {
            holders.hold();
        }
    }

    /** Makes {@code stream}, on which the captured work was launched, keep the memory. */
    void launched(CudaStream stream) {
        for (MemorySegment.Scope scope : scopes) {
            stream.keep(scope);
        }
        stream.kept();
    }

    @Override
    public boolean includes(MemorySegment.Scope scope) {
        for (MemorySegment.Scope each : scopes) {
            if (each == scope) {
                return true;
            }
        }
        return false;
    }

    /** Throws if any of the memory has been closed. */
    void requireAlive() {
        for (MemorySegment.Scope scope : scopes) {
            if (!scope.isAlive()) {
                throw new IllegalStateException("this graph uses memory whose buffer or arena is closed");
            }
        }
    }

    /** Releases kernels and tapes, all of them even if freeing one fails. */
    void letGo() {
        List<RuntimeException> failures = new ArrayList<>();
        held.forEach(each -> {
            try {
                ((Holders) each).letGo();
            } catch (RuntimeException failure) {
                failures.add(failure);
            }
        });
        held.clear();
        if (!failures.isEmpty()) {
            RuntimeException first = failures.removeFirst();
            failures.forEach(first::addSuppressed);
            throw first;
        }
    }
}
