// SPDX-License-Identifier: Apache-2.0
package org.qlif.gpu;

/** Counts those who need something that was made: its owner, and each graph that holds work on it. The last to let go releases it. */
final class Holders {
    private final Runnable release;
    private int count = 1;

    Holders(Runnable release) {
        this.release = release;
    }

    /** One more; while there is one. */
    synchronized void hold() {
        count++;
    }

    /** One less; the last releases it. */
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
