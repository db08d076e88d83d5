package org.qlif.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifConfig.Preset;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.Tensor;

/** How neurons respond, as kernels compute it: the figures of docs/model.md. The same numbers on every device. */
public final class NeuronCurves {
    /** The probability at a gap of 0 that α and β are calibrated to: docs/model.md, section 7. */
    public static final double CALIBRATED_PROBABILITY = 0.02;

    /** The slope there. */
    public static final double CALIBRATED_SLOPE = 0.10;

    private static final long SEED = 2025;

    /** Steps of a call: the memory that a run takes does not grow with its length. */
    private static final int CHUNK = 100;

    private NeuronCurves() {}

    /**
     * A curve, by its points.
     *
     * @param name whose it is
     * @param x ascending; curves measured together have the same
     * @param y as many values
     */
    public record Curve(String name, List<Double> x, List<Double> y) {
        /** Copies the points. */
        public Curve {
            x = List.copyOf(x);
            y = List.copyOf(y);
            if (x.isEmpty() || x.size() != y.size()) {
                throw new IllegalArgumentException(
                        "y: got " + y.size() + " values, expected as many as in x, " + x.size() + ", and at least 1");
            }
        }
    }

    private record Neuron(String name, NeuronConfig config) {}

    /** @param afterSpike whether the step before the decision had a spike */
    private record Decider(String name, QlifConfig config, boolean afterSpike) {}

    private static final Decider LINEAR =
            new Decider("LINEAR (defaults, 2025-08-15)", still(QlifConfig.builder()), false);
    private static final Decider TANH =
            new Decider("TANH (2025-08-24)", still(Preset.SNAPSHOT_2025_08_24.builder(Decision.QUBIT)), false);

    /** Evenly spaced numbers from {@code from} to {@code to}, both included, {@code perUnit} to a unit. */
    public static List<Double> points(int from, int to, int perUnit) {
        return IntStream.rangeClosed(from * perUnit, to * perUnit)
                .mapToObj(i -> (double) i / perUnit)
                .toList();
    }

    /**
     * Spikes a step under constant currents: a neuron of the caller's, both presets with a qubit, the plain LIF and the LIF. Each starts from
     * its initial state.
     *
     * @param neuron the caller's, the defaults in the figures
     * @param currents the currents, each for neurons of its own
     * @param steps the steps that are counted, from the first on
     * @param rows how many neurons are counted for each current
     */
    public static List<Curve> firingRates(
            Device device, KernelOptions options, QlifConfig neuron, List<Double> currents, int steps, int rows) {
        return List.of(
                        new Neuron(neuron.equals(QlifConfig.defaults()) ? "QLIF, defaults" : neuron.toString(), neuron),
                        new Neuron("QLIF, preset 2025-08-15", qubit(Preset.SNAPSHOT_2025_08_15)),
                        new Neuron("QLIF, preset 2025-08-24", qubit(Preset.SNAPSHOT_2025_08_24)),
                        new Neuron("plain LIF", QlifConfig.plainLif()),
                        new Neuron("LIF", LifConfig.defaults()))
                .stream()
                .map(each ->
                        new Curve(each.name(), currents, rates(each.config(), device, options, currents, steps, rows)))
                .toList();
    }

    /**
     * The probability p of a spike over the gap Δ of a neuron at rest, with α and β as calibrated: of a neuron of the caller's, of the TANH
     * angle map, of LINEAR in the step after a spike, and of the SIGMOID decision.
     *
     * @param neuron the caller's; the defaults, which have the LINEAR map, in the figures
     */
    public static List<Curve> probabilities(
            Device device, KernelOptions options, QlifConfig neuron, List<Double> gaps) {
        Decider first = neuron.equals(QlifConfig.defaults())
                ? LINEAR
                : new Decider(neuron.toString(), still(neuron.toBuilder()), false);
        return probabilities(
                device,
                options,
                gaps,
                List.of(
                        first,
                        TANH,
                        new Decider("LINEAR, in the step after a spike", LINEAR.config(), true),
                        new Decider("SIGMOID", still(QlifConfig.builder().decision(Decision.SIGMOID)), false)));
    }

