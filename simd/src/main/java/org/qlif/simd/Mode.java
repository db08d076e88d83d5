// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

/** What a specialised program runs for. */
enum Mode {
    /** A forward run. */
    RUN,
    /** The backward pass, with the potentials from the tape. */
    REPLAY_VOLTAGES,
    /** The backward pass, redrawing the noise. */
    REPLAY_DRAWS
}
