// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.qlif.Tensor;

/** The gradient of one block with respect to all learned values of a network, in their order. */
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
