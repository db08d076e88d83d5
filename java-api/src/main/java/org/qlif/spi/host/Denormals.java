// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

/** When decaying values become +0, and below which magnitude: docs/model.md, section 10. */
public final class Denormals {
    /** Before a step whose absolute index is a multiple of this, values of flushed state variables below {@link #STATE} become +0. */
    public static final int PERIOD = 64;

    /** 2^-64. */
    public static final float STATE = 0x1p-64f;

    /** 2^-100: when the backward pass reaches the start of such a step, state adjoints below it become +0. */
    public static final float ADJOINT = 0x1p-100f;

    private Denormals() {}
}
