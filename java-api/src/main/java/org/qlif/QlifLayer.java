package org.qlif;

import java.security.SecureRandom;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import org.qlif.spi.host.Philox;

/**
 * A layer of N QLIF neurons: input current {@code (T, B, N)} in, spikes and membrane potentials out.
 *
 * <pre>{@code
 * try (QlifLayer layer = QlifLayer.builder(128).device("cpu").seed(42).state(StatePolicy.KEEP).build()) {
 *     QlifLayer.Output out = layer.forward(Tensor.of(current, 100, 32, 128));
 *     float[] spikes = out.spikes().toFloatArray();
 *     float[] voltages = out.voltages().toFloatArray();
 *     layer.reset();
 * }
 * }</pre>
 *
 * <p>The layer owns parameters, state and, for training, a tape; outputs are new tensors for each call. Callers who want to lend
 * all memory use {@link Kernel}.
 *
 * <p>Draws follow from {@link Builder#seed} and {@link Builder#stream}: two layers with the same seed and stream draw the same numbers
 * in the same order, and layers that differ in either share none. The layers of a network take one seed and the streams 0, 1, 2 and so
 * on; a layer that is given no seed makes one up, which {@link #seed()} tells. Each episode, which is a run from a fresh state to the
 * next, has numbers of its own.
 *
 * <p>Not thread-safe, except that any thread may {@link #close()}: that waits for a call that runs. A layer that is forgotten is closed
 * some time after it has become unreachable.
 */
public final class QlifLayer implements AutoCloseable {
    /** What happens to the state between calls of {@link #forward}. */
    public enum StatePolicy {
        /** Each call starts from a fresh state. */
        RESET,
        /**
         * A call starts from the state of the last, except that firing-rate estimate and homeostatic offset are replaced by
         * their means over the batch, neuron by neuron: see docs/model.md, section 5.
         */
        KEEP,
        /** A call continues the last one exactly: T calls of one step equal one call of T steps. */
        STREAM
    }

    /**
     * What a forward call returns.
     *
     * @param spikes s, {@code (T, B, N)} of the builder's spike type
     * @param spikeValues y, {@code F32 (T, B, N)}: what a downstream layer consumes
     * @param voltages V after the reset, {@code F32 (T, B, N)}; null if not asked for
     * @param traces the traces asked for, {@code F32 (T, B, N)} each
     */
    public record Output(Tensor spikes, Tensor spikeValues, Tensor voltages, Map<QlifTrace, Tensor> traces) {
        /** Makes the map unmodifiable. */
        public Output {
            traces = Collections.unmodifiableMap(traces);
        }
    }

    /**
     * What a backward call returns.
     *
     * @param input the gradient of the input, {@code F32 (T, B, N)}
     * @param parameters the gradients of the five parameters, each of its parameter's length
     * @param modulation the gradient of the modulation, of its shape; null if the forward call had none
     */
    public record Gradients(Tensor input, Parameters parameters, Tensor modulation) {}

    private final QlifConfig config;
    private final Kernel kernel;
    private final long neurons;
    private final Parameters parameters;
    private final long seed;
    private final long key;
    private final StatePolicy policy;
    private final DType spikeType;
    private final boolean voltages;
    private final Set<QlifTrace> traces;
    private final Tape.Mode tapeMode;
    private final CallGuard guard =
            new CallGuard("this layer", "it serves one at a time: build one layer for each thread that calls");
    private int episode;

    /** The state that the next call starts from, or null for a fresh one. */
    private State state;

    private Forward lastCall;
    private Tape tape;

    private QlifLayer(Builder builder, Kernel kernel) {
        this.config = builder.config;
        this.kernel = kernel;
        this.neurons = builder.neurons;
        this.parameters = Parameters.perNeuron(config, neurons);
        this.seed = builder.seed.orElseGet(() -> new SecureRandom().nextLong());
        this.key = Philox.layerKey(seed, builder.stream);
        this.policy = builder.policy;
        this.spikeType = builder.spikeType;
        this.voltages = builder.voltages;
        this.traces = EnumSet.copyOf(builder.traces);
        this.tapeMode = builder.tapeMode;
    }

    /** A builder of a layer of {@code neurons} neurons, at least 1. */
    public static Builder builder(long neurons) {
        return new Builder(neurons);
    }

    /** Runs all steps of {@code input}, {@code F32 (T, B, N)}, without modulation; see {@link #forward(Tensor, Tensor)}. */
    public Output forward(Tensor input) {
        return forward(input, null);
    }

