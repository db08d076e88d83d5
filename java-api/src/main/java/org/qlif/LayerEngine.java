// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.qlif.io.OutputFile;
import org.qlif.spi.checkpoint.CheckpointReader;
import org.qlif.spi.checkpoint.CheckpointWriter;
import org.qlif.spi.checkpoint.SavedNeurons;

/**
 * A layer of any model: a kernel with its parameters, the state between calls, and a tape for training. The layer of each model adds the
 * types that callers see.
 */
final class LayerEngine implements AutoCloseable {
    /** The settings that the builders of all layers collect. */
    static final class Settings {
        private final long neurons;
        private Device device = Device.AUTO;
        private KernelOptions options = KernelOptions.defaults();
        private StatePolicy policy = StatePolicy.RESET;
        private DType spikeType = DType.F32;
        private boolean voltages = true;
        private Tape.@Nullable Mode tapeMode;
        private long batch;
        private @Nullable Parameters parameters;
        private @Nullable State state;
        private @Nullable Statistics statistics;
        private int episode;
        private int evaluations;

        Settings(long neurons) {
            if (neurons < 1) {
                throw new IllegalArgumentException("neurons: got " + neurons + ", expected at least 1");
            }
            this.neurons = neurons;
        }

        void device(String device) {
            this.device = Device.of(device);
        }

        void options(KernelOptions options) {
            this.options = Objects.requireNonNull(options, "options");
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

        void batch(long batch) {
            if (batch < 1) {
                throw new IllegalArgumentException("batch: got " + batch + ", expected at least 1");
            }
            this.batch = batch;
        }

        void parameters(Parameters parameters) {
            this.parameters = Objects.requireNonNull(parameters, "parameters");
        }

        void state(State state) {
            this.state = state.copy();
        }

        void statistics(Statistics statistics) {
            this.statistics = statistics.copy();
        }

        void episode(int episode) {
            if (episode < 0) {
                throw new IllegalArgumentException("episode: got " + episode + ", expected at least 0");
            }
            this.episode = episode;
        }

        int episode() {
            return episode;
        }

        void evaluations(int evaluations) {
            if (evaluations < 0) {
                throw new IllegalArgumentException("evaluations: got " + evaluations + ", expected at least 0");
            }
            this.evaluations = evaluations;
        }

        /** The settings of a builder that continues from {@code saved}. */
        static Settings of(SavedNeurons saved) {
            Settings settings = new Settings(saved.neurons());
            settings.parameters(saved.parameters());
            settings.state = saved.state();
            settings.statistics = saved.statistics();
            settings.episode(saved.episode());
            settings.evaluations(saved.evaluations());
            return settings;
        }

        /** The parameters of a layer: those that were given, or the starting values. */
        private Parameters parametersFor(NeuronConfig config) {
            if (parameters == null) {
                return Parameters.perNeuron(config, neurons);
            }
            parameters.requireModel("parameters", config);
            parameters.requireNeurons(config, neurons);
            parameters.requireValid(config);
            return parameters;
        }

        /** The state that a layer starts from. It is copied, since one builder can make several layers. */
        private @Nullable State stateFor(NeuronConfig config) {
            if (state == null) {
                return null;
            }
            long rows = batch != 0 && state.batch() != 1 ? batch : state.batch();
            Forward.requireState("state", state, config, rows, neurons);
            return state.copy();
        }

        /**
         * The statistics that a layer starts from. If the layer moves them, a saved state has them, too.
         *
         * @param moved whether calls of the layer move them
         */
        private Statistics statisticsFor(NeuronConfig config, boolean moved) {
            Statistics own = Statistics.initial(config, neurons);
            if (statistics != null) {
                own.copyFrom("statistics", statistics);
            } else if (moved && state != null) {
                own.update(state);
            }
            return own;
        }
    }

    /** The longest array that every JVM can allocate. */
    private static final long MOST_ELEMENTS = Integer.MAX_VALUE - 8;

    private final NeuronConfig config;
    private final long neurons;
    private final StatePolicy policy;
    private final DType spikeType;
    private final boolean spikesServeAsValues;
    private final boolean voltages;
    private final Tape.@Nullable Mode tapeMode;
    private final List<Trace> traces;
    private final @Nullable IntFunction<DrawStream> draws;
    private final Kernel kernel;
    private final Parameters parameters;
    /** The number of rows of every input, or 0 if it may differ between calls. */
    private final long batch;

    /** What an episode starts from besides initial values. */
    private final Statistics statistics;
    /** Whether each forward call leaves them as its run does: docs/model.md, section 5. */
    private final boolean movesStatistics;
    /** The means of the last run; the statistics themselves if runs move them. */
    private final Statistics means;

