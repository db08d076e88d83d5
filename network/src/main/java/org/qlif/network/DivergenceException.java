// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

/** Thrown if something in training is not finite, which makes the network useless. The message says what it was. */
public final class DivergenceException extends RuntimeException {
    private static final long serialVersionUID = 1;

    DivergenceException(String what) {
        super(what);
    }
}
