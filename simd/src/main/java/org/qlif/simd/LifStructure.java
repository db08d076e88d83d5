// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.LifConfig;
import org.qlif.Surrogate;

/**
 * What of a configuration decides which operations a {@link LifProgram} does.
 *
 * @param surrogate the surrogate derivative
 */
record LifStructure(Surrogate surrogate) {
    static LifStructure of(LifConfig config) {
        return new LifStructure(config.surrogate());
    }
}
