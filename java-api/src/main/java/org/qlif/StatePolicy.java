// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * What happens to a layer's state between its forward calls.
 *
 * <pre>{@code
 * QlifLayer stream = QlifLayer.builder(128).state(StatePolicy.KEEP).batch(1).build();
 * stream.forward(input); // later calls continue where this one ended, until reset()
 * }</pre>
 */
public enum StatePolicy {
    /** Each call starts from a fresh state: initial values and, for QLIF neurons, the layer's statistics. */
    RESET,
    /**
     * Each call starts from the final state of the last one, but the firing-rate estimate and the homeostatic offset of QLIF are replaced
     * by their means over the batch, neuron by neuron: docs/model.md, section 5. LIF has no such variables, so for LIF this is the same as
     * {@link #STREAM}.
     */
    KEEP,
    /** Each call continues the last one exactly: T calls of one step equal one call of T steps. */
    STREAM
}
