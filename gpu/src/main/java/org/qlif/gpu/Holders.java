// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

/** A reference count: the owner of an object and each graph with work on it hold it. When the last one lets go, it is released. */
final class Holders {
    private final Runnable release;
    private int count = 1;

    Holders(Runnable release) {
        this.release = release;
    }

    /** Adds a holder; there must still be one. */
    synchronized void hold() {
        count++;
    }

    /** Removes a holder; the last one releases the object. */
    void letGo() {
        synchronized (this) {
            count--;
            if (count > 0) {
                return;
            }
        }
        release.run();
    }
}
