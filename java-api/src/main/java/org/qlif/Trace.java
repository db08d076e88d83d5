// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import org.jspecify.annotations.Nullable;

/**
 * A quantity that a forward call writes for every neuron-step when asked to; see {@link QlifTrace}.
 *
 * <pre>{@code
 * for (Trace trace : config.traces()) {
 *     forward.trace(trace, Tensor.zeros(DType.F32, steps, batch, neurons));
 * }
 * }</pre>
 */
public interface Trace {
    /** The position in the model's list of traces. */
    int ordinal();

    /** The name in text and files, such as {@code p}. */
    String symbol();

    /** The state variable whose value after the step this is; null for a quantity that the step itself computes. */
    @Nullable
    StateVariable variable();
}