    private final CallGuard guard =
            new CallGuard("this layer", "it serves one at a time: build one layer for each thread that calls");
    private int episode;
    private int evaluations;

    /** The state that the next call starts from; null for a fresh one that has not been requested yet. */
    private @Nullable State state;

    private @Nullable Forward lastCall;
    private @Nullable Tape tape;

    /**
     * Opens a kernel.
     *
     * @param traces what each call traces
     * @param spikesAreValues whether the model's spike values are its spikes
     * @param draws the numbers that the calls of an episode draw, by its index; null if the model draws none
     * @param steered whether runs move the variables that are {@link StateVariable#averaged}
     */
    LayerEngine(
            Settings settings,
            NeuronConfig config,
            Collection<? extends Trace> traces,
            boolean spikesAreValues,
            @Nullable IntFunction<DrawStream> draws,
            boolean steered) {
        this.config = config;
        this.neurons = settings.neurons;
        this.policy = settings.policy;
        this.spikeType = settings.spikeType;
        this.spikesServeAsValues = spikesAreValues && spikeType == DType.F32;
        this.voltages = settings.voltages;
        this.tapeMode = settings.tapeMode;
        this.traces = List.copyOf(traces);
        this.draws = draws;
        this.batch = settings.batch;
        this.episode = settings.episode;
        this.evaluations = settings.evaluations;
        this.parameters = settings.parametersFor(config);
        this.state = settings.stateFor(config);
        this.movesStatistics = steered && tapeMode != null;
        this.statistics = settings.statisticsFor(config, movesStatistics);
        this.means = movesStatistics ? statistics : Statistics.initial(config, neurons);
        // Last, so that nothing can fail after the kernel is open.
        this.kernel = Kernel.open(config, settings.device, settings.options);
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
        requireInput(input);
        if (policy == StatePolicy.RESET) {
            requireMore("episodes", episode);
        }
        State last = startOf(input);
        State next =
                policy == StatePolicy.RESET && !movesStatistics ? null : State.zeros(config, input.extent(1), neurons);
        Forward call = describe(input, modulation, last, episode).finalState(next);
        if (tapeMode == null) {
            kernel.forward(call);
        } else {
            forwardOnTape(call, tapeMode, input.shape());
        }
        lastCall = call;
        if (next != null) {
            carry(next);
        }
        if (policy == StatePolicy.RESET) {
            state = null;
            episode++;
        } else {
            state = next;
        }
        return call;
    }

    /** Throws unless there is an index after this one: only a limited number of runs can draw different numbers. */
    private static void requireMore(String what, int index) {
        if (index == Integer.MAX_VALUE) {
            throw new IllegalStateException("this layer has had all its " + what
                    + ", whose index ends at 2^31 - 1; build one with another seed or stream");
        }
    }

    /** Applies the policy to {@code next}, the final state of a run, and in training moves the statistics to its means over the batch. */
    private void carry(State next) {
        if (movesStatistics || policy == StatePolicy.KEEP) {
            means.update(next);
        }
        if (policy == StatePolicy.KEEP) {
            means.applyTo(next);
        }
    }

    /** Runs all steps of {@code input} from a fresh state, and leaves the layer as it is. */
    Forward evaluate(Tensor input, @Nullable Tensor modulation) {
        guard.enter();
        try {
            requireInput(input);
            requireMore("evaluations", evaluations);
            // Counted down from the top, which no episode of a forward call reaches.
            Forward call = describe(input, modulation, freshOrNull(), -1 - evaluations);
            kernel.forward(call);
            evaluations++;
            return call;
        } finally {
            guard.exit();
        }
    }

    private void requireInput(Tensor input) {
        Objects.requireNonNull(input, "input");
        if (input.rank() != 3 || input.extent(2) != neurons) {
            throw new IllegalArgumentException(
                    "input: got " + input + ", expected F32 of shape (T, B, " + neurons + ")");
        }
        if (input.elements() > MOST_ELEMENTS) {
            throw new IllegalArgumentException("input: got " + input + ", expected at most " + MOST_ELEMENTS
                    + " elements, since a layer's outputs are Java arrays; a Kernel takes memory of any size");
        }
    }

    /** Describes a call with new tensors for its results, which draws the numbers of this episode. */
    private Forward describe(Tensor input, @Nullable Tensor modulation, @Nullable State start, int episode) {
        long[] shape = input.shape();
        Forward call = new Forward()
                .input(input)
                .parameters(parameters)
                .modulation(modulation)
                .draws(draws == null ? null : draws.apply(episode))
                .initialState(start)
                .spikes(Tensor.zeros(spikeType, shape))
                .spikeValues(spikesServeAsValues ? null : Tensor.zeros(DType.F32, shape))
                .voltages(voltages ? Tensor.zeros(DType.F32, shape) : null);
        for (Trace trace : traces) {
            call.trace(trace, Tensor.zeros(DType.F32, shape));
        }
        return call;
    }

