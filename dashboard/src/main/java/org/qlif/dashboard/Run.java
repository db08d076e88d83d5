// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.qlif.ConfigOption;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.Tensor;
import org.qlif.simulation.Response;
import org.qlif.simulation.Samples;
import org.qlif.simulation.Simulation;
import org.qlif.simulation.Traces;

/** Executes requests. */
final class Run {
    /** The traces in every reply, if the model has them. */
    private static final List<String> ALWAYS =
            List.of(Traces.INPUT, Traces.EXTERNAL_MODULATION, Traces.MEMBRANE, Traces.THRESHOLD, Traces.SPIKES, "p");

    /** The stream that {@link Simulation} draws a modulation from. */
    private static final int MODULATION_STREAM = 2;

    /** This few neuron-steps are done before a second thread wakes up. */
    private static final KernelOptions ALONE = KernelOptions.defaults().withThreads(1);

    /** The gaps of the curve p(Δ): those on either side of the middle, which is 0, give the slope there. */
    private static final int GAPS = 401;

    private static final double WIDEST_GAP = 8;

    /** The size of {@link #measure}: large enough for full speed on any device, small enough to finish soon. */
    private static final int MEASURED_STEPS = 20;

    private static final int MEASURED_ROWS = 64;
    private static final int MEASURED_NEURONS = 512;
    private static final long MEASURED_NANOS = 300_000_000;
    private static final int LEAST_CALLS = 3;

    private Run() {}

    /** Simulates both models. */
    static byte[] simulate(RunRequest request) {
        Simulation simulation = Simulation.of(request.qlif())
                .steps(request.steps())
                .neurons(request.neurons())
                .seed(request.seed())
                .device(request.device())
                .options(ALONE)
                .current(request.current());
        float[] plain = plain(request);
        simulation = modulated(simulation, request, plain);
        Traces qlif = simulation.run();
        Map<String, float[]> traces = new LinkedHashMap<>(qlif.all());
        if (plain != null) {
            // The neuron got the transformed values.
            traces.put(Traces.EXTERNAL_MODULATION, plain);
        }
        Reply reply = new Reply()
                .fact("steps", request.steps())
                .fact("neurons", request.neurons())
                .fact("device", qlif.device().text())
                .fact("nanos", qlif.nanos())
                .fact("config", request.qlif().toString())
                .fact("derived", derived(request.qlif()));
        add(reply, "qlif", request, traces);
        if (request.compared() != null) {
            Traces lif = compared(simulation, request, request.compared(), qlif.get(Traces.INPUT));
            reply.fact("compared", request.compared().toString()).fact("comparedNanos", lif.nanos());
            add(reply, "lif", request, lif.all());
        }
        if (request.qlif().decision() != Decision.THRESHOLD) {
            addCurve(reply, request.qlif(), request.device());
        }
        return reply.bytes();
    }

    /** The modulation before its transform, if the neuron itself doesn't apply it; else null. */
    private static float @Nullable [] plain(RunRequest request) {
        if (request.modulation() == null || request.transform() == ModulationTransform.OPTION) {
            return null;
        }
        return request.modulation()
                .values(request.steps(), request.neurons(), new DrawStream(request.seed(), MODULATION_STREAM));
    }

    private static Simulation modulated(Simulation simulation, RunRequest request, float @Nullable [] plain) {
        if (plain == null) {
            return simulation.modulation(request.modulation());
        }
        return simulation
                .config(request.qlif().with(List.of("neuromod_transform=IDENTITY")))
                .modulation(Samples.of(request.transform().applied(plain), request.steps(), request.neurons()));
    }

    private static Traces compared(Simulation simulation, RunRequest request, NeuronConfig config, float[] input) {
        float[] scaled = input.clone();
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = (float) (request.comparedScale() * scaled[i]);
        }
        return simulation
                .config(config)
                .modulation(null)
                .current(Samples.of(scaled, request.steps(), request.neurons()))
                .run();
    }

    private static void add(Reply reply, String model, RunRequest request, Map<String, float[]> traces) {
        traces.forEach((name, values) -> {
            if (ALWAYS.contains(name) || request.traces().contains(name)) {
                reply.series(model + "." + name, request.steps(), request.neurons(), values);
            }
        });
    }

    /** The derived options. */
    private static Map<String, Double> derived(QlifConfig config) {
        Map<String, Double> derived = new LinkedHashMap<>();
        for (ConfigOption option : config.options()) {
            if (option.derivable()) {
                derived.put("qlif." + option.name(), option.number(config));
            }
        }
        return derived;
    }

    /** The probability over the gap, of neurons in their initial state and of neurons that have just fired. */
    private static void addCurve(Reply reply, QlifConfig config, Device device) {
        Response response = new Response(device, ALONE);
        double[] gaps = new double[GAPS];
        int middle = GAPS / 2;
        for (int i = 0; i < GAPS; i++) {
            gaps[i] = WIDEST_GAP * (i - middle) / middle;
        }
        reply.series("curve.gap", GAPS, 1, single(gaps))
                .series("curve.p", GAPS, 1, single(response.probabilities(config, gaps, false)))
                .series("curve.after", GAPS, 1, single(response.probabilities(config, gaps, true)));
    }

    private static float[] single(double[] values) {
        float[] singles = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            singles[i] = (float) values[i];
        }
        return singles;
    }

    /** Times the neuron on a batch that is large enough for the device: the median of some calls. */
    static Map<String, Object> measure(RunRequest request) {
        QlifConfig config = request.qlif();
        float[] input = new float[MEASURED_STEPS * MEASURED_ROWS * MEASURED_NEURONS];
        Arrays.fill(input, 1);
        Forward call = new Forward()
                .input(Tensor.of(input, MEASURED_STEPS, MEASURED_ROWS, MEASURED_NEURONS))
                .parameters(Parameters.shared(config))
                .draws(new DrawStream(request.seed(), 0))
                .spikes(Tensor.zeros(DType.U8, MEASURED_STEPS, MEASURED_ROWS, MEASURED_NEURONS));
        long[] nanos = new long[1000];
        int calls = 0;
        try (Kernel kernel = Kernel.open(config, request.device(), KernelOptions.defaults())) {
            long end = System.nanoTime() + MEASURED_NANOS;
            while (calls < nanos.length && (calls < LEAST_CALLS || System.nanoTime() < end)) {
                long begin = System.nanoTime();
                kernel.forward(call);
                nanos[calls++] = System.nanoTime() - begin;
            }
            Arrays.sort(nanos, 0, calls);
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("device", kernel.device().text());
            result.put("description", kernel.description());
            result.put("perSecond", input.length * 1e9 / Math.max(1, nanos[calls / 2]));
            result.put("shape", List.of(MEASURED_STEPS, MEASURED_ROWS, MEASURED_NEURONS));
            return result;
        }
    }
}
