// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.QlifParameter;
import org.qlif.QlifVariable;

/** Offsets of the QLIF model's lines; see {@link ModelLayout}. */
final class QlifLayout {
    static final ModelLayout LINES = new ModelLayout(QlifVariable.values(), QlifParameter.values(), 1, 5, 2);

    // The block of state and parameters.
    static final int STRIDE = LINES.stride();
    static final int V = LINES.state(QlifVariable.MEMBRANE);
    static final int A = LINES.state(QlifVariable.ADAPTATION);
    static final int S = LINES.state(QlifVariable.EFFICIENCY);
    static final int REFRACTORY = LINES.state(QlifVariable.REFRACTORY);
    static final int AHP = LINES.state(QlifVariable.AHP);
    static final int D = LINES.state(QlifVariable.DYNAMIC_PROBABILITY);
    static final int O = LINES.state(QlifVariable.THRESHOLD_OFFSET);
    static final int RATE = LINES.state(QlifVariable.RATE);
    static final int HOMEOSTASIS = LINES.state(QlifVariable.HOMEOSTASIS);
    static final int M = LINES.state(QlifVariable.MODULATION);
    static final int Y = LINES.state(QlifVariable.SPIKE_VALUE);
    static final int V_TH = LINES.parameter(QlifParameter.V_TH);
    /** dt / tau. */
    static final int LEAK = LINES.parameter(QlifParameter.TAU);

    static final int ETA = LINES.parameter(QlifParameter.ETA);
    static final int ALPHA = LINES.parameter(QlifParameter.Q_SCALE);
    /** beta - l. */
    static final int REST_ANGLE = LINES.parameter(QlifParameter.Q_BIAS);

    static final int M_SLOPE = LINES.own(0);

    // The block of adjoints and sums, which forward runs don't use.
    static final int ADJOINT_STRIDE = LINES.adjointStride();
    static final int ADJ_V = LINES.adjoint(QlifVariable.MEMBRANE);
    static final int ADJ_A = LINES.adjoint(QlifVariable.ADAPTATION);
    static final int ADJ_S = LINES.adjoint(QlifVariable.EFFICIENCY);
    static final int ADJ_REFRACTORY = LINES.adjoint(QlifVariable.REFRACTORY);
    static final int ADJ_D = LINES.adjoint(QlifVariable.DYNAMIC_PROBABILITY);
    static final int ADJ_O = LINES.adjoint(QlifVariable.THRESHOLD_OFFSET);
    static final int ADJ_M = LINES.adjoint(QlifVariable.MODULATION);
    static final int ADJ_Y = LINES.adjoint(QlifVariable.SPIKE_VALUE);
    static final int GRAD_V_TH = LINES.sum(QlifParameter.V_TH);
    static final int GRAD_LEAK = LINES.sum(QlifParameter.TAU);
    static final int GRAD_ETA = LINES.sum(QlifParameter.ETA);
    static final int GRAD_ALPHA = LINES.sum(QlifParameter.Q_SCALE);
    static final int GRAD_BIAS = LINES.sum(QlifParameter.Q_BIAS);
    static final int GRAD_M = LINES.ownAdjoint(0);
    static final int B_Y = LINES.ownAdjoint(1);
    static final int B_V_PRE = LINES.ownAdjoint(2);
    static final int B_BASE = LINES.ownAdjoint(3);
    static final int B_DELTA = LINES.ownAdjoint(4);

    // Plain lines.

    /** Line: phi. */
    static final int ANGLE = LINES.plain(0);

    /** Line: tanh(x). */
    static final int TANH = LINES.plain(1);

    // Lines of a frame, relative to its start.
    static final int FRAME_INPUT = Layout.FRAME_INPUT;
    static final int FRAME_V_PRE = Layout.FRAME_V_PRE;
    static final int FRAME_EFFICIENCY = 2 * Lanes.TILE;
    static final int FRAME_DRIVE = 3 * Lanes.TILE;
    static final int FRAME_RAW_BASE = 4 * Lanes.TILE;
    static final int FRAME_DELTA = 5 * Lanes.TILE;
    static final int FRAME_DIVISOR = 6 * Lanes.TILE;
    static final int FRAME_SLOPE = 7 * Lanes.TILE;
    static final int FRAME_DAMPING = 8 * Lanes.TILE;
    static final int FRAME_P = 9 * Lanes.TILE;

    // Only if a replay computes p: p before the clamp, and what it was computed from.
    static final int FRAME_PHASE = 10 * Lanes.TILE;
    static final int FRAME_TANH = 11 * Lanes.TILE;
    static final int FRAME_RAW_P = 12 * Lanes.TILE;

    private QlifLayout() {}

    /** Floats of a frame: as few as possible, since 64 frames fill much of the second-level cache. */
    static int frame(QlifStructure structure) {
        return (structure.expected() ? 13 : 10) * Lanes.TILE;
    }
}
