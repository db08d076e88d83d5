// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AdaptiveThreshold;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifParameter;

/**
 * Configurations to start from, by name.
 *
 * <p>A snapshot has settings of its own for each decision. One that is asked for by {@code decision=SIGMOID} is therefore the snapshot as it was
 * without its qubit: that of 2025-08-24 then also has drawn spikes, a refractory period, dynamic spike probability and no floor of p.
 *
 * <pre>{@code
 * NeuronConfig qubit = Preset.of("2025-08-24").config();
 * NeuronConfig classic = Preset.of("2025-08-24").config(List.of("decision=SIGMOID", "tau=10"));
 * NeuronConfig learner = Preset.of("2025-08-24").trained(2, List.of("spike_value=SAMPLE"));
 * }</pre>
 */
public enum Preset {
    /** {@link QlifConfig#defaults}. */
    DEFAULT("default", "QLIF with every option on", QlifConfig.defaults()),
    /** The public snapshot of 2025-08-15, with a qubit. */
    SNAPSHOT_2025_08_15(
            "2025-08-15",
            "QLIF as the snapshot of 2025-08-15: periodic angle, spikes drawn",
            QlifConfig.Preset.SNAPSHOT_2025_08_15),
    /** The public snapshot of 2025-08-24, with a qubit. */
    SNAPSHOT_2025_08_24(
            "2025-08-24",
            "QLIF as the snapshot of 2025-08-24: angle that levels off, probabilities as spike values",
            QlifConfig.Preset.SNAPSHOT_2025_08_24),
    /** {@link QlifConfig#plainLif}. */
    PLAIN_LIF("plain-lif", "QLIF with every option off: a membrane and a threshold", QlifConfig.plainLif()),
    /** {@link LifConfig#defaults}. */
    LIF("lif", "LIF with a synaptic current, in seconds", LifConfig.defaults());

    private static final String DECISION = "decision";

    private static final List<NeuronParameter> QLIF_LEARNS =
            List.of(QlifParameter.V_TH, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS);

    private static final List<NeuronParameter> LIF_LEARNS = List.of(LifParameter.V_TH);

    private final String text;
    private final String meaning;
    private final NeuronConfig config;
    private final QlifConfig.@Nullable Preset snapshot;

    Preset(String text, String meaning, NeuronConfig config) {
        this(text, meaning, config, null);
    }

    Preset(String text, String meaning, QlifConfig.Preset snapshot) {
        this(text, meaning, snapshot.builder(Decision.QUBIT).build(), snapshot);
    }

    Preset(String text, String meaning, NeuronConfig config, QlifConfig.@Nullable Preset snapshot) {
        this.text = text;
        this.meaning = meaning;
        this.config = config;
        this.snapshot = snapshot;
    }

    /**
     * The preset of this name, such as {@code 2025-08-24}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Preset of(String text) {
        return Named.find("preset", values(), text);
    }

    /** What it is, in a line. */
    public String meaning() {
        return meaning;
    }

    /** The configuration; of a snapshot, that with a qubit. */
    public NeuronConfig config() {
        return config;
    }

    /**
     * The configuration with options changed: a snapshot in the decision that is asked for, with the settings that it has there, and then all of
     * {@code settings}.
     *
     * @param settings each a text such as {@code tau=10}, as {@link NeuronConfig#with} takes them
     * @throws IllegalArgumentException if an option is unknown, there twice or out of its range
     */
    public NeuronConfig config(List<String> settings) {
        return start(settings).with(settings);
    }

    /**
     * What {@link #config(List)} applies the settings to.
     *
     * @param settings of which only {@code decision} counts here
     * @throws IllegalArgumentException if there is no such decision
     */
    public NeuronConfig start(List<String> settings) {
        if (snapshot == null) {
            return config;
        }
        List<String> decisions = settings.stream()
                .filter(setting -> setting.split("=", 2)[0].equals(DECISION))
                .toList();
        return snapshot.builder(QlifConfig.defaults().with(decisions).decision())
                .build();
    }

    /** The parameters that training moves, beside weights: V_th, and of QLIF the qubit's scale and bias. */
    public List<NeuronParameter> learned() {
        return config instanceof LifConfig ? LIF_LEARNS : QLIF_LEARNS;
    }

    /**
     * The configuration of a network's neurons: without membrane noise, which slows learning, unless the settings say otherwise. A threshold whose
     * steps are 0 stays where it is as long as V_th is within its bounds, where training keeps it; so it need not adapt: the same spikes, the
     * same gradients but for their rounding, in less time.
     *
     * @param tau the membrane time constant, in time steps
     * @param settings what is changed of it afterwards, as in {@link #config(List)}
     * @throws IllegalArgumentException if {@code tau} is out of its range, or an option is unknown, there twice or out of its range
     */
    public NeuronConfig trained(double tau, List<String> settings) {
        return switch (start(settings)) {
            case QlifConfig qlif -> trained(qlif.toBuilder(), tau, settings);
            case LifConfig lif ->
                lif.toBuilder().tauMemInv(1 / (tau * lif.dt())).build().with(settings);
        };
    }

    private static QlifConfig trained(QlifConfig.Builder builder, double tau, List<String> settings) {
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
        return text;
    }
}
