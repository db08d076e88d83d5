// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.qlif.Device;
import org.qlif.Trace;
import org.qlif.spi.Printable;

/**
 * What a simulation did, by name: arrays of {@code (T, N)}, row by row, so element {@code t * N + n} is that of neuron n at step t. The names
 * are {@link #INPUT}, {@link #EXTERNAL_MODULATION} if there was one, {@link #MEMBRANE}, {@link #SPIKES}, {@link #SPIKE_VALUES}, {@link
 * #THRESHOLD}, and the {@linkplain Trace#symbol() symbols} of the model's other traces.
 *
 * <pre>{@code
 * Traces traces = Simulation.of(QlifConfig.defaults()).run();
 * for (String name : traces.names()) {
 *     float[] ofFirstNeuron = traces.neuron(name, 0);
 * }
 * float[] probability = traces.get("p");
 * System.out.println(traces.firingRate() + " spikes a step on " + traces.device());
 * }</pre>
 */
public final class Traces {
    /** The input current I. */
    public static final String INPUT = "input";

    /** The external modulation m, before its transform; only present if one was given. */
    public static final String EXTERNAL_MODULATION = "external_modulation";

    /** The membrane potential V, after the reset. */
    public static final String MEMBRANE = "v";

    /** The spikes s, 0 or 1. */
    public static final String SPIKES = "spikes";

    /** The spike values y. */
    public static final String SPIKE_VALUES = "spike_values";

    /** The threshold that the decision used; V_th for a model whose threshold does not change. */
    public static final String THRESHOLD = "threshold";

    private final Simulation simulation;
    private final Device device;
    private final long nanos;
    private final Map<String, float[]> traces;

    Traces(Simulation simulation, Device device, long nanos, Map<String, float[]> traces) {
        this.simulation = simulation;
        this.device = device;
        this.nanos = nanos;
        this.traces = Collections.unmodifiableMap(traces);
    }

    /** The simulation that was run. */
    public Simulation simulation() {
        return simulation;
    }

    /** T. */
    public int steps() {
        return simulation.steps();
    }

    /** N. */
    public int neurons() {
        return simulation.neurons();
    }

    /** The full name of the device that ran it. */
    public Device device() {
        return device;
    }

    /** The time of the kernel's call, in nanoseconds; the first call in a JVM takes longest. */
    public long nanos() {
        return nanos;
    }

    /** The neuron-steps per second of the kernel's call, which wrote all traces. */
    public double neuronStepsPerSecond() {
        return (double) steps() * neurons() * 1e9 / Math.max(1, nanos);
    }

    /** The names of the traces, the input first. */
    public List<String> names() {
        return List.copyOf(traces.keySet());
    }

    /** Whether there is a trace of this name. */
    public boolean has(String name) {
        return traces.containsKey(Objects.requireNonNull(name, "name"));
    }

    /**
     * The trace of this name, {@code (T, N)} row by row: not a copy.
     *
     * @throws IllegalArgumentException if there is none
     */
    public float[] get(String name) {
        float[] values = traces.get(Objects.requireNonNull(name, "name"));
        if (values == null) {
            throw new IllegalArgumentException(
                    "name: got '" + Printable.text(name) + "', expected one of " + String.join(", ", traces.keySet()));
        }
        return values;
    }

    /** All traces by name, in the order of {@link #names}: not copies. */
    public Map<String, float[]> all() {
        return traces;
    }

    /**
     * The trace of one neuron, {@code (T)}.
     *
     * @throws IllegalArgumentException if there is no trace of this name
     * @throws IndexOutOfBoundsException if there is no such neuron
     */
    public float[] neuron(String name, int neuron) {
        Objects.checkIndex(neuron, neurons());
        float[] values = get(name);
        float[] ofNeuron = new float[steps()];
        for (int t = 0; t < ofNeuron.length; t++) {
            ofNeuron[t] = values[t * neurons() + neuron];
        }
        return ofNeuron;
    }

    /** The number of spikes. */
    public int spikeCount() {
        int count = 0;
        for (float spike : get(SPIKES)) {
            count += spike == 0 ? 0 : 1;
        }
        return count;
    }

    /** The spikes per neuron-step. */
    public double firingRate() {
        return (double) spikeCount() / get(SPIKES).length;
    }

    /** What was run, where, and the number of spikes. */
    @Override
    public String toString() {
        return "Traces[" + simulation + " on " + device + ", " + spikeCount() + " spikes]";
    }
}
