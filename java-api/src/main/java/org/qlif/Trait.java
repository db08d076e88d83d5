// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Arrays;

/** A property of a state variable in a model's table. */
enum Trait {
    /** Gradients flow through it. */
    GRADIENT,
    /** It decays, and becomes +0 before it is denormal: docs/model.md, section 10. */
    FLUSHED,
    /** It belongs to a neuron rather than to a row, and its mean over the batch is carried from run to run: docs/model.md, section 5. */
    AVERAGED;

    boolean in(Trait[] traits) {
        return Arrays.asList(traits).contains(this);
    }
}
