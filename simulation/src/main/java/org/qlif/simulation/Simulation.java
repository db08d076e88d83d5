// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.Device;
import org.qlif.DeviceUnavailableException;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.NativeException;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.Tensor;
import org.qlif.Trace;

/**
 * Neurons of one configuration over an input current, from their initial state on. {@link #run} computes all steps in one kernel call, at
 * most {@value #MOST_NEURON_STEPS} neuron-steps. Immutable and thread-safe: each method returns a changed copy, and any number of threads may
 * run one.
 *
 * <p>The same simulation gives the same bits at every run, on every device and for any number of threads. With its seed, the neurons draw
 * stream 0, the current stream 1 and the modulation stream 2.
 *
 * <pre>{@code
 * Traces traces = Simulation.of(NeuronConfig.parse("QLIF tau=30"))
 *         .steps(500)
 *         .neurons(10)
 *         .seed(42)
 *         .current(Waveform.of(Waveform.Shape.RAMP))
 *         .modulation(Waveform.of(Waveform.Shape.SINE))
 *         .run();
 * float[] membrane = traces.get(Traces.MEMBRANE); // (500, 10)
 * float atStep100OfNeuron3 = membrane[100 * 10 + 3];
 * }</pre>
 */
public final class Simulation {
    /** The maximum number of neuron-steps of a simulation, T times N: 2^22. A trace then takes 16 MiB, all traces of a QLIF run 288 MiB. */
    public static final int MOST_NEURON_STEPS = 1 << 22;

    private static final int NEURONS_STREAM = 0;
    private static final int CURRENT_STREAM = 1;
    private static final int MODULATION_STREAM = 2;

    private final NeuronConfig config;
    private Signal current = Waveform.of(Waveform.Shape.RAMP);
    private @Nullable Signal modulation;
    private int steps = 500;
    private int neurons = 10;
    private long seed = 42;
    private Device device = Device.AUTO;
    private KernelOptions options = KernelOptions.defaults();

    private Simulation(NeuronConfig config) {
        this.config = config;
    }

    /** 10 neurons of {@code config} over 500 steps of a ramp, without modulation, with seed 42, on the best device. */
    public static Simulation of(NeuronConfig config) {
        return new Simulation(Objects.requireNonNull(config, "config"));
    }

    private Simulation copy(NeuronConfig config) {
        Simulation copy = new Simulation(config);
        copy.current = current;
        copy.modulation = modulation;
        copy.steps = steps;
        copy.neurons = neurons;
        copy.seed = seed;
        copy.device = device;
        copy.options = options;
        return copy;
    }

    /** With neurons of another configuration, of any model. */
    public Simulation config(NeuronConfig config) {
        return copy(Objects.requireNonNull(config, "config"));
    }

    /** With this input current; given samples also set the number of steps, and that of neurons if it is not 1. */
    public Simulation current(Signal current) {
        Simulation copy = copy(config);
        copy.current = Objects.requireNonNull(current, "current");
        if (current instanceof Samples samples) {
            copy.steps = samples.steps();
            copy.neurons = samples.neurons() == 1 ? neurons : samples.neurons();
        }
        return copy;
    }

    /** With this external modulation, which goes through the configuration's transform; null for none. */
    public Simulation modulation(@Nullable Signal modulation) {
        Simulation copy = copy(config);
        copy.modulation = modulation;
        return copy;
    }

    /**
     * With this number of time steps T.
     *
     * @throws IllegalArgumentException unless it is from 1 to {@value #MOST_NEURON_STEPS}
     */
    public Simulation steps(int steps) {
        Limits.requireExtent("steps", steps);
        Simulation copy = copy(config);
        copy.steps = steps;
        return copy;
    }

    /**
     * With this number of neurons N.
     *
     * @throws IllegalArgumentException unless it is from 1 to {@value #MOST_NEURON_STEPS}
     */
    public Simulation neurons(int neurons) {
        Limits.requireExtent("neurons", neurons);
        Simulation copy = copy(config);
        copy.neurons = neurons;
        return copy;
    }

    /** With this seed, any number, for all random numbers: of the neurons, the current and the modulation. */
    public Simulation seed(long seed) {
        Simulation copy = copy(config);
        copy.seed = seed;
        return copy;
    }

    /** On this device. */
    public Simulation device(Device device) {
        Simulation copy = copy(config);
        copy.device = Objects.requireNonNull(device, "device");
        return copy;
    }

