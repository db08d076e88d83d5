package org.qlif.gpu;

import java.util.concurrent.atomic.AtomicBoolean;

/** Whether something that its owner closes is still open. */
final class Lifetime {
    private final String what;
    private final AtomicBoolean ended = new AtomicBoolean();

    /** The life of {@code what}, such as "this stream", for messages. */
    Lifetime(String what) {
        this.what = what;
    }

    void requireOpen() {
        if (ended.get()) {
            throw new IllegalStateException(what + " is closed");
        }
    }

    /** Ends it; true for the first to call. */
    boolean end() {
        return ended.compareAndSet(false, true);
    }
}
