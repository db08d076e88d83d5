// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

/** One way to compute a linear layer's output or gradient, ready to be timed. */
interface LinearContender extends AutoCloseable {
    /** A description for people to read. */
    String description();

    /** Computes it once. */
    Object run();

    /** What the last run computed. */
    float[] result();

    @Override
    void close();
}
