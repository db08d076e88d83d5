// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.host.Crew;

/**
 * Lets one call at a time use an object, and closes it between calls. Everything here that has a {@code close()} behaves like this: a call
 * while another one runs is refused, and closing waits for the running call. Allocates nothing. Thread-safe.
 */
final class CallGuard {
    private static final int IDLE = 0;
    private static final int BUSY = 1;
    private static final int CLOSING = 2;
    private static final int CLOSED = 3;

    /** How long a closing thread sleeps before it checks again whether the call has ended. */
    private static final long WAIT_NANOS = 100_000;

    private final String what;
    private final String advice;
    private final AtomicInteger use = new AtomicInteger(IDLE);
    private volatile boolean closing;
    /** The thread whose call runs. A thread only compares it with itself, and sees its own writes, so it need not be volatile. */
    private @Nullable Thread user;

    /**
     * @param what the object in messages, such as "this kernel"
     * @param advice what to do if another call is running, for messages
     */
    CallGuard(String what, String advice) {
        this.what = what;
        this.advice = advice;
    }

    /**
     * Begins a call, which {@link #exit} ends.
     *
     * @throws IllegalStateException if the object is closed, about to be, or in a call
     */
    void enter() {
        // A closing object takes no new calls; otherwise a busy caller could keep it open for ever.
        if (closing || !use.compareAndSet(IDLE, BUSY)) {
            throw new IllegalStateException(isClosed() ? what + " is closed" : what + " is in a call; " + advice);
        }
        user = Thread.currentThread();
    }

    /** Ends a call. */
    void exit() {
        user = null;
        use.setRelease(IDLE);
    }

    /** Whether it is closed or waits for its last call. */
    boolean isClosed() {
        return closing;
    }

    /**
     * Refuses further calls, waits for the running one, and runs {@code release}. Only the first thread to close does this; others return
     * when it is done. An interrupt does not end the wait, and is kept.
     *
     * @throws IllegalStateException if the caller is inside the running call, which could then never end; nothing is changed
     */
    void close(Runnable release) {
        requireClosable();
        closing = true;
        if (awaitIdle()) {
            try {
                release.run();
            } finally {
                use.set(CLOSED);
            }
        }
    }

    /** Throws if the caller is inside the running call, on its thread or on one of its helpers. */
    void requireClosable() {
        if (use.get() == BUSY && (user == Thread.currentThread() || Crew.isHelper(Thread.currentThread()))) {
            throw new IllegalStateException(
                    what + " is in a call that this thread takes part in, and can't be closed from there");
        }
    }

    /** Waits until no call runs; false if another thread has closed. */
    private boolean awaitIdle() {
        boolean interrupted = false;
        try {
            while (!use.compareAndSet(IDLE, CLOSING)) {
                if (use.get() == CLOSED) {
                    return false;
                }
                LockSupport.parkNanos(this, WAIT_NANOS);
                interrupted |= Thread.interrupted();
            }
            return true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
