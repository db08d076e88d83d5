// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/** Thrown if a training was stopped on request, after a step; the message says where. */
public final class TrainingStoppedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TrainingStoppedException(int epoch, int step, int steps) {
        super("stopped after step " + step + " of " + steps + " of epoch " + epoch);
    }
}
