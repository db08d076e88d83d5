// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.qlif.DType;
import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Tensor;

/** {@code lif_contender.c}: the LIF and the plain LIF, forward and backward. */
final class CLifContender extends CContender {
    /** Which of the two. */
    enum Variant {
        /** The LIF's defaults. */
        LIF(
                LifConfig.defaults(),
                List.of(),
                Arrays.asList(LifParameter.TAU_SYN_INV, LifParameter.TAU_MEM_INV, LifParameter.V_TH)),
        /** The plain LIF. */
        PLAIN_LIF(
                QlifConfig.plainLif(),
                List.of("PLAIN_LIF"),
                Arrays.asList(null, QlifParameter.TAU, QlifParameter.V_TH));

        private final NeuronConfig config;
        private final List<String> macros;
        /** In the order of the C function; null for none. */
        private final List<NeuronParameter> parameters;

        Variant(NeuronConfig config, List<String> macros, List<NeuronParameter> parameters) {
            this.config = config;
            this.macros = macros;
            this.parameters = parameters;
        }

        /** The variant that computes {@code config}, if there is one. */
        static Optional<Variant> of(NeuronConfig config) {
            return Arrays.stream(values())
                    .filter(variant -> variant.config.equals(config))
                    .findFirst();
        }
    }

    private static final String SOURCE = "lif_contender.c";

    private static final FunctionDescriptor FORWARD = FunctionDescriptor.ofVoid(
            ValueLayout.JAVA_LONG, // steps
            ValueLayout.JAVA_LONG, // elements
            ValueLayout.JAVA_LONG, // neurons
            ValueLayout.ADDRESS, // input
            ValueLayout.ADDRESS, // tau_syn_inv
            ValueLayout.ADDRESS, // tau_mem_inv
            ValueLayout.ADDRESS, // thresholds
            ValueLayout.ADDRESS, // spikes
            ValueLayout.ADDRESS, // voltages
            ValueLayout.ADDRESS, // checkpoints
            ValueLayout.JAVA_INT); // threads

    private static final FunctionDescriptor CHECKPOINTS =
            FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);

    private static final FunctionDescriptor BACKWARD = FunctionDescriptor.ofVoid(
            ValueLayout.JAVA_LONG, // steps
            ValueLayout.JAVA_LONG, // elements
            ValueLayout.JAVA_LONG, // neurons
            ValueLayout.ADDRESS, // input
            ValueLayout.ADDRESS, // tau_syn_inv
            ValueLayout.ADDRESS, // tau_mem_inv
            ValueLayout.ADDRESS, // thresholds
            ValueLayout.ADDRESS, // checkpoints
            ValueLayout.ADDRESS, // grad_y
            ValueLayout.ADDRESS, // grad_input
            ValueLayout.ADDRESS, // sums
            ValueLayout.ADDRESS, // grad_tau_syn_inv
            ValueLayout.ADDRESS, // grad_tau_mem_inv
            ValueLayout.ADDRESS, // grad_v_th
            ValueLayout.JAVA_INT); // threads

    private final Variant variant;
    private final int threads;
    private final MethodHandle forward;
    private final MemorySegment input;
    private final List<MemorySegment> parameters;
    private final Training training;

    /** The memory that only training runs need. */
    private record Training(
            MethodHandle backward,
            MemorySegment checkpoints,
            MemorySegment upstream,
            Tensor gradInput,
            MemorySegment sums,
            List<Tensor> gradients) {}

    CLifContender(Variant variant, Workload workload, int threads, Pass pass) {
        super(workload.shape());
        this.variant = variant;
        this.threads = threads;
        SymbolLookup library = CLibrary.load(SOURCE, variant.macros);
        forward = function(library, "lif_contender_forward", FORWARD);
        input = off(workload.input());
        parameters = variant.parameters.stream()
                .map(parameter -> parameter == null ? MemorySegment.NULL : off(workload.perNeuron(parameter)))
                .toList();
        training = pass == Pass.FORWARD ? null : training(library, workload);
    }

    private Training training(SymbolLookup library, Workload workload) {
        Shape shape = shape();
        return new Training(
                function(library, "lif_contender_backward", BACKWARD),
                zeros(DType.F32, checkpoints(library, shape.steps()) * shape.elements())
                        .segment(),
                off(workload.upstream()),
                zeros(DType.F32, shape.neuronSteps()),
                zeros(DType.F32, 3L * shape.elements()).segment(),
                variant.parameters.stream()
                        .map(_ -> zeros(DType.F32, shape.neurons()))
                        .toList());
    }

    private static long checkpoints(SymbolLookup library, long steps) {
        try {
            return (long)
                    function(library, "lif_contender_checkpoints", CHECKPOINTS).invokeExact(steps);
        } catch (Throwable thrown) {
            throw rethrow(thrown);
        }
    }

    @Override
    public String description() {
        return "C, " + variant + ", " + CLibrary.description();
    }

    @Override
    public Object run() {
        return call(MemorySegment.NULL);
    }

    private MemorySegment call(MemorySegment voltages) {
        MemorySegment checkpoints = training == null ? MemorySegment.NULL : training.checkpoints();
        try {
            forward.invokeExact(
                    (long) shape().steps(),
                    (long) shape().elements(),
                    (long) shape().neurons(),
                    input,
                    parameters.get(0),
                    parameters.get(1),
                    parameters.get(2),
                    spikeBytes(),
                    voltages,
                    checkpoints,
                    threads);
            if (training == null) {
                return spikeBytes();
            }
            training.backward()
                    .invokeExact(
                            (long) shape().steps(),
                            (long) shape().elements(),
                            (long) shape().neurons(),
                            input,
                            parameters.get(0),
                            parameters.get(1),
                            parameters.get(2),
                            checkpoints,
                            training.upstream(),
                            training.gradInput().segment(),
                            training.sums(),
                            training.gradients().get(0).segment(),
                            training.gradients().get(1).segment(),
                            training.gradients().get(2).segment(),
                            threads);
            return training.gradInput().segment();
        } catch (Throwable thrown) {
            throw rethrow(thrown);
        }
    }

    @Override
    public Answer answer(float[] uniforms, float[] normals) {
        Tensor voltages = zeros(DType.F32, shape().neuronSteps());
        call(voltages.segment());
        if (training == null) {
            return new Answer(spikes(), voltages.toFloatArray(), null, Map.of());
        }
        Map<NeuronParameter, float[]> gradients = new LinkedHashMap<>();
        // The model's other parameters don't affect the neuron.
        variant.config.parameters().forEach(parameter -> gradients.put(parameter, new float[shape().neurons()]));
        for (int i = 0; i < parameters.size(); i++) {
            if (variant.parameters.get(i) != null) {
                gradients.put(
                        variant.parameters.get(i), training.gradients().get(i).toFloatArray());
            }
        }
        return new Answer(
                spikes(), voltages.toFloatArray(), training.gradInput().toFloatArray(), gradients);
    }
}
