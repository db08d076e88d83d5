// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.State;
import org.qlif.Statistics;
import org.qlif.Tape;
import org.qlif.Tensor;

/** A call of a layer of neurons. */
final class NeuronCall extends Recording {
    /** What a call keeps for its backward pass, besides the engine's arrays; reused by later calls. */
    static final class Workspace {
        /** Copies, so that the optimizer may change the originals. */
        private final Parameters parameters;

        private final Statistics statistics;
        private @Nullable MemorySegment tape;
        /** The initial state of all rows. */
        private final State start;

        private @Nullable State end;

        private Workspace(NeuronConfig config, long neurons) {
            parameters = Parameters.perNeuron(config, neurons);
            statistics = Statistics.initial(config, neurons);
            start = State.initial(config, 1, neurons);
        }
    }

    private final NeuronConfig config;
    private final NeuronBlock block;
    private final List<PtNDArray> parameters;
    private final Source input;
    private final @Nullable Source modulation;
    private final Shape shape;
    private final long steps;
    private final long batch;
    private final long neurons;
    private final boolean recorded;
    private final Forward call = new Forward();
    private final PtNDArray given;
    private Kernels.@Nullable Slot<Kernel, Workspace> slot;
    private @Nullable Workspace workspace;
    private @Nullable Tape tape;

    /** @param recording whether the engine records, so that this call may have to be recorded */
    NeuronCall(
            NeuronBlock block,
            PtNDArray input,
            @Nullable PtNDArray modulation,
            List<PtNDArray> parameters,
            long neurons,
            boolean recording) {
        super(block.name(), input);
        this.block = block;
        this.config = block.neuronConfig();
        this.parameters = parameters;
        this.given = input;
        this.shape = input.getShape();
        this.steps = shape.get(0);
        this.batch = shape.get(1);
        this.neurons = neurons;
        try {
            this.input = Source.of("input", input, owner(), recording, steps, batch, neurons);
            this.modulation = modulation == null || modulation.size() == 0
                    ? refusedIfEmpty(modulation)
                    : Source.of(
                            "modulation",
                            modulation,
                            owner(),
                            recording,
                            modulation.getShape().getShape());
        } catch (Throwable refused) {
            close();
            throw refused;
        }
        this.recorded = recording
                && (this.input.inGraph()
                        || (this.modulation != null && this.modulation.inGraph())
                        || parameters.stream().anyMatch(PtNDArray::hasGradient));
    }

    private @Nullable Source refusedIfEmpty(@Nullable PtNDArray modulation) {
        if (modulation != null) {
            throw new IllegalArgumentException("modulation: got " + Torch.text(modulation)
                    + ", expected a shape that broadcasts to (" + steps + ", " + batch + ", " + neurons + ")");
        }
        return null;
    }

    /** Whether gradients of this call are needed. */
    boolean isRecorded() {
        return recorded;
    }

    /**
     * Runs all steps. The caller owns the outputs.
     *
     * @param carried the means that fresh states start from, in the order of the statistics' variables; none without homeostasis
     * @param training whether the run moves them
     */
    NDList run(boolean voltages, List<PtNDArray> carried, boolean training) {
        if (recorded) {
            // Refused before anything is drawn or written.
            BlockGradientCollector.requireOpen(block.name());
        }
        Kernels.Slot<Kernel, Workspace> taken = block.kernels().acquire();
        slot = taken;
        NDList outputs = new NDList();
        try {
            Workspace last = taken.take();
            Workspace work =
                    last != null && last.statistics.neurons() == neurons ? last : new Workspace(config, neurons);
            workspace = work;
            for (NeuronParameter parameter : config.parameters()) {
                Objects.requireNonNull(work.parameters.get(parameter))
                        .copyFrom(Torch.memory(parameters.get(parameter.ordinal()), neurons));
            }
            outputs.add(Torch.empty(given.getManager(), shape));
            call.input(input.memory())
                    .parameters(work.parameters)
                    .modulation(modulation == null ? null : modulation.memory())
                    .spikeValues(memory(outputs.get(0)));
            if (voltages) {
                outputs.add(Torch.empty(given.getManager(), shape));
                call.voltages(memory(outputs.get(1)));
            }
            if (!carried.isEmpty()) {
                start(work, carried, training);
            }
            call.draws(block.nextDraws(owner(), training));
            if (recorded) {
                call.tape(newTape(taken.kernel, work));
            }
            block.timed(() -> taken.kernel.forward(call));
            if (training && !carried.isEmpty()) {
                work.statistics.update(Objects.requireNonNull(work.end));
                for (int i = 0; i < carried.size(); i++) {
                    Torch.memory(carried.get(i), neurons).copyFrom(mean(work, i));
                }
            }
        } catch (Throwable failure) {
            outputs.close();
            throw failure;
        } finally {
            taken.release();
        }
        if (recorded) {
            outputs.forEach(output -> addOutput((PtNDArray) output));
        }
        return outputs;
    }