    /**
     * Runs all steps of {@code input} under an external modulation.
     *
     * @param input the current, {@code F32 (T, B, N)}
     * @param modulation {@code F32} of any shape that broadcasts to the input's; null for none
     * @throws IllegalArgumentException if a shape, or a value among the parameters, is not what the call needs
     * @throws IllegalStateException if the layer is closed or in a call
     */
    public Output forward(Tensor input, Tensor modulation) {
        guard.enter();
        try {
            return run(input, modulation);
        } finally {
            guard.exit();
        }
    }

    private Output run(Tensor input, Tensor modulation) {
        Objects.requireNonNull(input, "input");
        if (input.rank() != 3 || input.extent(2) != neurons) {
            throw new IllegalArgumentException(
                    "input: got " + input + ", expected F32 of shape (T, B, " + neurons + ")");
        }
        long[] shape = input.shape();
        boolean fresh = policy == StatePolicy.RESET || state == null;
        if (!fresh && state.batch() != shape[1]) {
            throw new IllegalArgumentException(
                    "input: got " + input + ", expected B = " + state.batch()
                            + " as in the call whose state this one continues; call reset() to start anew with another batch size");
        }
        State next = policy == StatePolicy.RESET ? null : State.zeros(config, shape[1], neurons);
        Output output = newOutput(shape);
        Forward call = new Forward()
                .input(input)
                .parameters(parameters)
                .modulation(modulation)
                .draws(new DrawStream(key, episode))
                .initialState(fresh ? null : state)
                .finalState(next)
                .spikes(output.spikes())
                .voltages(output.voltages());
        if (output.spikeValues() != output.spikes()) {
            call.spikeValues(output.spikeValues());
        }
        output.traces().forEach(call::trace);
        if (tapeMode == null) {
            kernel.forward(call);
        } else {
            forwardOnTape(call, shape);
        }
        lastCall = call;
        if (policy == StatePolicy.RESET) {
            episode++;
        } else {
            state = next;
            if (policy == StatePolicy.KEEP) {
                average(state.get(QlifVariable.RATE));
                average(state.get(QlifVariable.HOMEOSTASIS));
            }
        }
        return output;
    }

    /**
     * The gradients of the last forward call, through all its steps. The state that a call started from counts as given: gradients
     * stop there.
     *
     * <p>The input, the modulation and the parameters of that call are read again, where they lie: whoever changes their values in
     * between, such as an optimizer that steps first, gets wrong gradients. That a parameter's tensor was replaced is noticed.
     *
     * @param gradSpikeValues the gradient with respect to the spike values, {@code F32 (T, B, N)}; null for 0
     * @param gradVoltages the gradient with respect to the voltages, {@code F32 (T, B, N)}; null for 0
     * @throws IllegalStateException if the layer was not built for training, there was no forward call, a parameter was replaced
     *     since, or the layer is closed or in a call
     */
    public Gradients backward(Tensor gradSpikeValues, Tensor gradVoltages) {
        guard.enter();
        try {
            return runBack(gradSpikeValues, gradVoltages);
        } finally {
            guard.exit();
        }
    }

    private Gradients runBack(Tensor gradSpikeValues, Tensor gradVoltages) {
        if (tapeMode == null) {
            throw new IllegalStateException("this layer keeps no tape; build it with training(Tape.Mode.VOLTAGE)");
        }
        if (lastCall == null) {
            throw new IllegalStateException("there was no forward call");
        }
        Tensor modulation = lastCall.modulation();
        Gradients gradients = new Gradients(
                Tensor.zeros(DType.F32, lastCall.input().shape()),
                Parameters.zerosLike(parameters),
                modulation == null ? null : Tensor.zeros(DType.F32, modulation.shape()));
        kernel.backward(new Backward(lastCall)
                .gradSpikeValues(gradSpikeValues)
                .gradVoltages(gradVoltages)
                .gradInput(gradients.input())
                .gradModulation(gradients.modulation())
                .gradParameters(gradients.parameters()));
        return gradients;
    }

    /** Forgets the state, where the policy keeps one: the next call starts an episode. */
    public void reset() {
        if (state != null) {
            state = null;
            episode++;
        }
    }

    /** The five parameters, each of length N on the heap: what an optimizer updates in place. */
    public Parameters parameters() {
        return parameters;
    }

    /** The state that the next call starts from; null if that is a fresh one. */
    public State state() {
        return state;
    }

