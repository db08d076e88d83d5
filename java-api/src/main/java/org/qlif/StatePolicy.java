// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * What happens to a layer's state between its forward calls.
 *
 * <pre>{@code
 * QlifLayer stream = QlifLayer.builder(128).state(StatePolicy.KEEP).batch(1).build();
 * stream.forward(input); // later calls go on where this one ended, until reset()
 * }</pre>
 */
public enum StatePolicy {
    /** Each call starts from a fresh state: initial values, and the statistics of a layer of QLIF neurons. */
    RESET,
    /**
     * A call starts from the state of the last, except that what steers a neuron as a whole is replaced by its mean over the batch,
     * neuron by neuron: the firing-rate estimate and the homeostatic offset of QLIF, docs/model.md, section 5. LIF has nothing of the
     * kind, so that this is the same as {@link #STREAM}.
     */
    KEEP,
    /** A call continues the last one exactly: T calls of one step equal one call of T steps. */
    STREAM
}
