// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/**
 * Thrown if training diverged to numbers that are not finite, so that what was learned is useless. The message says where, and what helps.
 */
public final class TrainingDivergedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Training diverged at {@code step} of {@code epoch}, both from 1; {@code sign} is what showed the divergence. */
    TrainingDivergedException(int epoch, int step, String sign) {
        super("training diverged at step " + step + " of epoch " + epoch + ": " + sign + "; try a smaller --lr");
    }
}
