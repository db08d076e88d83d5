// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.LifConfig;
import org.qlif.Surrogate;

/**
 * The options that determine a {@link LifProgram}'s operations.
 *
 * @param surrogate the surrogate derivative
 */
record LifStructure(Surrogate surrogate) {
    static LifStructure of(LifConfig config) {
        return new LifStructure(config.surrogate());
    }
}