    /** The state that a call on {@code input} starts from, or null for initial values. */
    private @Nullable State startOf(Tensor input) {
        long rows = input.extent(1);
        if (batch != 0 && rows != batch) {
            throw new IllegalArgumentException(
                    "input: got " + input + ", expected B = " + batch + ", for which this layer was built");
        }
        if (state == null) {
            return freshOrNull();
        }
        if (state.batch() != rows && state.batch() != 1) {
            throw new IllegalArgumentException("input: got " + input + ", expected B = " + state.batch()
                    + " as in the state that this call continues; call reset() to start anew with another batch size");
        }
        return state;
    }

    /** A fresh state: initial values, and the statistics. */
    private State fresh(long rows) {
        State fresh = State.initial(config, rows, neurons);
        statistics.applyTo(fresh);
        return fresh;
    }

    /** A fresh state for all rows, or null if it would only have initial values, for which a kernel needs no memory. */
    private @Nullable State freshOrNull() {
        return statistics.isInitial() ? null : fresh(1);
    }

    /** The spikes that {@code call} wrote. */
    Tensor spikes(Forward call) {
        return Objects.requireNonNull(call.spikes(spikeType));
    }

    /** The spike values that {@code call} wrote. */
    Tensor spikeValues(Forward call) {
        return spikesServeAsValues ? spikes(call) : Objects.requireNonNull(call.spikeValues());
    }

    /** Runs {@code call} on a tape of its shape; the tape of the last call stays as it is until this call is known to run. */
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
        if (tape == null || !tape.holds(lastCall)) {
            throw new IllegalStateException(
                    "the last forward call can't be followed: it failed in the middle, or a parameter's tensor was replaced since;"
                            + " expected another forward call first");
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

    /** Forgets the state: the next call starts an episode, a new one if this one has drawn numbers. */
    void reset() {
        guard.enter();
        try {
            if (state != null && state.step() > 0) {
                requireMore("episodes", episode);
                episode++;
            }
            state = null;
        } finally {
            guard.exit();
        }
    }

    /**
     * Writes this layer to {@code file}.
     *
     * @param draws what the next run draws; null if the model draws none
     * @param source what the draws of later runs are derived from; null if the model draws none
     */
    void save(
            Path file,
            Collection<? extends NeuronParameter> learnable,
            @Nullable DrawStream draws,
            SavedNeurons.@Nullable Source source)
            throws IOException {
        guard.enter();
        try {
            CheckpointWriter writer = new CheckpointWriter(1);
            new SavedNeurons(
                            config,
                            neurons,
                            List.copyOf(learnable),
                            parameters,
                            state,
                            statistics,
                            draws,
                            source,
                            episode,
                            evaluations)
                    .write(writer, 0);
            writer.write(OutputFile.prepare("file", file));
        } finally {
            guard.exit();
        }
    }

    /** The only layer in {@code file}, which must be of the model {@code model}. */
    static SavedNeurons load(Path file, String model) throws IOException {
        CheckpointReader reader = CheckpointReader.open(file);
        if (reader.layers() != 1) {
            throw reader.refusal("layers", reader.layers() + ", a network", "1, a layer");
        }
        SavedNeurons saved = SavedNeurons.read(reader, 0);
        reader.finish();
        if (!saved.config().model().equals(model)) {
            throw reader.refusal(
                    SavedNeurons.prefix(0) + "config",
                    "a configuration of " + saved.config().model(),
                    "one of " + model);
        }
        return saved;
    }

    int episode() {
        return episode;
    }

    int evaluations() {
        return evaluations;
    }

    Parameters parameters() {
        return parameters;
    }

    State state() {
        if (state == null) {
            state = fresh(batch == 0 ? 1 : batch);
        }
        return state;
    }

    Statistics statistics() {
        return statistics.copy();
    }

    Kernel kernel() {
        return kernel;
    }

    /** Starts the description of a layer of this type, to which its model adds. */
    Description describe(String type) {
        return new Description(type)
                .add("N", neurons)
                .add(kernel.device().toString())
                .add(policy.toString())
                .add("batch", batch == 0 ? null : batch)
                .add("training", tapeMode)
                .add("episode", episode);
    }

    /** Finishes a description with its longest parts, and whether the layer is open. */
    String finish(Description description) {
        return description
                .add(config.toString())
                .addIf(guard.isClosed(), "closed")
                .toString();
    }

    /** Waits for a running call, then releases the kernel and the tape. */
    @Override
    public void close() {
        guard.requireClosable();
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
}
