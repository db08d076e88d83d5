// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

/**
 * Where a traced quantity of a step is found.
 *
 * @param passes the passes that write it to line OUT; none if it is in the frame
 * @param frameLine its line in the frame, if there are no passes
 */
record Traced(Pass[] passes, int frameLine) {
    static Traced frame(int line) {
        return new Traced(Program.NONE, line);
    }

    static Traced by(Pass... passes) {
        return new Traced(passes, -1);
    }
}
