package org.qlif.scalar;

/** What one step of one neuron computed, in the names of docs/model.md: what traces show and the backward step reads. */
final class Step {
    /** I. */
    float input;
    /** M at the step. */
    float m;
    /** dM/dm, where an external modulation was given. */
    float modulationSlope;
    /** S before the step. */
    float efficiency;
    /** g. */
    float gain;
    /** V_th + o. */
    float rawBase;
    /** Theta: V_th + o, clamped if the threshold adapts. */
    float base;
    /** I' - V. */
    float drive;
    /** V', the potential before the reset. */
    float vPre;

    float theta;
    float delta;
    /** max(1 + D, 1e-6), or 1. */
    float divisor;
    /** The slope's numerator over the divisor: alpha c (1 + kappa M), or the SIGMOID slope before its clamp. */
    float slope;
    /** phi. */
    float angle;
    /** tanh(x), in the TANH angle map. */
    float tanh;
    /** p before clamp and damping. */
    float rawP;
    /** exp(-R). */
    float damping;

    float p;
    /** s. */
    float spike;

    float y;
}
