// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

/** Training came to something that is not finite: the network is of no use any more. The message says what it was. */
public final class DivergenceException extends RuntimeException {
    private static final long serialVersionUID = 1;

    DivergenceException(String what) {
        super(what);
    }
}
