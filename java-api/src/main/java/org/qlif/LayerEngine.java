package org.qlif;

import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a layer is of whatever model: a kernel with its parameters, the state between calls, a tape for training. The layers of the models
 * give it the types that their callers see.
 */
final class LayerEngine implements AutoCloseable {
    /** What the builders of all layers collect. */
    static final class Settings {
        private final long neurons;
        private Device device = Device.AUTO;
        private KernelOptions options = KernelOptions.defaults();
        private StatePolicy policy = StatePolicy.RESET;
        private DType spikeType = DType.F32;
        private boolean voltages = true;
        private Tape.@Nullable Mode tapeMode;

        Settings(long neurons) {
            if (neurons < 1) {
                throw new IllegalArgumentException("neurons: got " + neurons + ", expected at least 1");
            }
            this.neurons = neurons;
        }

        void device(String device) {
            this.device = Device.of(device);
        }

        void threads(int threads) {
            this.options = options.withThreads(threads);
        }

        void state(StatePolicy policy) {
            this.policy = Objects.requireNonNull(policy, "policy");
        }

        void spikes(DType type) {
            if (!DType.SPIKES.contains(Objects.requireNonNull(type, "type"))) {
                throw new IllegalArgumentException("spikes: got " + type + ", expected a type of " + DType.SPIKES);
            }
            this.spikeType = type;
        }

        void voltages(boolean voltages) {
            this.voltages = voltages;
        }

        void training(Tape.Mode mode) {
            this.tapeMode = Objects.requireNonNull(mode, "mode");
        }
    }

    private final NeuronConfig config;
    private final long neurons;
    private final StatePolicy policy;
    private final DType spikeType;
    private final boolean spikesServeAsValues;
    private final boolean voltages;
    private final Tape.@Nullable Mode tapeMode;
    private final List<Trace> traces;
    private final @Nullable IntFunction<DrawStream> draws;
    private final List<? extends StateVariable> averaged;
    private final Kernel kernel;
    private final Parameters parameters;
    private final CallGuard guard =
            new CallGuard("this layer", "it serves one at a time: build one layer for each thread that calls");
    private int episode;

    /** The state that the next call starts from, or null for a fresh one. */
    private @Nullable State state;

    private @Nullable Forward lastCall;
    private @Nullable Tape tape;

    /**
     * Opens a kernel.
     *
     * @param traces what each call traces
     * @param spikesAreValues whether the model's spike values are its spikes
     * @param draws which numbers the calls of an episode draw, by its index; null if the model draws none
     * @param averaged what {@link StatePolicy#KEEP} averages over the batch
     */
    LayerEngine(
            Settings settings,
            NeuronConfig config,
            Collection<? extends Trace> traces,
            boolean spikesAreValues,
            @Nullable IntFunction<DrawStream> draws,
            List<? extends StateVariable> averaged) {
        this.config = config;
        this.neurons = settings.neurons;
        this.policy = settings.policy;
        this.spikeType = settings.spikeType;
        this.spikesServeAsValues = spikesAreValues && spikeType == DType.F32;
        this.voltages = settings.voltages;
        this.tapeMode = settings.tapeMode;
        this.traces = List.copyOf(traces);
        this.draws = draws;
        this.averaged = averaged;
        this.kernel = Kernel.open(config, settings.device, settings.options);
        this.parameters = Parameters.perNeuron(config, neurons);
    }

    /** Runs all steps of {@code input}; the description says where the results are. */
    Forward forward(Tensor input, @Nullable Tensor modulation) {
        guard.enter();
        try {
            return run(input, modulation);
        } finally {
            guard.exit();
        }
    }

