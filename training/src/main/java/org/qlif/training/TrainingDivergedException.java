// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/** Training has left the finite numbers: nothing that was learned means anything. The message says where and what helps. */
public final class TrainingDivergedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Training diverged at {@code step} of {@code epoch}, both from 1; {@code sign} is what showed it. */
    TrainingDivergedException(int epoch, int step, String sign) {
        super("training diverged at step " + step + " of epoch " + epoch + ": " + sign + "; try a smaller --lr");
    }
}
