// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.NeuromodTransform;
import org.qlif.NeuronConfig;
import org.qlif.StateVariable;

/** A neuron model of one configuration for a {@link TileWorker}: a table of lines, and a program. */
interface SimdModel {
    /** Its parameters, state variables and traces, and what it draws. */
    NeuronConfig config();

    /** Where its lines stand. */
    ModelLayout layout();

    /** Floats of a frame. */
    int frame();

    /** The program for {@code mode}, its class made unless there is one. */
    Program program(Mode mode);

    /**
     * Whether a checkpoint must hold {@code variable}: whether a step reads what the steps before it may have made of it, were it only
     * to flush it. What the modulation sets is done again from the modulation.
     */
    boolean checkpoints(StateVariable variable);

    /** The frame's line of the spike value, or {@link ModelLayout#NONE} if that is the spike. */
    int spikeValue();

    /** The block's line of the potential after the reset. */
    int voltage();

    /** The frame's line of the probability that the uniforms of several wires are counted against, or {@link ModelLayout#NONE}. */
    int counted();

    /** The lines of the modulation; null for a model that takes none. */
    ModulationLines modulation();

    /**
     * Lines of the modulation.
     *
     * @param value the block's line of M
     * @param slope the block's line of the transform's derivative, unless the program's passes find it from M
     * @param adjoint the adjoints' block's line of M
     * @param sum the adjoints' block's line where the gradient is summed
     * @param transform the transform, unless the program's passes are
     */
    record ModulationLines(int value, int slope, int adjoint, int sum, NeuromodTransform transform) {}
}
