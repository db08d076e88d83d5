// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import org.jspecify.annotations.Nullable;

/**
 * How a training ended. A training that would end in the same way whenever it is repeated ends with a reason, not with an exception, for which
 * Spark would repeat it.
 *
 * @param network the trained network; null if there is none
 * @param refusal what was wrong with the rows; null if nothing was
 * @param divergence what stopped being finite, and when; null if nothing did
 */
record FitOutcome(
        @Nullable SavedNetwork network,
        @Nullable String refusal,
        @Nullable String divergence) implements Serializable {
    private static final long serialVersionUID = 1;
}
