package org.qlif.simulation;

import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;

/** Configurations to start from, by name. */
public enum Preset {
    /** {@link QlifConfig#defaults}. */
    DEFAULT("default", "QLIF with every option on", QlifConfig.defaults()),
    /** The public snapshot of 2025-08-15, with a qubit. */
    SNAPSHOT_2025_08_15(
            "2025-08-15",
            "QLIF as the snapshot of 2025-08-15: periodic angle, spikes drawn",
            QlifConfig.Preset.SNAPSHOT_2025_08_15.builder(Decision.QUBIT).build()),
    /** The public snapshot of 2025-08-24, with a qubit. */
    SNAPSHOT_2025_08_24(
            "2025-08-24",
            "QLIF as the snapshot of 2025-08-24: angle that levels off, probabilities as spike values",
            QlifConfig.Preset.SNAPSHOT_2025_08_24.builder(Decision.QUBIT).build()),
    /** {@link QlifConfig#plainLif}. */
    PLAIN_LIF("plain-lif", "QLIF with every option off: a membrane and a threshold", QlifConfig.plainLif()),
    /** {@link LifConfig#defaults}. */
    LIF("lif", "LIF with a synaptic current, in seconds", LifConfig.defaults());

    private final String text;
    private final String meaning;
    private final NeuronConfig config;

    Preset(String text, String meaning, NeuronConfig config) {
        this.text = text;
        this.meaning = meaning;
        this.config = config;
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

    /** The configuration. */
    public NeuronConfig config() {
        return config;
    }

    /** The name. */
    @Override
    public String toString() {
        return text;
    }
}