    /** The same of the two angle maps alone, which are calibrated. */
    public static List<Curve> calibrated(Device device, KernelOptions options, List<Double> gaps) {
        return probabilities(device, options, gaps, List.of(LINEAR, TANH));
    }

    private static List<Curve> probabilities(
            Device device, KernelOptions options, List<Double> gaps, List<Decider> deciders) {
        return deciders.stream()
                .map(decider -> new Curve(decider.name(), gaps, probabilities(decider, device, options, gaps)))
                .toList();
    }

    private static QlifConfig qubit(Preset preset) {
        return preset.builder(Decision.QUBIT).build();
    }

    /** Without what would move the potential away from where it is put. */
    private static QlifConfig still(QlifConfig.Builder builder) {
        return builder.calibrate(CALIBRATED_PROBABILITY, CALIBRATED_SLOPE)
                .neuromodulation(m -> m.withMode(NeuromodMode.OFF))
                .noise(noise -> noise.withStd(0))
                .build();
    }

    private static List<Double> rates(
            NeuronConfig config, Device device, KernelOptions options, List<Double> currents, int steps, int rows) {
        int neurons = currents.size();
        long[] spikes = new long[neurons];
        State state = State.initial(config, rows, neurons);
        Forward call = new Forward()
                .parameters(Parameters.shared(config))
                .draws(new DrawStream(SEED, 0))
                .initialState(state)
                .finalState(state);
        try (Kernel kernel = Kernel.open(config, device, options)) {
            for (int done = 0; done < steps; done += CHUNK) {
                int chunk = Math.min(CHUNK, steps - done);
                if (done == 0 || call.steps() != chunk) {
                    call.input(constant(currents, chunk, rows)).spikes(Tensor.zeros(DType.U8, chunk, rows, neurons));
                }
                kernel.forward(call);
                byte[] written = call.spikes(DType.U8).toByteArray();
                for (int i = 0; i < written.length; i++) {
                    spikes[i % neurons] += written[i];
                }
            }
        }
        double counted = (double) steps * rows;
        return Arrays.stream(spikes).mapToObj(count -> count / counted).toList();
    }

    private static Tensor constant(List<Double> currents, int steps, int rows) {
        int neurons = currents.size();
        float[] values = new float[steps * rows * neurons];
        for (int i = 0; i < values.length; i++) {
            values[i] = currents.get(i % neurons).floatValue();
        }
        return Tensor.of(values, steps, rows, neurons);
    }

    private static List<Double> probabilities(
            Decider decider, Device device, KernelOptions options, List<Double> gaps) {
        QlifConfig config = decider.config();
        int neurons = gaps.size();
        float[] potentials = new float[neurons];
        for (int i = 0; i < neurons; i++) {
            potentials[i] = (float) (config.start().vTh() + gaps.get(i));
        }
        State state = State.initial(config, 1, neurons);
        state.get(QlifVariable.MEMBRANE).copyFrom(Tensor.of(potentials, 1, neurons));
        if (decider.afterSpike()) {
            state.get(QlifVariable.SPIKE_VALUE).fill(1);
            state.get(QlifVariable.REFRACTORY)
                    .fill((float) config.refractoriness().jump());
        }
        Tensor probabilities = Tensor.zeros(DType.F32, 1, 1, neurons);
        try (Kernel kernel = Kernel.open(config, device, options)) {
            // A current as large as the potential keeps it where it is.
            kernel.forward(new Forward()
                    .input(Tensor.of(potentials, 1, 1, neurons))
                    .parameters(Parameters.shared(config))
                    .draws(new DrawStream(SEED, 0))
                    .initialState(state)
                    .trace(QlifTrace.PROBABILITY, probabilities));
        }
        List<Double> values = new ArrayList<>();
        for (float value : probabilities.toFloatArray()) {
            values.add((double) value);
        }
        return values;
    }
}
