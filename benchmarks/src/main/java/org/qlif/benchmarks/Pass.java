// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import org.qlif.Tape;

/** The pass of a call. */
public enum Pass {
    /** A forward run. */
    FORWARD(null),
    /** A forward run and its backward run, on a tape that keeps the potentials. */
    TRAIN(Tape.Mode.VOLTAGE),
    /** The same on a compact tape. */
    TRAIN_COMPACT(Tape.Mode.COMPACT);

    private final Tape.Mode tape;

    Pass(Tape.Mode tape) {
        this.tape = tape;
    }

    /** The tape that is recorded, or null. */
    Tape.Mode tape() {
        return tape;
    }
}
