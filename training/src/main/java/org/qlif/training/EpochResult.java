// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/**
 * The result of an epoch.
 *
 * @param epoch from 1
 * @param loss the mean cross-entropy of the training images, each at the time it was trained on
 * @param accuracy the share of them that was classified correctly, 0 to 1
 * @param testLoss the mean cross-entropy of the test images after the epoch
 * @param testAccuracy the share of them that is classified correctly after the epoch, 0 to 1
 * @param trainSeconds the time of the training steps since the run was started or resumed; 0 if it was resumed after them
 * @param testSeconds the time of the test; 0 if the run was resumed after it
 */
public record EpochResult(
        int epoch,
        double loss,
        double accuracy,
        double testLoss,
        double testAccuracy,
        double trainSeconds,
        double testSeconds) {}
