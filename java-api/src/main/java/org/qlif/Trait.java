// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.util.Arrays;

/** What the tables of a model say of a state variable. */
enum Trait {
    /** Gradients flow through it. */
    GRADIENT,
    /** It decays, and becomes +0 before it is a denormal: docs/model.md, section 10. */
    FLUSHED,
    /** It steers a neuron as a whole: docs/model.md, section 5. */
    AVERAGED;

    boolean in(Trait[] traits) {
        return Arrays.asList(traits).contains(this);
    }
}
