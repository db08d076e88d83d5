// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

/**
 * What one epoch came to.
 *
 * @param epoch from 1
 * @param loss the mean cross-entropy of the training images, each at the time it was trained on
 * @param accuracy the share of them that was classified right, 0 to 1
 * @param testLoss the mean cross-entropy of the test images after the epoch
 * @param testAccuracy the share of them that is classified right after the epoch, 0 to 1
 * @param trainSeconds the time that the training steps took since the run started or was resumed; 0 if that was after them
 * @param testSeconds the time that the test took; 0 if the run was resumed after it
 */
public record EpochResult(
        int epoch,
        double loss,
        double accuracy,
        double testLoss,
        double testAccuracy,
        double trainSeconds,
        double testSeconds) {}
