package org.qlif.network;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** {@link Loss#binaryCrossEntropy}. */
record BinaryCrossEntropy(float[] targets, int outputs) implements Loss {
    BinaryCrossEntropy {
        targets = Objects.requireNonNull(targets, "targets").clone();
        Checks.atLeast("outputs", outputs, 1);
        if (targets.length % outputs != 0) {
            throw new IllegalArgumentException("targets: got " + targets.length + ", expected a multiple of " + outputs
                    + ", the outputs of a row");
        }
        for (int i = 0; i < targets.length; i++) {
            if (!(targets[i] >= 0 && targets[i] <= 1)) {
                throw new IllegalArgumentException("targets[" + i + "]: got " + targets[i] + ", expected 0 to 1");
            }
        }
    }

    @Override
    public int rows() {
        return targets.length / outputs;
    }

    @Override
    public void requireOutputs(int outputs) {
        if (this.outputs != outputs) {
            throw new IllegalArgumentException("loss: has " + this.outputs + " targets a row, expected " + outputs
                    + ", the outputs of the network");
        }
    }

    @Override
    public double of(int row, float[] logits, int at, int outputs, float @Nullable [] gradient, double weight) {
        double sum = 0;
        for (int i = 0; i < outputs; i++) {
            double z = logits[at + i];
            double y = targets[row * outputs + i];
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
            if (logits[at + i] > 0 != targets[row * outputs + i] >= 0.5f) {
                return false;
            }
        }
        return true;
    }
}
