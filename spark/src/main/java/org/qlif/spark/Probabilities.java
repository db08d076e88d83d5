// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.Vector;
import org.jspecify.annotations.Nullable;

/** Converts outputs to probabilities and predictions. */
final class Probabilities {
    private Probabilities() {}

    /** The probabilities of classes, in float64 with functions whose bits are the same everywhere. */
    static DenseVector of(Vector outputs) {
        double[] values = outputs.toArray().clone();
        double most = Double.NEGATIVE_INFINITY;
        for (double value : values) {
            most = Math.max(most, value);
        }
        double sum = 0;
        for (int c = 0; c < values.length; c++) {
            values[c] = StrictMath.exp(values[c] - most);
            sum += values[c];
        }
        for (int c = 0; c < values.length; c++) {
            values[c] /= sum;
        }
        return new DenseVector(values);
    }

    /** The class of the greatest probability, or with thresholds of the greatest quotient of both; of equal ones the first. */
    static double prediction(DenseVector probabilities, double @Nullable [] thresholds) {
        int best = 0;
        double most = Double.NEGATIVE_INFINITY;
        for (int c = 0; c < probabilities.size(); c++) {
            double scaled = probabilities.apply(c) / (thresholds == null ? 1 : thresholds[c]);
            if (scaled > most) {
                best = c;
                most = scaled;
            }
        }
        return best;
    }
}
