// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.LifParameter;
import org.qlif.LifVariable;

/** Offsets of the LIF model's lines; see {@link ModelLayout}. */
final class LifLayout {
    static final ModelLayout LINES = new ModelLayout(LifVariable.values(), LifParameter.values(), 0, 0, 0);

    // The block of state and parameters.
    static final int STRIDE = LINES.stride();
    static final int V = LINES.state(LifVariable.MEMBRANE);
    static final int I = LINES.state(LifVariable.CURRENT);
    /** dt * tau_syn_inv. */
    static final int SYN_RATE = LINES.parameter(LifParameter.TAU_SYN_INV);
    /** dt * tau_mem_inv. */
    static final int MEM_RATE = LINES.parameter(LifParameter.TAU_MEM_INV);

    static final int V_TH = LINES.parameter(LifParameter.V_TH);

    // The block of adjoints and sums, which forward runs don't use.
    static final int ADJOINT_STRIDE = LINES.adjointStride();
    static final int ADJ_V = LINES.adjoint(LifVariable.MEMBRANE);
    static final int ADJ_I = LINES.adjoint(LifVariable.CURRENT);
    static final int GRAD_SYN_RATE = LINES.sum(LifParameter.TAU_SYN_INV);
    static final int GRAD_MEM_RATE = LINES.sum(LifParameter.TAU_MEM_INV);
    static final int GRAD_V_TH = LINES.sum(LifParameter.V_TH);

    // Lines of a frame, relative to its start.
    static final int FRAME_INPUT = Layout.FRAME_INPUT;
    static final int FRAME_V_PRE = Layout.FRAME_V_PRE;
    static final int FRAME_DRIVE = 2 * Lanes.TILE;
    static final int FRAME_CURRENT = 3 * Lanes.TILE;

    /** Floats of a frame. */
    static final int FRAME = 4 * Lanes.TILE;

    private LifLayout() {}
}
