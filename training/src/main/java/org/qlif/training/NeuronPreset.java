package org.qlif.training;

import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AdaptiveThreshold;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.Preset;
import org.qlif.QlifParameter;

/**
 * The neuron of the hidden layer: QLIF in qubit mode, or a plain LIF to compare with; without membrane noise, which slows learning
 * here. A threshold whose steps are
 * 0 stays where it is as long as V_th is within its bounds, where training keeps it; so it need not adapt: the same
 * spikes, the same gradients but for their rounding, in less time.
 */
public enum NeuronPreset {
    /** {@link QlifConfig#defaults}. */
    DEFAULT("default"),
    /** The public snapshot of 2025-08-15. */
    SNAPSHOT_2025_08_15("2025-08-15"),
    /** The public snapshot of 2025-08-24; learns best. */
    SNAPSHOT_2025_08_24("2025-08-24"),
    /** Every option off: {@link QlifConfig#plainLif}. */
    PLAIN_LIF("plain-lif");

    /** The parameters that training moves. */
    static final Set<QlifParameter> LEARNED =
            Collections.unmodifiableSet(EnumSet.of(QlifParameter.V_TH, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS));

    private final String text;

    NeuronPreset(String text) {
        this.text = text;
    }

    /** The preset of this name, such as {@code 2025-08-24}. */
    public static NeuronPreset of(String text) {
        for (NeuronPreset preset : values()) {
            if (preset.text.equals(text)) {
                return preset;
            }
        }
        throw new IllegalArgumentException("neuron: got '" + text + "', expected one of "
                + Arrays.stream(values()).map(NeuronPreset::toString).collect(Collectors.joining(", ")));
    }

    /**
     * The configuration.
     *
     * @param tau the membrane time constant, in time steps
     * @param settings what is changed of it afterwards: see {@link QlifConfig#with}
     */
    public QlifConfig config(double tau, List<String> settings) {
        QlifConfig.Builder builder = switch (this) {
            case DEFAULT -> QlifConfig.builder();
            case SNAPSHOT_2025_08_15 -> Preset.SNAPSHOT_2025_08_15.builder(Decision.QUBIT);
            case SNAPSHOT_2025_08_24 -> Preset.SNAPSHOT_2025_08_24.builder(Decision.QUBIT);
            case PLAIN_LIF -> QlifConfig.plainLif().toBuilder();
        };
        QlifConfig config =
                builder.noise(noise -> noise.withStd(0)).tau(tau).build().with(settings);
        boolean still = config.start().eta() == 0 && !LEARNED.contains(QlifParameter.ETA);
        boolean asked = settings.stream().anyMatch(setting -> setting.startsWith("use_adaptive_threshold="));
        return still && !asked
                ? config.toBuilder().adaptiveThreshold(AdaptiveThreshold::off).build()
                : config;
    }

    /** The name. */
    @Override
    public String toString() {
        return text;
    }
}
