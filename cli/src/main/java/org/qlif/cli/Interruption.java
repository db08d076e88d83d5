// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns a signal such as Ctrl-C into a request to the running work, which then has some time to finish. The program still ends with the
 * signal's exit code.
 */
final class Interruption implements AutoCloseable {
    /** Longer than a training step takes. */
    private static final int PATIENCE_SECONDS = 30;

    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread hook = new Thread(this::waitForTheEnd, "qlif-interruption");
    private volatile boolean requested;

    Interruption() {
        Runtime.getRuntime().addShutdownHook(hook);
    }

    private void waitForTheEnd() {
        requested = true;
        try {
            if (!ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                System.err.println(
                        "qlif: not stopped within " + PATIENCE_SECONDS + " s: ended in the middle of a step or test");
            }
        } catch (InterruptedException again) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether the work should end. */
    boolean requested() {
        return requested;
    }

    /** The work has ended, so the program may exit. */
    @Override
    public void close() {
        ended.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException underway) {
            // This ended the work.
        }
    }
}
