package org.qlif.training.djl;

import ai.djl.ndarray.NDManager;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.training.NetworkShape;

/** The memory and the call descriptions of one batch size, used again at every step. */
final class Workspace implements AutoCloseable {
    final int batch;
    /** (T * B, inputs): what the encoder writes. */
    final SharedArray spikes;
    /** (T, B, N): the spike values, and once those are averaged, the gradient with respect to them. */
    final SharedArray values;

    final Forward forward;

    /** What each run starts from; null if no homeostasis has statistics to carry. */
    final State start;

    /** Where a training run ends; null if this is for testing, or nothing is carried. */
    final State end;

    /** (T * B, N): the gradient of the input current; null if this is for testing. */
    final SharedArray gradCurrent;

    /** The backward run of {@link #forward}; null if this is for testing. */
    final Backward backward;

    private final Tape tape;

    Workspace(
            Arena arena,
            NDManager manager,
            Kernel kernel,
            NetworkShape shape,
            int batch,
            Parameters parameters,
            Parameters gradParameters,
            boolean carries) {
        this.batch = batch;
        long rows = (long) shape.steps() * batch;
        spikes = SharedArray.zeros(arena, manager, rows, shape.inputs());
        values = SharedArray.zeros(arena, manager, shape.steps(), batch, shape.hidden());
        start = carries ? state(arena, kernel.config(), shape) : null;
        end = carries && gradParameters != null ? state(arena, kernel.config(), shape) : null;
        forward = new Forward()
                .parameters(parameters)
                .spikeValues(values.tensor())
                .initialState(start)
                .finalState(end);
        if (gradParameters == null) {
            gradCurrent = null;
            backward = null;
            tape = null;
        } else {
            gradCurrent = SharedArray.zeros(arena, manager, rows, shape.hidden());
            Tensor gradInput = Tensor.of(DType.F32, gradCurrent.segment(), shape.steps(), batch, shape.hidden());
            tape = kernel.newTape(Tape.Mode.VOLTAGE, shape.steps(), batch, shape.hidden());
            forward.tape(tape);
            backward = new Backward(forward)
                    .gradSpikeValues(values.tensor())
                    .gradInput(gradInput)
                    .gradParameters(gradParameters);
        }
    }

    private State state(Arena arena, NeuronConfig config, NetworkShape shape) {
        List<Tensor> tensors = new ArrayList<>();
        for (StateVariable variable : config.stateVariables()) {
            MemorySegment memory = arena.allocate(Tensor.byteSize(DType.F32, batch, shape.hidden()), 64);
            Tensor tensor = Tensor.of(DType.F32, memory, batch, shape.hidden());
            tensor.fill(variable.initialValue());
            tensors.add(tensor);
        }
        return State.of(config, tensors);
    }

    @Override
    public void close() {
        if (tape != null) {
            tape.close();
        }
    }
}
