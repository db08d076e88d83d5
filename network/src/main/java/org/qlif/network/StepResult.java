// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

/**
 * What a network made of a batch: in training, before it learned from it.
 *
 * @param rows how many rows it had
 * @param loss their mean loss, summed in float64 in a fixed order: docs/numerics.md
 * @param right how many of them were right
 * @param times where the time went
 */
public record StepResult(int rows, double loss, int right, StepTimes times) {
    /** The share of rows that were right, 0 to 1. */
    public double accuracy() {
        return (double) right / rows;
    }
}
