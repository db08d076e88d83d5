package org.qlif.training;

import ai.djl.ndarray.NDManager;
import java.lang.foreign.Arena;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.Parameters;
import org.qlif.Tape;
import org.qlif.Tensor;

/** The memory and the call descriptions of one batch size, used again at every step. */
final class Workspace implements AutoCloseable {
    final int batch;
    /** (T * B, inputs): what the encoder writes. */
    final SharedArray spikes;
    /** (T, B, N): the spike values, and once those are averaged, the gradient with respect to them. */
    final SharedArray values;

    final Forward forward;

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
            Parameters gradParameters) {
        this.batch = batch;
        long rows = (long) shape.steps() * batch;
        spikes = SharedArray.zeros(arena, manager, rows, shape.inputs());
        values = SharedArray.zeros(arena, manager, shape.steps(), batch, shape.hidden());
        forward = new Forward().parameters(parameters).spikeValues(values.tensor());
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

    @Override
    public void close() {
        if (tape != null) {
            tape.close();
        }
    }
}
