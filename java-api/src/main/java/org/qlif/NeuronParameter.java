// SPDX-License-Identifier: Apache-2.0
package org.qlif;

/**
 * A differentiable parameter of a neuron model, one value for all neurons or one for each; see {@link QlifParameter}.
 *
 * <pre>{@code
 * for (NeuronParameter parameter : config.parameters()) {
 *     System.out.println(parameter.symbol() + ": " + config.usefulRange(parameter).expected());
 * }
 * }</pre>
 */
public interface NeuronParameter {
    /** The position in the model's list of parameters. */
    int ordinal();

    /** The name in files (docs/model.md), such as {@code v_th}. */
    String symbol();
}
