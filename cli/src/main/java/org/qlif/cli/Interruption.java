// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns what ends the program from outside, such as Ctrl-C, into a request to its work, which then has some time to come to an end of its own.
 * The program ends with the signal's exit code all the same.
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

    /** Whether the work is to end. */
    boolean requested() {
        return requested;
    }

    /** The work has ended: lets the program go. */
    @Override
    public void close() {
        ended.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException underway) {
            // It is what ended the work.
        }
    }
}
