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
 * <p>A snapshot has different settings for each decision. With {@code decision=SIGMOID} you therefore get the snapshot as it was without
 * its qubit: that of 2025-08-24 then also has drawn spikes, a refractory period, dynamic spike probability and no floor of p.
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

    /** A description in one line. */
    public String meaning() {
        return meaning;
    }

    /** The configuration; for a snapshot, the one with a qubit. */
    public NeuronConfig config() {
        return config;
    }

    /**
     * The configuration with options changed: for a snapshot, its settings for the requested decision, and then all of {@code settings}.
     *
     * @param settings each a text such as {@code tau=10}, as {@link NeuronConfig#with} takes them
     * @throws IllegalArgumentException if an option is unknown, given twice or out of its range
     */
    public NeuronConfig config(List<String> settings) {
        return start(settings).with(settings);
    }

    /**
     * The configuration that {@link #config(List)} applies the settings to.
     *
     * @param settings the settings, of which only {@code decision} matters here
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

    /** The parameters that training changes, besides weights: V_th and, for QLIF, the qubit's scale and bias. */
    public List<NeuronParameter> learned() {
        return config instanceof LifConfig ? LIF_LEARNS : QLIF_LEARNS;
    }

    /**
     * The configuration of a network's neurons: without membrane noise, which slows learning, unless the settings turn it on. An adaptive
     * threshold with a step of 0 never moves while V_th is within its bounds, where training keeps it. So adaptation is turned off, which
     * gives the same spikes and, up to rounding, the same gradients in less time.
     *
     * @param tau the membrane time constant, in time steps
     * @param settings the options to change afterwards, as in {@link #config(List)}
     * @throws IllegalArgumentException if {@code tau} is out of its range, or an option is unknown, given twice or out of its range
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
