// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;

/**
 * Configurations to start from, by name.
 *
 * <p>A snapshot has settings of its own for each decision. One that is asked for by {@code decision=SIGMOID} is therefore the snapshot as it was
 * without its qubit: that of 2025-08-24 then also has drawn spikes, a refractory period, dynamic spike probability and no floor of p.
 *
 * <pre>{@code
 * NeuronConfig qubit = Preset.of("2025-08-24").config();
 * NeuronConfig classic = Preset.of("2025-08-24").config(List.of("decision=SIGMOID", "tau=10"));
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

    /** The name. */
    @Override
    public String toString() {
        return text;
    }
}
