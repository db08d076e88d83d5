// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.foreign.Arena;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * One of our kernels with everything that a run reads and writes: per-neuron parameters, its own draws, spikes as bytes; in training also
 * the gradients of the input and of all parameters.
 */
final class KernelRun implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final Kernel kernel;
    private final Forward forward;
    private final Backward backward;
    private final Tape tape;

    KernelRun(String device, int threads, Workload workload, Pass pass) {
        this(device, threads, workload, pass, Storage.HEAP);
    }

    KernelRun(String device, int threads, Workload workload, Pass pass, Storage storage) {
        kernel = Kernel.open(
                workload.config(), Device.of(device), KernelOptions.defaults().withThreads(threads));
        long t = workload.shape().steps();
        long b = workload.shape().batch();
        long n = workload.shape().neurons();
        Parameters parameters = Parameters.none(workload.config());
        for (NeuronParameter parameter : workload.config().parameters()) {
            parameters.set(parameter, storage.allocate(arena, workload.perNeuron(parameter), n));
        }
        forward = new Forward()
                .input(storage.allocate(arena, workload.input(), t, b, n))
                .parameters(parameters)
                .draws(new DrawStream(Workload.SEED, Workload.STREAM))
                .spikes(storage.allocate(arena, DType.U8, t, b, n));
        if (pass.tape() == null) {
            tape = null;
            backward = null;
        } else {
            tape = kernel.newTape(pass.tape(), t, b, n);
            forward.tape(tape);
            Parameters gradients = Parameters.none(workload.config());
            for (NeuronParameter parameter : workload.config().parameters()) {
                gradients.set(parameter, storage.allocate(arena, DType.F32, n));
            }
            backward = new Backward(forward)
                    .gradSpikeValues(storage.allocate(arena, workload.upstream(), t, b, n))
                    .gradInput(storage.allocate(arena, DType.F32, t, b, n))
                    .gradParameters(gradients);
        }
    }

    /** A description for people to read. */
    String description() {
        return kernel.device() + ": " + kernel.description();
    }

    /** The timed call. Returns what it wrote, so that the compiler can't drop anything as unused. */
    Tensor run() {
        kernel.forward(forward);
        if (backward == null) {
            return forward.spikes(DType.U8);
        }
        kernel.backward(backward);
        return backward.gradInput();
    }

    Kernel kernel() {
        return kernel;
    }

    /** The forward run, to give it more tensors or to read what it wrote. */
    Forward forward() {
        return forward;
    }

    /** The backward run, or null. */
    Backward backward() {
        return backward;
    }

    @Override
    public void close() {
        try (arena;
                kernel) {
            if (tape != null) {
                tape.close();
            }
        }
    }
}
