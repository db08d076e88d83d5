// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

/** What a linear layer's contenders compute. */
public enum LinearWork {
    /** The output. */
    FORWARD("Forward"),
    /** The gradient of the weights. */
    GRAD_WEIGHTS("Gradient of the weights");

    private final String title;

    LinearWork(String title) {
        this.title = title;
    }

    /** The title in tables and plots. */
    String title() {
        return title;
    }
}
