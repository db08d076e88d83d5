// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.Preset;
import org.qlif.simulation.Response;

/** How neurons respond, as computed by kernels: the figures of docs/model.md. The numbers are the same on every device. */
public final class NeuronCurves {
    /** The probability at a gap of 0 that α and β are calibrated to: docs/model.md, section 7. */
    public static final double CALIBRATED_PROBABILITY = 0.02;

    /** The slope there. */
    public static final double CALIBRATED_SLOPE = 0.10;

    /** The number of curves that {@link #firingRates} returns. */
    public static final int RATES = 5;

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

    /** @param afterSpike whether there was a spike in the step before the decision */
    private record Decider(String name, QlifConfig config, boolean afterSpike) {}

    private static final Decider LINEAR =
            new Decider("LINEAR (defaults, 2025-08-15)", calibrated(QlifConfig.builder()), false);
    private static final Decider TANH =
            new Decider("TANH (2025-08-24)", calibrated(Preset.SNAPSHOT_2025_08_24.builder(Decision.QUBIT)), false);

    /** Evenly spaced numbers from {@code from} to {@code to}, both included, {@code perUnit} to a unit. */
    public static List<Double> points(int from, int to, int perUnit) {
        return IntStream.rangeClosed(from * perUnit, to * perUnit)
                .mapToObj(i -> (double) i / perUnit)
                .toList();
    }

    /**
     * The spikes per step under constant currents, for the given neuron, both presets with a qubit, the plain LIF and the LIF. Each starts
     * from its initial state.
     *
     * @param neuron the first curve's neuron; the defaults in the figures
     * @param currents the currents, each with its own neurons
     * @param steps the number of steps to count, from the first on
     * @param rows the number of neurons for each current
     * @param done runs after each curve
     */
    public static List<Curve> firingRates(
            Device device,
            KernelOptions options,
            QlifConfig neuron,
            List<Double> currents,
            int steps,
            int rows,
            Runnable done) {
        return List.of(
                        new Neuron(neuron.equals(QlifConfig.defaults()) ? "QLIF, defaults" : neuron.toString(), neuron),
                        new Neuron("QLIF, preset 2025-08-15", qubit(Preset.SNAPSHOT_2025_08_15)),
                        new Neuron("QLIF, preset 2025-08-24", qubit(Preset.SNAPSHOT_2025_08_24)),
                        new Neuron("plain LIF", QlifConfig.plainLif()),
                        new Neuron("LIF", LifConfig.defaults()))
                .stream()
                .map(each -> {
                    List<Double> rates = rates(each.config(), device, options, currents, steps, rows);
                    done.run();
                    return new Curve(each.name(), currents, rates);
                })
                .toList();
    }

    /**
     * The probability p of a spike over the gap Δ of a neuron at rest, with calibrated α and β: for the given neuron, the TANH angle map,
     * LINEAR in the step after a spike, and the SIGMOID decision.
     *
     * @param neuron the first curve's neuron; the defaults, which have the LINEAR map, in the figures
     */
    public static List<Curve> probabilities(
            Device device, KernelOptions options, QlifConfig neuron, List<Double> gaps) {
        Decider first = neuron.equals(QlifConfig.defaults())
                ? LINEAR
                : new Decider(neuron.toString(), calibrated(neuron.toBuilder()), false);
        return probabilities(
                device,
                options,
                gaps,
                List.of(
                        first,
                        TANH,
                        new Decider("LINEAR, in the step after a spike", LINEAR.config(), true),
                        new Decider("SIGMOID", calibrated(QlifConfig.builder().decision(Decision.SIGMOID)), false)));
    }

    /** The same for the two angle maps only, which are calibrated. */
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

    private static QlifConfig calibrated(QlifConfig.Builder builder) {
        return builder.calibrate(CALIBRATED_PROBABILITY, CALIBRATED_SLOPE).build();
    }

    private static List<Double> rates(
            NeuronConfig config, Device device, KernelOptions options, List<Double> currents, int steps, int rows) {
        return boxed(new Response(device, options).firingRates(config, unboxed(currents), steps, rows));
    }

    private static List<Double> probabilities(
            Decider decider, Device device, KernelOptions options, List<Double> gaps) {
        return boxed(
                new Response(device, options).probabilities(decider.config(), unboxed(gaps), decider.afterSpike()));
    }

    private static double[] unboxed(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static List<Double> boxed(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }
}
