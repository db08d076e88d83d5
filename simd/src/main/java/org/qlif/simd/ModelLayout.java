// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.NeuronParameter;
import org.qlif.StateVariable;
import org.qlif.spi.host.HostTape;

/**
 * Offsets of a model's lines in the scratch of a tile, after those of {@link Layout}: two blocks, plain lines, and frames.
 *
 * <p>One <em>block</em> holds state variables by ordinal, parameters by ordinal, and lines of the model's own; the other the adjoints of
 * the variables that carry gradient, sums of the parameters' gradients by ordinal, and lines of the model's own. Their values are
 * interleaved by vector: all lines of the first vector, then all of the second, so that a pass over a vector stays within a few cache
 * lines. A line is identified by its offset in the first vector's part.
 */
final class ModelLayout {
    /** What {@link #adjoint} returns for a variable that carries no gradient. */
    static final int NONE = -1;

    private final StateVariable[] variables;
    private final NeuronParameter[] parameters;
    private final int blockLines;
    private final int adjointLines;
    private final int carriers;
    private final int plainLines;

    /**
     * Lines for these state variables and parameters.
     *
     * @param own the model's own lines in the block of state
     * @param ownAdjoints the model's own lines in the block of adjoints
     * @param plain the model's own plain lines
     */
    ModelLayout(StateVariable[] variables, NeuronParameter[] parameters, int own, int ownAdjoints, int plain) {
        this.variables = variables;
        this.parameters = parameters;
        blockLines = variables.length + parameters.length + own;
        carriers = carriersBefore(variables.length);
        adjointLines = carriers + parameters.length + ownAdjoints;
        plainLines = plain;
    }

    private int carriersBefore(int ordinal) {
        int count = 0;
        for (int i = 0; i < ordinal; i++) {
            count += variables[i].carriesGradient() ? 1 : 0;
        }
        return count;
    }

    private static int block(int line) {
        return Layout.MODEL + line * Lanes.LENGTH;
    }

    /** The line of a state variable in the block of state. */
    int state(StateVariable variable) {
        return block(variable.ordinal());
    }

    /** The line of a parameter in the block of state. */
    int parameter(NeuronParameter parameter) {
        return block(variables.length + parameter.ordinal());
    }

    /** The model's own line {@code i} in the block of state. */
    int own(int i) {
        return block(variables.length + parameters.length + i);
    }

    /** Floats per vector in the block of state. */
    int stride() {
        return blockLines * Lanes.LENGTH;
    }

    private int adjointBlock(int line) {
        return Layout.MODEL + blockLines * Lanes.TILE + line * Lanes.LENGTH;
    }

    /** The line of a state variable in the block of adjoints, or {@link #NONE} if it carries no gradient. */
    int adjoint(StateVariable variable) {
        return variable.carriesGradient() ? adjointBlock(carriersBefore(variable.ordinal())) : NONE;
    }

    /** The line in the block of adjoints where the gradient of a parameter, or of the value derived from it, is summed over time. */
    int sum(NeuronParameter parameter) {
        return adjointBlock(carriers + parameter.ordinal());
    }

    /** The model's own line {@code i} in the block of adjoints. */
    int ownAdjoint(int i) {
        return adjointBlock(carriers + parameters.length + i);
    }

    /** Floats per vector in the block of adjoints. */
    int adjointStride() {
        return adjointLines * Lanes.LENGTH;
    }

    /** The model's own plain line {@code i}. */
    int plain(int i) {
        return Layout.MODEL + (blockLines + adjointLines + i) * Lanes.TILE;
    }

    /** Offset of the first frame. */
    int frames() {
        return plain(plainLines);
    }

    /** Size of a tile's scratch, in floats, with a frame of {@code frame} floats for each step of a segment. */
    int end(int frame) {
        return frames() + HostTape.SEGMENT * frame;
    }
}
