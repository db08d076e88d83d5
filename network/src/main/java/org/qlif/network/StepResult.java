// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

/**
 * A network's result for a batch; in training, before it learned from the batch.
 *
 * @param rows the number of rows
 * @param loss their mean loss, summed in float64 in a fixed order: docs/numerics.md
 * @param right the number of rows that were right
 * @param times where the time went
 */
public record StepResult(int rows, double loss, int right, StepTimes times) {
    /** The share of rows that were right, 0 to 1. */
    public double accuracy() {
        return (double) right / rows;
    }
}
