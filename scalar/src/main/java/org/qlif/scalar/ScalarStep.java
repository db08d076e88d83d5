// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

/**
 * What one step of one neuron computed, for outputs, traces and the backward step. Every model has these values, and adds its own, with the
 * names of docs/model.md.
 */
abstract class ScalarStep {
    /** The potential before the reset. */
    float vPre;
    /** s, the spike: 0 or 1. */
    float spike;
    /** y, the spike value. */
    float y;
}