    /** With these options of the kernel, such as its number of threads. */
    public Simulation options(KernelOptions options) {
        Simulation copy = copy(config);
        copy.options = Objects.requireNonNull(options, "options");
        return copy;
    }

    /** The neurons' configuration. */
    public NeuronConfig config() {
        return config;
    }

    /** The input current. */
    public Signal current() {
        return current;
    }

    /** The external modulation, or null. */
    public @Nullable Signal modulation() {
        return modulation;
    }

    /** T. */
    public int steps() {
        return steps;
    }

    /** N. */
    public int neurons() {
        return neurons;
    }

    /** The seed. */
    public long seed() {
        return seed;
    }

    /**
     * Throws if {@link #run} would refuse this simulation on any device.
     *
     * @throws IllegalArgumentException if there are more than {@value #MOST_NEURON_STEPS} neuron-steps, given samples have another number
     *     of steps or neurons, or there is a modulation and the model takes none
     */
    public void check() {
        Limits.requireExtents(steps, neurons);
        requireFits("current", current);
        requireFits("modulation", modulation);
        if (modulation != null && !config.acceptsModulation()) {
            throw new IllegalArgumentException(
                    "modulation: given, expected none, since " + config.model() + " takes no modulation");
        }
    }

    private void requireFits(String name, @Nullable Signal signal) {
        if (signal instanceof Samples samples
                && (samples.steps() != steps || (samples.neurons() != 1 && samples.neurons() != neurons))) {
            throw new IllegalArgumentException(name + ": got (T, N) = (" + samples.steps() + ", " + samples.neurons()
                    + "), expected (" + steps + ", " + neurons + ") or (" + steps + ", 1)");
        }
    }

    /**
     * Runs all steps.
     *
     * @throws IllegalArgumentException as {@link #check}, if no installed backend knows the device, or if it can't run the configuration
     * @throws DeviceUnavailableException if the device can't run here
     * @throws NativeException if the device fails
     */
    public Traces run() {
        check();
        Map<String, float[]> traces = new LinkedHashMap<>();
        traces.put(Traces.INPUT, current.values(steps, neurons, new DrawStream(seed, CURRENT_STREAM)));
        Forward call = new Forward()
                .input(tensor(traces, Traces.INPUT))
                .parameters(Parameters.shared(config))
                .draws(new DrawStream(seed, NEURONS_STREAM));
        if (modulation != null) {
            traces.put(
                    Traces.EXTERNAL_MODULATION,
                    modulation.values(steps, neurons, new DrawStream(seed, MODULATION_STREAM)));
            call.modulation(tensor(traces, Traces.EXTERNAL_MODULATION));
        }
        call.voltages(tensor(traces, Traces.MEMBRANE))
                .spikes(tensor(traces, Traces.SPIKES))
                .spikeValues(tensor(traces, Traces.SPIKE_VALUES));
        for (Trace trace : config.traces()) {
            call.trace(trace, tensor(traces, trace.symbol()));
        }
        try (Kernel kernel = Kernel.open(config, device, options)) {
            long begin = System.nanoTime();
            kernel.forward(call);
            long nanos = System.nanoTime() - begin;
            traces.computeIfAbsent(Traces.THRESHOLD, _ -> constantThreshold());
            return new Traces(this, kernel.device(), nanos, traces);
        }
    }

    /** The trace of this name, made if it doesn't exist, as a tensor of one row. */
    private Tensor tensor(Map<String, float[]> traces, String name) {
        float[] values = traces.computeIfAbsent(name, _ -> new float[steps * neurons]);
        return Tensor.of(values, steps, 1, neurons);
    }

    /** For a model whose threshold does not change, and which therefore has no trace of it. */
    private float[] constantThreshold() {
        NeuronParameter threshold = config.parameters().stream()
                .filter(parameter -> parameter.symbol().equals("v_th"))
                .findFirst()
                .orElseThrow();
        float[] values = new float[steps * neurons];
        Arrays.fill(values, config.defaultValue(threshold));
        return values;
    }

    /** Everything except the device and its options. */
    @Override
    public String toString() {
        return "Simulation[" + config + ", current=" + current
                + (modulation == null ? "" : ", modulation=" + modulation) + ", steps=" + steps + ", neurons=" + neurons
                + ", seed=" + seed + "]";
    }
}