    private Tensor memory(NDArray array) {
        return Torch.memory((PtNDArray) array, steps, batch, neurons);
    }

    /** Starts the run from initial values and the carried means, and keeps its final state if the run moves them. */
    private void start(Workspace work, List<PtNDArray> carried, boolean training) {
        for (int i = 0; i < carried.size(); i++) {
            mean(work, i).copyFrom(Torch.memory(carried.get(i), neurons));
        }
        work.statistics.applyTo(work.start);
        call.initialState(work.start);
        if (training) {
            if (work.end == null || work.end.batch() != batch) {
                work.end = State.zeros(config, batch, neurons);
            }
            call.finalState(work.end);
        }
    }

    private static Tensor mean(Workspace work, int number) {
        return work.statistics.get(work.statistics.variables().get(number));
    }

    private Tape newTape(Kernel kernel, Workspace work) {
        long bytes = kernel.tapeBytes(block.tape(), steps, batch, neurons);
        MemorySegment memory = Kernels.atLeast(bytes, work.tape);
        work.tape = memory;
        tape = kernel.newTape(block.tape(), steps, batch, neurons, Tensor.of(DType.U8, memory, memory.byteSize()));
        return tape;
    }

    @Override
    void differentiate(List<@Nullable PtNDArray> gradients) {
        input.requireUnchanged();
        if (modulation != null) {
            modulation.requireUnchanged();
        }
        Backward backward = new Backward(call).gradSpikeValues(upstream(gradients.getFirst()));
        if (gradients.size() > 1) {
            backward.gradVoltages(upstream(gradients.get(1)));
        }
        PtNDArray gradInput = null;
        if (input.inGraph()) {
            gradInput = input.newGradient(owner());
            backward.gradInput(memory(gradInput));
        }
        PtNDArray gradModulation = null;
        if (modulation != null && modulation.inGraph()) {
            gradModulation = modulation.newGradient(owner());
            backward.gradModulation(
                    Torch.memory(gradModulation, modulation.memory().shape()));
        }
        Parameters gradParameters = Parameters.none(config);
        Map<PtNDArray, PtNDArray> learned = new LinkedHashMap<>();
        for (NeuronParameter parameter : config.parameters()) {
            PtNDArray value = parameters.get(parameter.ordinal());
            if (value.hasGradient()) {
                PtNDArray gradient = Torch.owned(Torch.empty(owner(), value.getShape()), owner());
                learned.put(value, gradient);
                gradParameters.set(parameter, Torch.memory(gradient, neurons));
            }
        }
        backward.gradParameters(gradParameters);
        Objects.requireNonNull(slot).run(kernel -> block.timed(() -> kernel.backward(backward)));
        // For a leaf, a pass that starts at it adds the gradient.
        learned.forEach((value, gradient) -> JniUtils.backward(value, gradient, false, false));
        if (gradModulation != null) {
            Objects.requireNonNull(modulation).propagate(gradModulation);
        }
        if (gradInput != null) {
            input.propagate(gradInput);
        }
    }

    private @Nullable Tensor upstream(@Nullable PtNDArray gradient) {
        return gradient == null ? null : memory(gradient);
    }

    @Override
    void release() {
        if (tape != null) {
            tape.close();
            tape = null;
        }
        if (slot != null && workspace != null) {
            slot.giveBack(workspace);
            workspace = null;
        }
    }
}