    private Forward run(Tensor input, @Nullable Tensor modulation) {
        Objects.requireNonNull(input, "input");
        if (input.rank() != 3 || input.extent(2) != neurons) {
            throw new IllegalArgumentException(
                    "input: got " + input + ", expected F32 of shape (T, B, " + neurons + ")");
        }
        long[] shape = input.shape();
        State last = policy == StatePolicy.RESET ? null : state;
        if (last != null && last.batch() != shape[1]) {
            throw new IllegalArgumentException(
                    "input: got " + input + ", expected B = " + last.batch()
                            + " as in the call whose state this one continues; call reset() to start anew with another batch size");
        }
        State next = policy == StatePolicy.RESET ? null : State.zeros(config, shape[1], neurons);
        Forward call = new Forward()
                .input(input)
                .parameters(parameters)
                .modulation(modulation)
                .draws(draws == null ? null : draws.apply(episode))
                .initialState(last)
                .finalState(next)
                .spikes(Tensor.zeros(spikeType, shape))
                .spikeValues(spikesServeAsValues ? null : Tensor.zeros(DType.F32, shape))
                .voltages(voltages ? Tensor.zeros(DType.F32, shape) : null);
        for (Trace trace : traces) {
            call.trace(trace, Tensor.zeros(DType.F32, shape));
        }
        if (tapeMode == null) {
            kernel.forward(call);
        } else {
            forwardOnTape(call, tapeMode, shape);
        }
        lastCall = call;
        if (next == null) {
            episode++;
        } else {
            state = next;
            if (policy == StatePolicy.KEEP) {
                averaged.forEach(variable -> average(next.get(variable)));
            }
        }
        return call;
    }

    /** The spikes that {@code call} wrote. */
    Tensor spikes(Forward call) {
        return Objects.requireNonNull(call.spikes(spikeType));
    }

    /** The spike values that {@code call} wrote. */
    Tensor spikeValues(Forward call) {
        return spikesServeAsValues ? spikes(call) : Objects.requireNonNull(call.spikeValues());
    }

    /** Runs {@code call} on a tape of its shape; the last call's tape stays as it is until this one is known to run. */
    private void forwardOnTape(Forward call, Tape.Mode mode, long[] shape) {
        if (tape != null && tape.hasShape(shape)) {
            kernel.forward(call.tape(tape));
            return;
        }
        Tape next = kernel.newTape(mode, shape[0], shape[1], shape[2]);
        try {
            kernel.forward(call.tape(next));
        } catch (Throwable refused) {
            next.close();
            throw refused;
        }
        if (tape != null) {
            tape.close();
        }
        tape = next;
    }

    /** The gradients of the last forward call; the description says where they are. */
    Backward backward(@Nullable Tensor gradSpikeValues, @Nullable Tensor gradVoltages) {
        guard.enter();
        try {
            return runBack(gradSpikeValues, gradVoltages);
        } finally {
            guard.exit();
        }
    }

    private Backward runBack(@Nullable Tensor gradSpikeValues, @Nullable Tensor gradVoltages) {
        if (tapeMode == null) {
            throw new IllegalStateException("this layer keeps no tape; build it with training(Tape.Mode.VOLTAGE)");
        }
        if (lastCall == null) {
            throw new IllegalStateException("there was no forward call");
        }
        Tensor modulation = lastCall.modulation();
        Backward call = new Backward(lastCall)
                .gradSpikeValues(gradSpikeValues)
                .gradVoltages(gradVoltages)
                .gradInput(Tensor.zeros(DType.F32, lastCall.input().shape()))
                .gradModulation(modulation == null ? null : Tensor.zeros(DType.F32, modulation.shape()))
                .gradParameters(Parameters.zerosLike(parameters));
        kernel.backward(call);
        return call;
    }

    /** Forgets the state: the next call starts an episode. */
    void reset() {
        if (state != null) {
            state = null;
            episode++;
        }
    }

    Parameters parameters() {
        return parameters;
    }

    @Nullable
    State state() {
        return state;
    }

    Kernel kernel() {
        return kernel;
    }

    /** Releases the kernel and the tape, after waiting for a call that runs. */
    @Override
    public void close() {
        kernel.requireClosable();
        guard.close(() -> {
            lastCall = null;
            try {
                kernel.close();
            } finally {
                if (tape != null) {
                    tape.close();
                }
            }
        });
    }

    /** Replaces each column by its mean, summed in float64 from the first row to the last. */
    private static void average(Tensor rows) {
        long batch = rows.extent(0);
        long neurons = rows.extent(1);
        for (long n = 0; n < neurons; n++) {
            double sum = 0;
            for (long b = 0; b < batch; b++) {
                sum += rows.getFloat(b * neurons + n);
            }
            for (long b = 0; b < batch; b++) {
                rows.setFloat(b * neurons + n, (float) (sum / batch));
            }
        }
    }
}
