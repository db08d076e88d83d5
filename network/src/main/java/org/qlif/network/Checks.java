// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.Arrays;
import org.qlif.DType;
import org.qlif.Tensor;

/** Checks of arguments that several classes share. */
final class Checks {
    private Checks() {}

    static void atLeast(String name, long value, long least) {
        if (value < least) {
            throw new IllegalArgumentException(name + ": got " + value + ", expected at least " + least);
        }
    }

    static void tensor(String name, Tensor tensor, DType type, long... shape) {
        if (tensor.type() != type || !Arrays.equals(tensor.shape(), shape)) {
            throw new IllegalArgumentException(
                    name + ": got " + tensor + ", expected " + type + Arrays.toString(shape));
        }
    }
}
