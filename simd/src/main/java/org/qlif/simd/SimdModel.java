// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.StateVariable;

/** A neuron model with one configuration, for a {@link TileWorker}: a table of lines, and a program. */
interface SimdModel {
    /** Its configuration: parameters, state variables, traces, and what it draws. */
    NeuronConfig config();

    /** Where its lines are. */
    ModelLayout layout();

    /** Size of a frame, in floats. */
    int frame();

    /** The program for {@code mode}; defines its class if there is none yet. */
    Program program(Mode mode);

    /**
     * Whether a checkpoint must hold {@code variable}: whether a step reads a value that earlier steps may have changed, even if only by
     * flushing it. M is not stored if the modulation sets it, since it is computed again.
     */
    boolean checkpoints(StateVariable variable);

    /** The frame's line of the spike value, or {@link ModelLayout#NONE} if the spike value is the spike. */
    int spikeValue();

    /** The block's line of the potential after the reset. */
    int voltage();

    /** The frame's line of the probability with which the uniforms of several wires are compared, or {@link ModelLayout#NONE}. */
    int counted();

    /** The lines of the modulation; null for a model that takes none. */
    ModulationLines modulation();

    /**
     * Lines of the modulation.
     *
     * @param value the line of M in the block of state
     * @param slope the line of the transform's derivative in the block of state, unless the program's passes compute it from M
     * @param adjoint the line of M in the block of adjoints
     * @param sum the line in the block of adjoints where the gradient is summed
     * @param transform the transform, or null if the program's passes apply it
     */
    record ModulationLines(int value, int slope, int adjoint, int sum, NeuromodTransform transform) {}
}
