// SPDX-License-Identifier: Apache-2.0
package org.qlif.simulation;

import java.util.Objects;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.State;
import org.qlif.Tensor;

/**
 * How neurons of one configuration respond, as a kernel computes it: their firing rate under constant currents, and the probability of a spike
 * over the gap between potential and threshold. The numbers are the same on every device. Thread-safe.
 *
 * <pre>{@code
 * Response response = new Response(Device.of("cpu"), KernelOptions.defaults());
 * double[] rates = response.firingRates(QlifConfig.defaults(), new double[] {0, 1, 2, 5}, 1000, 64);
 * double[] probabilities = response.probabilities(QlifConfig.defaults(), new double[] {-1, 0, 1}, false);
 * }</pre>
 *
 * @param device the device
 * @param options how
 */
public record Response(Device device, KernelOptions options) {
    /** The maximum number of points of a response. */
    public static final int MOST_POINTS = 100_000;

    private static final long SEED = 2025;

    /** The maximum number of steps of a call, so that the memory of a run does not grow with its length. */
    private static final int LONGEST_CALL = 100;

    /** Checks that neither is null. */
    public Response {
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(options, "options");
    }

    /**
     * The spikes per step under constant currents, each with its own neurons, which start from their initial state.
     *
     * @param config of the neurons
     * @param currents 1 to {@value #MOST_POINTS}
     * @param steps the number of steps to count, from the first on, at least 1
     * @param rows the number of neurons for each current, at least 1
     * @return for each current a number in [0, 1]
     * @throws IllegalArgumentException if an argument is out of its range, or {@code rows} times the number of currents passes {@value
     *     Simulation#MOST_NEURON_STEPS}
     */
    public double[] firingRates(NeuronConfig config, double[] currents, int steps, int rows) {
        int neurons = requirePoints("currents", currents);
        Limits.requireExtent("steps", steps);
        Limits.requireExtent("rows", rows);
        if ((long) rows * neurons > Simulation.MOST_NEURON_STEPS) {
            throw new IllegalArgumentException("rows, currents: got " + rows + " x " + neurons + ", expected at most "
                    + Simulation.MOST_NEURON_STEPS + " neurons");
        }
        int stepsOfCall = Math.min(LONGEST_CALL, Simulation.MOST_NEURON_STEPS / (rows * neurons));
        long[] spikes = new long[neurons];
        State state = State.initial(config, rows, neurons);
        Forward call = new Forward()
                .parameters(Parameters.shared(config))
                .draws(new DrawStream(SEED, 0))
                .initialState(state)
                .finalState(state);
        try (Kernel kernel = Kernel.open(config, device, options)) {
            for (int done = 0; done < steps; done += stepsOfCall) {
                int chunk = Math.min(stepsOfCall, steps - done);
                if (done == 0 || call.steps() != chunk) {
                    call.input(constant(currents, chunk, rows)).spikes(Tensor.zeros(DType.U8, chunk, rows, neurons));
                }
                kernel.forward(call);
                byte[] written = Objects.requireNonNull(call.spikes(DType.U8)).toByteArray();
                for (int i = 0; i < written.length; i++) {
                    spikes[i % neurons] += written[i];
                }
            }
        }
        double[] rates = new double[neurons];
        for (int i = 0; i < neurons; i++) {
            rates[i] = spikes[i] / ((double) steps * rows);
        }
        return rates;
    }

    private static Tensor constant(double[] currents, int steps, int rows) {
        float[] values = new float[steps * rows * currents.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) currents[i % currents.length];
        }
        return Tensor.of(values, steps, rows, currents.length);
    }

    /**
     * The probability p of a spike over the gap Δ = V' - θ of a neuron at rest, without noise and modulation; in THRESHOLD mode 0 or 1.
     *
     * @param config of the neuron; α and β have their starting values
     * @param gaps 1 to {@value #MOST_POINTS}
     * @param afterSpike whether there was a spike in the step before, which damps p if the neuron is refractory, and flattens it if its
     *     probability is dynamic
     * @return for each gap a number in [0, 1]
     * @throws IllegalArgumentException if there are no gaps or too many
     */
    public double[] probabilities(QlifConfig config, double[] gaps, boolean afterSpike) {
        int neurons = requirePoints("gaps", gaps);
        QlifConfig still = config.toBuilder()
                .neuromodulation(modulation -> modulation.withMode(NeuromodMode.OFF))
                .noise(noise -> noise.withStd(0))
                .build();
        double threshold = config.start().vTh();
        if (config.adaptiveThreshold().enabled()) {
            threshold = Math.clamp(
                    threshold,
                    config.adaptiveThreshold().min(),
                    config.adaptiveThreshold().max());
        }
        float[] potentials = new float[neurons];
        for (int i = 0; i < neurons; i++) {
            potentials[i] = (float) (threshold + gaps[i]);
        }
        State state = State.initial(still, 1, neurons);
        state.get(QlifVariable.MEMBRANE).copyFrom(Tensor.of(potentials, 1, neurons));
        if (afterSpike) {
            state.get(QlifVariable.SPIKE_VALUE).fill(1);
            state.get(QlifVariable.REFRACTORY)
                    .fill((float) still.refractoriness().jump());
        }
        float[] values = new float[neurons];
        try (Kernel kernel = Kernel.open(still, device, options)) {
            // A current equal to the potential keeps it constant.
            kernel.forward(new Forward()
                    .input(Tensor.of(potentials, 1, 1, neurons))
                    .parameters(Parameters.shared(still))
                    .draws(new DrawStream(SEED, 0))
                    .initialState(state)
                    .trace(QlifTrace.PROBABILITY, Tensor.of(values, 1, 1, neurons)));
        }
        double[] probabilities = new double[neurons];
        for (int i = 0; i < neurons; i++) {
            probabilities[i] = values[i];
        }
        return probabilities;
    }

    private static int requirePoints(String name, double[] points) {
        if (points.length < 1 || points.length > MOST_POINTS) {
            throw new IllegalArgumentException(
                    name + ": got " + points.length + " numbers, expected 1 to " + MOST_POINTS);
        }
        return points.length;
    }
}
