// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The result of a {@link Reconstruction}.
 *
 * @param epochs the epochs of each network, {@code qlif} and {@code lif}, in the order in which they were trained
 */
public record ReconstructionResult(Map<String, List<Epoch>> epochs) {
    /** Copies the lists; the order stays. */
    public ReconstructionResult {
        Map<String, List<Epoch>> copy = new LinkedHashMap<>();
        epochs.forEach((name, of) -> copy.put(name, List.copyOf(of)));
        epochs = copy;
    }

    /** The binary cross-entropy a pixel of the test images after the last epoch. */
    public double testBce(String name) {
        return epochs.get(name).getLast().testBce();
    }

    /**
     * One epoch of one network.
     *
     * @param epoch from 1
     * @param trainBce the binary cross-entropy a pixel of the training images, each at the time it was trained on
     * @param testBce that of the test images after the epoch
     * @param trainSeconds the time that the training steps took
     * @param testSeconds the time that the test took
     */
    public record Epoch(int epoch, double trainBce, double testBce, double trainSeconds, double testSeconds) {}
}
