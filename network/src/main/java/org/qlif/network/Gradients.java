// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.qlif.Tensor;

/** Room for the gradient of all that a network learns, in the order of its values: the gradient of one block. */
final class Gradients {
    final float[] values;
    private final Map<Learnable, Tensor> tensors = new HashMap<>();

    Gradients(List<Learnable> learnables, int size) {
        values = new float[size];
        for (Learnable learnable : learnables) {
            tensors.put(learnable, learnable.in(values));
        }
    }

    Tensor of(Learnable learnable) {
        return Objects.requireNonNull(tensors.get(learnable));
    }
}