    /** The seed of the layer's draws: the builder's, or the one that the layer made up. */
    public long seed() {
        return seed;
    }

    /** The configuration. */
    public QlifConfig config() {
        return config;
    }

    /** The kernel that runs, to ask for its device. */
    public Kernel kernel() {
        return kernel;
    }

    /**
     * Releases the kernel and the tape, after waiting for a call that runs. Closing twice is harmless. Any thread may close.
     *
     * @throws IllegalStateException if the caller is inside a call of this layer, such as in a transform function; nothing is changed
     */
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

    private Output newOutput(long[] shape) {
        Tensor spikes = Tensor.zeros(spikeType, shape);
        boolean same = spikeType == DType.F32 && config.spikeValue() == QlifConfig.SpikeValue.SAMPLE;
        EnumMap<QlifTrace, Tensor> traced = new EnumMap<>(QlifTrace.class);
        for (QlifTrace trace : traces) {
            traced.put(trace, Tensor.zeros(DType.F32, shape));
        }
        return new Output(
                spikes,
                same ? spikes : Tensor.zeros(DType.F32, shape),
                voltages ? Tensor.zeros(DType.F32, shape) : null,
                traced);
    }

    /** Runs {@code call} on a tape of its shape; the last call's tape stays as it is until this one is known to run. */
    private void forwardOnTape(Forward call, long[] shape) {
        if (tape != null && tape.hasShape(shape)) {
            kernel.forward(call.tape(tape));
            return;
        }
        Tape next = kernel.newTape(tapeMode, shape[0], shape[1], shape[2]);
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

    /** Builds a {@link QlifLayer}. */
    public static final class Builder {
        private final long neurons;
        private QlifConfig config = QlifConfig.defaults();
        private Device device = Device.AUTO;
        private KernelOptions options = KernelOptions.defaults();
        private OptionalLong seed = OptionalLong.empty();
        private int stream;
        private StatePolicy policy = StatePolicy.RESET;
        private DType spikeType = DType.F32;
        private boolean voltages = true;
        private final EnumSet<QlifTrace> traces = EnumSet.noneOf(QlifTrace.class);
        private Tape.Mode tapeMode;

        private Builder(long neurons) {
            if (neurons < 1) {
                throw new IllegalArgumentException("neurons: got " + neurons + ", expected at least 1");
            }
            this.neurons = neurons;
        }

        /** Sets the model's options; the defaults of docs/model.md unless set. */
        public Builder config(QlifConfig config) {
            this.config = Objects.requireNonNull(config, "config");
            return this;
        }

        /** Sets the device by name, see {@link Device}; {@code auto} unless set. */
        public Builder device(String device) {
            this.device = Device.of(device);
            return this;
        }

        /** Sets how many threads share a call, 1 to 1024; all processors unless set. */
        public Builder threads(int threads) {
            this.options = new KernelOptions(threads);
            return this;
        }

        /** Sets the seed of all draws; unless set, each layer makes one up. */
        public Builder seed(long seed) {
            this.seed = OptionalLong.of(seed);
            return this;
        }

        /**
         * Sets which of the layers with one seed this is; 0 unless set. Layers with the same seed and stream draw the same numbers: give
         * each layer of a network another stream.
         */
        public Builder stream(int stream) {
            this.stream = stream;
            return this;
        }

        /** Sets what happens to the state between calls; {@link StatePolicy#RESET} unless set. */
        public Builder state(StatePolicy policy) {
            this.policy = Objects.requireNonNull(policy, "policy");
            return this;
        }

        /** Sets the type of the spikes; {@link DType#F32} unless set. */
        public Builder spikes(DType type) {
            this.spikeType = Objects.requireNonNull(type, "type");
            return this;
        }

        /** Sets whether calls return the voltages; they do unless set otherwise. */
        public Builder voltages(boolean voltages) {
            this.voltages = voltages;
            return this;
        }

        /** Asks for traces. */
        public Builder traces(QlifTrace... wanted) {
            traces.addAll(List.of(wanted));
            return this;
        }

        /** Keeps a tape of this mode, so that {@link QlifLayer#backward} can follow a forward call. */
        public Builder training(Tape.Mode mode) {
            this.tapeMode = Objects.requireNonNull(mode, "mode");
            return this;
        }

        /**
         * The layer, with a kernel opened for it.
         *
         * @throws DeviceUnavailableException if the device can't run here
         */
        public QlifLayer build() {
            return new QlifLayer(this, Kernel.open(config, device, options));
        }
    }
}
