// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;
import org.qlif.simulation.Preset;

/**
 * The neuron of the hidden layer: QLIF in qubit mode, unless the settings change it, as {@link Preset#trained} configures it; or a LIF for
 * comparison.
 */
public enum NeuronPreset {
    /** {@link QlifConfig#defaults}. */
    DEFAULT(Preset.DEFAULT),
    /** The public snapshot of 2025-08-15. */
    SNAPSHOT_2025_08_15(Preset.SNAPSHOT_2025_08_15),
    /** The public snapshot of 2025-08-24; learns best. */
    SNAPSHOT_2025_08_24(Preset.SNAPSHOT_2025_08_24),
    /** Every option off: {@link QlifConfig#plainLif}. */
    PLAIN_LIF(Preset.PLAIN_LIF),
    /** The classic current-based neuron: {@link LifConfig}. */
    LIF(Preset.LIF);

    private final Preset preset;

    NeuronPreset(Preset preset) {
        this.preset = preset;
    }

    /** The preset of this name, such as {@code 2025-08-24}. */
    public static NeuronPreset of(String text) {
        for (NeuronPreset preset : values()) {
            if (preset.toString().equals(text)) {
                return preset;
            }
        }
        throw new IllegalArgumentException("neuron: got '" + text + "', expected one of "
                + Arrays.stream(values()).map(NeuronPreset::toString).collect(Collectors.joining(", ")));
    }

    /** The parameters that training changes. */
    public List<NeuronParameter> learned() {
        return preset.learned();
    }

    /** The configuration: {@link Preset#trained}. */
    public NeuronConfig config(double tau, List<String> settings) {
        return preset.trained(tau, settings);
    }

    /** The name. */
    @Override
    public String toString() {
        return preset.toString();
    }
}
