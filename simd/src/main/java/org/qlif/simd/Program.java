// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.util.stream.Stream;
import org.qlif.NeuronParameter;
import org.qlif.Trace;

/**
 * What a model does to a tile of neurons, as lists of passes for one {@link Mode}. An option that is off has no passes, so a list may be
 * empty.
 *
 * <p>An implementation is never used directly. {@link ProgramClasses} defines it as a hidden class for each {@link Specialisation}, which
 * its code sees as a constant, so that the compiler folds options away as a C++ compiler does with template arguments.
 */
interface Program {
    Pass[] NONE = {};

    /** The passes that call the methods of these names, each of which takes a {@link Tile}. */
    default Pass[] passes(String... names) {
        return Stream.of(names).map(name -> ProgramClasses.pass(this, name)).toArray(Pass[]::new);
    }

    /** Replaces a parameter's values in line OUT by the values derived from them that steps use. */
    Pass[] derive(NeuronParameter parameter);

    /**
     * The adjoint of {@link #derive}: computes the parameter's gradient, in line OUT, from the summed gradient of the derived values in
     * line AUX and the parameter's values in line OUT.
     */
    Pass[] deriveBackward(NeuronParameter parameter);

    /** Computes M of some steps, a line each, from their external modulation. Empty for a model without modulation. */
    default Pass[] modulate() {
        return NONE;
    }

    /** The adjoint of the modulation's transform: writes the gradient to line OUT and adds it to its sum. */
    default Pass[] modulateBackward() {
        return NONE;
    }

    /** A forward step up to the decision. */
    Pass[] rise();

    /** Decides the spikes, as bits; runs once the step's uniforms are available. */
    Pass[] fire();

    /** Computes the state after the step from the spikes. */
    Pass[] settle();

    /**
     * Does {@link Tile#steps} forward steps at once: computes their spikes' bits and the state after the last one; no other result of a
     * step is stored. Empty if the model or an option needs anything between two steps.
     */
    default Pass[] steps() {
        return NONE;
    }

    /** Repeats a step whose spikes are in the tile's bits. */
    Pass[] replay();

    /** A backward step. */
    Pass[] backward();

    /** Where a traced quantity is found between the passes of {@link #fire} and of {@link #settle}. */
    Traced traced(Trace trace);
}
