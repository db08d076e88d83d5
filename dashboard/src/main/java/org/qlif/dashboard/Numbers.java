// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.math.BigDecimal;

/** Numbers in human-readable form. */
final class Numbers {
    private static final double LARGE = 1e5;

    private Numbers() {}

    /** {@code value} without a fraction of zeros, such as {@code 0.25} or {@code 1e6}. */
    static String text(double value) {
        BigDecimal shortest = BigDecimal.valueOf(value).stripTrailingZeros();
        return Math.abs(value) < LARGE ? shortest.toPlainString() : shortest.unscaledValue() + "e" + -shortest.scale();
    }
}
