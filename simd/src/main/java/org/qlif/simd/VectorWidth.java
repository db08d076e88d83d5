// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import jdk.incubator.vector.VectorShape;

/** The width of the vectors of {@link Lanes}, without loading the vector classes, which takes a new process longer than a call. */
final class VectorWidth {
    static final int BITS = VectorShape.preferredShape().vectorBitSize();

    private VectorWidth() {}

    static String describe() {
        return "Vector API, " + BITS + "-bit " + System.getProperty("os.arch");
    }
}
