// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** {@link Loss#binaryCrossEntropy}. */
final class BinaryCrossEntropy implements Loss {
    /** The targets; null if they are intensities. */
    private final float @Nullable [] targets;

    private final byte @Nullable [] intensities;
    private final int rows;
    private final int outputs;

    BinaryCrossEntropy(float[] targets, int outputs) {
        this(Objects.requireNonNull(targets, "targets").clone(), null, "targets", targets.length, outputs);
        for (int i = 0; i < targets.length; i++) {
            if (!(targets[i] >= 0 && targets[i] <= 1)) {
                throw new IllegalArgumentException("targets[" + i + "]: got " + targets[i] + ", expected 0 to 1");
            }
        }
    }

    BinaryCrossEntropy(byte[] intensities, int outputs) {
        this(
                null,
                Objects.requireNonNull(intensities, "intensities").clone(),
                "intensities",
                intensities.length,
                outputs);
    }

    private BinaryCrossEntropy(
            float @Nullable [] targets, byte @Nullable [] intensities, String name, int count, int outputs) {
        this.targets = targets;
        this.intensities = intensities;
        Checks.atLeast("outputs", outputs, 1);
        if (count % outputs != 0) {
            throw new IllegalArgumentException(
                    name + ": got " + count + ", expected a multiple of " + outputs + ", the outputs of a row");
        }
        this.outputs = outputs;
        rows = count / outputs;
    }

    private float target(int i) {
        return targets != null ? targets[i] : (Objects.requireNonNull(intensities)[i] & 0xff) / 255f;
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public void requireOutputs(int outputs) {
        if (this.outputs != outputs) {
            throw new IllegalArgumentException("loss: got " + this.outputs + " targets a row, expected " + outputs
                    + ", the outputs of the network");
        }
    }

    @Override
    public double of(int row, float[] logits, int at, int outputs, float @Nullable [] gradient, double weight) {
        double sum = 0;
        for (int i = 0; i < outputs; i++) {
            double z = logits[at + i];
            double y = target(row * outputs + i);
            double power = StrictMath.exp(-Math.abs(z));
            sum += Math.max(z, 0) - z * y + StrictMath.log1p(power);
            if (gradient != null) {
                double sigmoid = (z < 0 ? power : 1) / (1 + power);
                gradient[at + i] = (float) ((sigmoid - y) / outputs * weight);
            }
        }
        return sum / outputs;
    }

    @Override
    public boolean isRight(int row, float[] logits, int at, int outputs) {
        for (int i = 0; i < outputs; i++) {
            if (logits[at + i] > 0 != target(row * outputs + i) >= 0.5f) {
                return false;
            }
        }
        return true;
    }

    /** For people. */
    @Override
    public String toString() {
        return "binary cross-entropy of " + rows + " rows of " + outputs + " targets";
    }
}
