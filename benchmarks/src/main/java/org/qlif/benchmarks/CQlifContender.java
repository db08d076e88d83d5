// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.qlif.DType;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Tensor;

/** {@code qlif_contender.c}: only the default QLIF, only forward. */
final class CQlifContender extends CContender {
    private static final String SOURCE = "qlif_contender.c";

    /** Whose elementary functions it uses. */
    enum Math {
        /** Its own. */
        OWN(List.of()),
        /** Those of libm, which gcc vectorises. */
        LIBM(List.of("LIBMVEC"));

        private final List<String> macros;

        Math(List<String> macros) {
            this.macros = macros;
        }
    }

    private static final FunctionDescriptor FORWARD = FunctionDescriptor.ofVoid(
            ValueLayout.JAVA_LONG, // steps
            ValueLayout.JAVA_LONG, // elements
            ValueLayout.JAVA_LONG, // neurons
            ValueLayout.ADDRESS, // input
            ValueLayout.ADDRESS, // v_th
            ValueLayout.ADDRESS, // tau
            ValueLayout.ADDRESS, // eta
            ValueLayout.ADDRESS, // alpha
            ValueLayout.ADDRESS, // beta
            ValueLayout.JAVA_LONG, // seed
            ValueLayout.JAVA_INT, // stream
            ValueLayout.ADDRESS, // u
            ValueLayout.ADDRESS, // xi
            ValueLayout.ADDRESS, // spikes
            ValueLayout.ADDRESS, // voltages
            ValueLayout.JAVA_INT); // threads

    private final Math math;
    private final int threads;
    private final MethodHandle forward;
    private final MemorySegment input;
    private final Map<QlifParameter, MemorySegment> parameters = new EnumMap<>(QlifParameter.class);

    CQlifContender(Math math, Workload workload, int threads) {
        super(workload.shape());
        if (!workload.config().equals(QlifConfig.defaults())) {
            throw new IllegalArgumentException(
                    "config: got another configuration, expected the default one, the only one of the C contender");
        }
        this.math = math;
        this.threads = threads;
        forward = function(CLibrary.load(SOURCE, math.macros), "qlif_contender_forward", FORWARD);
        input = off(workload.input());
        for (QlifParameter parameter : QlifParameter.values()) {
            parameters.put(parameter, off(workload.perNeuron(parameter)));
        }
    }

    @Override
    public String description() {
        return "C, elementary functions: " + math + ", " + CLibrary.description();
    }

    @Override
    public Object run() {
        return call(MemorySegment.NULL, MemorySegment.NULL, MemorySegment.NULL);
    }

    private MemorySegment call(MemorySegment uniforms, MemorySegment normals, MemorySegment voltages) {
        Shape shape = shape();
        MemorySegment spikes = spikeBytes();
        try {
            forward.invokeExact(
                    (long) shape.steps(),
                    (long) shape.elements(),
                    (long) shape.neurons(),
                    input,
                    parameters.get(QlifParameter.V_TH),
                    parameters.get(QlifParameter.TAU),
                    parameters.get(QlifParameter.ETA),
                    parameters.get(QlifParameter.Q_SCALE),
                    parameters.get(QlifParameter.Q_BIAS),
                    Workload.SEED,
                    Workload.STREAM,
                    uniforms,
                    normals,
                    spikes,
                    voltages,
                    threads);
        } catch (Throwable thrown) {
            throw rethrow(thrown);
        }
        return spikes;
    }

    @Override
    public Answer answer(float[] uniforms, float[] normals) {
        Tensor voltages = zeros(DType.F32, shape().neuronSteps());
        call(off(uniforms), off(normals), voltages.segment());
        return new Answer(spikes(), voltages.toFloatArray(), null, Map.of());
    }
}
