// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AdaptiveThreshold;
import org.qlif.QlifParameter;
import org.qlif.simulation.Preset;

/**
 * The neuron of the hidden layer: QLIF in qubit mode, unless the settings say otherwise, without membrane noise, which slows learning here; or a LIF to compare with. A threshold
 * whose steps are 0 stays where it is as long as V_th is within its bounds, where training keeps it; so it need not adapt: the same spikes, the
 * same gradients but for their rounding, in less time.
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

    private static final List<NeuronParameter> QLIF_LEARNS =
            List.of(QlifParameter.V_TH, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS);

    private static final List<NeuronParameter> LIF_LEARNS = List.of(LifParameter.V_TH);

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

    /** The parameters that training moves. */
    public List<NeuronParameter> learned() {
        return this == LIF ? LIF_LEARNS : QLIF_LEARNS;
    }

    /**
     * The configuration.
     *
     * @param tau the membrane time constant, in time steps
     * @param settings what is changed of it afterwards: see {@link NeuronConfig#with}; a snapshot has settings of its own for the decision that
     *     is asked for, see {@link Preset}
     */
    public NeuronConfig config(double tau, List<String> settings) {
        return switch (preset.start(settings)) {
            case QlifConfig qlif -> qlif(qlif.toBuilder(), tau, settings);
            case LifConfig lif ->
                lif.toBuilder().tauMemInv(1 / (tau * lif.dt())).build().with(settings);
        };
    }

    private static QlifConfig qlif(QlifConfig.Builder builder, double tau, List<String> settings) {
        QlifConfig config =
                builder.noise(noise -> noise.withStd(0)).tau(tau).build().with(settings);
        boolean still = config.start().eta() == 0 && !QLIF_LEARNS.contains(QlifParameter.ETA);
        boolean asked = settings.stream().anyMatch(setting -> setting.startsWith("use_adaptive_threshold="));
        return still && !asked
                ? config.toBuilder().adaptiveThreshold(AdaptiveThreshold::off).build()
                : config;
    }

    /** The name. */
    @Override
    public String toString() {
        return preset.toString();
    }
}
