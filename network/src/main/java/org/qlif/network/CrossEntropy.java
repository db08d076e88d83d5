// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** {@link Loss#crossEntropy}. */
record CrossEntropy(int[] labels, int greatest) implements Loss {
    CrossEntropy(int[] labels) {
        this(Objects.requireNonNull(labels, "labels").clone(), greatest(labels));
    }

    private static int greatest(int[] labels) {
        int greatest = -1;
        for (int i = 0; i < labels.length; i++) {
            Checks.atLeast("labels[" + i + "]", labels[i], 0);
            greatest = Math.max(greatest, labels[i]);
        }
        return greatest;
    }

    @Override
    public int rows() {
        return labels.length;
    }

    @Override
    public void requireOutputs(int outputs) {
        if (greatest >= outputs) {
            throw new IllegalArgumentException("loss: got label " + greatest + ", expected labels from 0 to "
                    + (outputs - 1) + ", since the network has " + outputs + " outputs");
        }
    }

    @Override
    public double of(int row, float[] logits, int at, int outputs, float @Nullable [] gradient, double weight) {
        // With the greatest one subtracted, no exponential overflows, and its own is 1.
        double most = logits[at];
        for (int c = 1; c < outputs; c++) {
            most = Math.max(most, logits[at + c]);
        }
        double sum = 0;
        for (int c = 0; c < outputs; c++) {
            sum += StrictMath.exp(logits[at + c] - most);
        }
        int label = labels[row];
        if (gradient != null) {
            for (int c = 0; c < outputs; c++) {
                double share = StrictMath.exp(logits[at + c] - most) / sum;
                gradient[at + c] = (float) ((share - (c == label ? 1 : 0)) * weight);
            }
        }
        return StrictMath.log(sum) + most - logits[at + label];
    }

    @Override
    public boolean isRight(int row, float[] logits, int at, int outputs) {
        int best = 0;
        for (int c = 1; c < outputs; c++) {
            best = logits[at + c] > logits[at + best] ? c : best;
        }
        return best == labels[row];
    }
}
