// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import org.jspecify.annotations.Nullable;

/**
 * How a training ended. A failure that repetition can't help is a reason here rather than an exception, on which Spark would repeat the
 * stage.
 *
 * @param network the trained network; null if there is none
 * @param refusal what is wrong with the rows; null if nothing is
 * @param divergence what stopped being finite, and when; null if nothing did
 */
record FitOutcome(
        @Nullable SavedNetwork network,
        @Nullable String refusal,
        @Nullable String divergence) implements Serializable {
    private static final long serialVersionUID = 1;
}
