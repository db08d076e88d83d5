// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

/**
 * Where a quantity of the step is found.
 *
 * @param passes what puts it into line OUT; none for one that stands in the frame
 * @param frameLine the frame's line, unless there are passes
 */
record Traced(Pass[] passes, int frameLine) {
    static Traced frame(int line) {
        return new Traced(Program.NONE, line);
    }

    static Traced by(Pass... passes) {
        return new Traced(passes, -1);
    }
}
