// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.util.stream.Stream;
import org.qlif.NeuronParameter;
import org.qlif.Trace;

/**
 * What a model does to a tile of neurons, as lists of passes for one {@link Mode}. An option that is off has no passes, so a list may be
 * empty.
 *
 * <p>An implementation is never used directly: {@link ProgramClasses} defines it anew as a hidden class for each {@link Specialisation},
 * which its code sees as a constant. The compiler then folds every option away, as a C++ compiler would for a template argument.
 */
interface Program {
    /** No pass. */
    Pass[] NONE = {};

    /** The passes that the methods of these names are, which take a {@link Tile}. */
    default Pass[] passes(String... names) {
        return Stream.of(names).map(name -> ProgramClasses.pass(this, name)).toArray(Pass[]::new);
    }

    /** From a parameter's values in line OUT to what the steps use in their place, in line OUT. */
    Pass[] derive(NeuronParameter parameter);

    /** From the sum of that one's gradient in line AUX and the parameter's values in line OUT to the parameter's gradient in line OUT. */
    Pass[] deriveBackward(NeuronParameter parameter);

    /** A model that takes no modulation has none: from the external one of some steps to M, a line each. */
    default Pass[] modulate() {
        return NONE;
    }

    /** The adjoint of the modulation's transform: the gradient goes to line OUT and is summed. */
    default Pass[] modulateBackward() {
        return NONE;
    }

    /** A forward step up to the decision. */
    Pass[] rise();

    /** The spikes' bits; comes when the step's uniforms are there. */
    Pass[] fire();

    /** From the spikes to the state after the step. */
    Pass[] settle();

    /**
     * Forward steps as one, {@link Tile#steps} of them, from their inputs to their spikes' bits and the state after the last; nothing
     * else of a step stands anywhere afterwards. Empty for a model or an option that needs something between two steps.
     */
    default Pass[] steps() {
        return NONE;
    }

    /** A step again whose spikes stand in the tile's bits. */
    Pass[] replay();

    /** A backward step: the input's gradient goes to line OUT. */
    Pass[] backward();

    /** Where a quantity of the step is found once it has fired and before it settles. */
    Traced traced(Trace trace);
}
