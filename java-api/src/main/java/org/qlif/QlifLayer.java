// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.qlif.spi.checkpoint.SavedNeurons;
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
 * <p>The layer owns its state, its tape if it trains, and its parameters unless you lend some to the builder. Outputs are new tensors for
 * each call. To lend all memory yourself, use {@link Kernel}.
 *
 * <p>A training step, and a test that doesn't affect training:
 *
 * <pre>{@code
 * layer.forward(input);
 * QlifLayer.Gradients gradients = layer.backward(gradSpikeValues, null);
 * // Only now may an optimizer change the values of layer.parameters().
 * layer.parameters().clamp(layer.config(), layer.learnable());
 * float[] tested = layer.evaluate(testInput).spikeValues().toFloatArray();
 * }</pre>
 *
 * <p>Draws follow from {@link Builder#seed} and {@link Builder#stream}: two layers with the same seed and stream draw the same numbers in
 * the same order; layers that differ in either draw unrelated numbers. Give the layers of a network one seed and the streams 0, 1, 2 and so
 * on. A layer without a seed picks one at random; {@link #seed()} returns it. Each episode, a run from one fresh state to the next, has its
 * own numbers.
 *
 * <p>A layer can be saved to a file (docs/checkpoints.md). If it is loaded and built like the first, here with {@code training} and
 * {@link StatePolicy#KEEP}, it continues exactly where that one stopped.
 *
 * <pre>{@code
 * layer.save(Path.of("layer.safetensors"));
 * QlifLayer again = QlifLayer.load(Path.of("layer.safetensors"))
 *         .state(StatePolicy.KEEP)
 *         .training(Tape.Mode.VOLTAGE)
 *         .build();
 * }</pre>
 *
 * <p>To do the same without a file, set the parameters, state, statistics, episode, evaluations, seed and stream of the first layer in the
 * builder of the second. Lent parameters are shared, so copy them if both layers continue.
 *
 * <p>Not thread-safe, except that any thread may {@link #close()}, which waits for a running call. A layer that you forget to close is
 * closed some time after it has become unreachable.
 */
public final class QlifLayer implements AutoCloseable {
    /**
     * What a forward call returns.
     *
     * @param spikes s, {@code (T, B, N)} of the builder's spike type
     * @param spikeValues y, {@code F32 (T, B, N)}: what a downstream layer consumes
     * @param voltages V after the reset, {@code F32 (T, B, N)}; null if not requested
     * @param traces the requested traces, {@code F32 (T, B, N)} each
     */
    public record Output(
            Tensor spikes, Tensor spikeValues, @Nullable Tensor voltages, Map<QlifTrace, Tensor> traces) {
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
    public record Gradients(
            Tensor input, Parameters parameters, @Nullable Tensor modulation) {}

    private final QlifConfig config;
    private final LayerEngine engine;
    private final Set<QlifTrace> traces;
    private final Set<QlifParameter> learnable;
    private final long seed;
    private final int stream;
    private final long key;
    /** What the first episode draws instead of numbers derived from seed and stream; null for none. */
    private final @Nullable DrawStream given;

    private final int givenEpisode;

    private QlifLayer(Builder builder) {
        this.config = builder.config;
        this.traces = EnumSet.copyOf(builder.traces);
        this.learnable = Collections.unmodifiableSet(EnumSet.copyOf(builder.learnable));
        this.seed = builder.seed.orElseGet(() -> new SecureRandom().nextLong());
        this.stream = builder.stream;
        this.key = Philox.layerKey(seed, stream);
        this.given = builder.draws;
        this.givenEpisode = builder.settings.episode();
        this.engine = new LayerEngine(
                builder.settings,
                config,
                traces,
                config.spikeValue() == QlifConfig.SpikeValue.SAMPLE,
                this::draws,
                config.homeostasis().enabled());
    }

    /**
     * A builder of a layer of {@code neurons} neurons, at least 1.
     *
     * @throws IllegalArgumentException if {@code neurons} is less
     */
    public static Builder builder(long neurons) {
        return new Builder(new LayerEngine.Settings(neurons));
    }

    /**
     * A builder of the layer that was saved to {@code file}, by {@link #save} or from Python: configuration, parameters, state, statistics, what is
     * learned and the position of the draws are set. Set the rest, such as device, policy and tape, as for any builder.
     *
     * <pre>{@code
     * try (QlifLayer saved = QlifLayer.load(Path.of("layer.safetensors")).device("cpu").state(StatePolicy.STREAM).build()) {
     *     float[] spikes = saved.forward(input).spikes().toFloatArray();
     * }
     * }</pre>
     *
     * @throws org.qlif.io.FileFormatException if it is not the checkpoint of one layer of QLIF neurons; the message names the file, what
     *     was found and what was expected
     * @throws IOException if it can't be read
     */
    public static Builder load(Path file) throws IOException {
        SavedNeurons saved = LayerEngine.load(file, "QLIF");
        Builder builder = new Builder(LayerEngine.Settings.of(saved)).config((QlifConfig) saved.config());
        builder.learnable = EnumSet.noneOf(QlifParameter.class);
        saved.learnable().forEach(each -> builder.learnable.add((QlifParameter) each));
        builder.draws = saved.draws();
        if (saved.source() != null) {
            builder.seed(saved.source().seed()).stream(saved.source().stream());
        }
        return builder;
    }

    /**
     * Saves this layer to {@code file}: configuration, parameters, state, statistics, what is learned and the position of the draws, docs/checkpoints.md.
     * An existing file is replaced once the new one is complete.
     *
     * @throws IOException if it can't be written; an existing file is unchanged
     * @throws IllegalStateException if the configuration has a custom modulation transform, there are more than 2^24
     *     neurons, a parameter is out of its range, the state is of a batch of 0, a parameter is in a device's memory, or the layer is closed or in a call
     */
    public void save(Path file) throws IOException {
        engine.save(file, learnable, draws(), new SavedNeurons.Source(seed, stream));
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
     * @throws IllegalArgumentException if a shape, or a value of a parameter, is not what the call needs
     * @throws IllegalStateException if the layer is closed or in a call
     */
    public Output forward(Tensor input, @Nullable Tensor modulation) {
        return output(engine.forward(input, modulation));
    }

    private Output output(Forward call) {
        EnumMap<QlifTrace, Tensor> traced = new EnumMap<>(QlifTrace.class);
        traces.forEach(trace -> traced.put(trace, call.trace(trace)));
        return new Output(engine.spikes(call), engine.spikeValues(call), call.voltages(), traced);
    }

    /** Evaluates without modulation; see {@link #evaluate(Tensor, Tensor)}. */
    public Output evaluate(Tensor input) {
        return evaluate(input, null);
    }

    /**
     * Runs all steps of {@code input} from a fresh state, to test what a layer has learned. Nothing is recorded and nothing in the layer
     * changes, neither state nor episode nor statistics: {@link #backward} still follows the last forward call, and training continues
     * with the same bits as without the evaluation. It draws numbers of its own, selected by the count of {@link #evaluations}: the n-th
     * evaluations of two layers with the same seed and stream draw the same numbers.
     *
     * @param input the current, {@code F32 (T, B, N)}, of any batch size
     * @param modulation {@code F32} of any shape that broadcasts to the input's; null for none
     * @throws IllegalArgumentException if a shape, or a value of a parameter, is not what the call needs
     * @throws IllegalStateException if the layer is closed or in a call
     */
    public Output evaluate(Tensor input, @Nullable Tensor modulation) {
        return output(engine.evaluate(input, modulation));
    }

    /**
     * Returns the gradients of the last forward call, through all its steps. The state from which a call started counts as a constant:
     * gradients stop there.
     *
     * <p>The input, the modulation and the parameters of that call are read again in place, and so is the state from which it started. If
     * their values change in between, for instance because an optimizer steps first, the gradients are wrong. A replaced parameter tensor
     * is detected.
     *
     * @param gradSpikeValues the gradient with respect to the spike values, {@code F32 (T, B, N)}, or {@code (1, B, N)} for one that is
     *     the same at every step; null for 0
     * @param gradVoltages the gradient with respect to the voltages, {@code F32 (T, B, N)}; null for 0
     * @throws IllegalStateException if the layer was not built for training, there was no forward call, the last one failed after it had
     *     begun to write, a parameter was replaced since, or the layer is closed or in a call
     */
    public Gradients backward(@Nullable Tensor gradSpikeValues, @Nullable Tensor gradVoltages) {
        Backward call = engine.backward(gradSpikeValues, gradVoltages);
        return new Gradients(
                Objects.requireNonNull(call.gradInput()),
                Objects.requireNonNull(call.gradParameters()),
                call.gradModulation());
    }

    /**
     * Forgets the state: the next call starts from a fresh one, and, if steps were run since the last fresh one, in another episode.
     *
     * @throws IllegalStateException if the layer is closed or in a call
     */
    public void reset() {
        engine.reset();
    }

    /**
     * Returns the five parameters, live: values written to them, for instance by an optimizer, take effect at the next call. They are those
     * lent to the builder, or else tensors of length N on the heap.
     */
    public Parameters parameters() {
        return engine.parameters();
    }

    /**
     * Returns the state that the next call starts from, live: values written to it take effect at that call. A call never changes this
     * object but leaves a new one, so a state that you hold stays as it is. At first, and after a call under {@link StatePolicy#RESET}, it
     * is a fresh state (initial values, and the {@link #statistics}), of {@link Builder#batch} rows if that was set, else of one. A single
     * row counts for every row of the next call.
     */
    public State state() {
        return engine.state();
    }

    /**
     * The batch means of the firing-rate estimate and the homeostatic offset, docs/model.md, section 5, from which fresh states start.
     * Returns a copy; they are saved with the layer. If the layer is made for training and has homeostasis, each forward call sets them to
     * its own means, with any policy, and {@link #reset} keeps them. Other layers never change them.
     */
    public Statistics statistics() {
        return engine.statistics();
    }

    /**
     * The index of the next call's episode, which is a run from one fresh state to the next: the number of episodes before it.
     * The index selects the numbers that the episode draws.
     */
    public int episode() {
        return engine.episode();
    }

    /** The number of calls to {@link #evaluate}: the index of the next evaluation's draws. */
    public int evaluations() {
        return engine.evaluations();
    }

    /**
     * What the next forward call draws: the numbers of this episode. With it, a {@link Kernel} draws what the layer would, for some rows of
     * the batch with a {@link DrawStream#elementOffset} or {@link Forward#rowIndex}, so that a batch can be split over kernels.
     */
    public DrawStream draws() {
        return draws(engine.episode());
    }

    /** The draws of the episode with this index. */
    private DrawStream draws(int episode) {
        return given != null && episode == givenEpisode ? given : new DrawStream(key, episode);
    }

    /** The seed of the layer's draws: the one that was set, or the one that the layer picked. */
    public long seed() {
        return seed;
    }

    /** The stream that distinguishes this layer from others with the same seed. */
    public int stream() {
        return stream;
    }

    /** The parameters that an optimizer should change; {@link #backward} returns the gradients of all. */
    public Set<QlifParameter> learnable() {
        return learnable;
    }

    /** The configuration. */
    public QlifConfig config() {
        return config;
    }

    /** The kernel, for instance to ask for its device. */
    public Kernel kernel() {
        return engine.kernel();
    }

    /** The neurons, device, policy, configuration and so on, and whether the layer is closed. */
    @Override
    public String toString() {
        return engine.finish(engine.describe("QlifLayer").add("seed", seed).add("stream", stream));
    }

    /**
     * Waits for a running call, then releases the kernel and the tape. Closing twice is harmless. Any thread may close.
     *
     * @throws IllegalStateException if the caller is inside a call of this layer, such as in a transform function; nothing is changed
     */
    @Override
    public void close() {
        engine.close();
    }

    /** Builds a {@link QlifLayer}. */
    public static final class Builder {
        private final LayerEngine.Settings settings;
        private QlifConfig config = QlifConfig.defaults();
        private OptionalLong seed = OptionalLong.empty();
        private int stream;
        private @Nullable DrawStream draws;
        private final EnumSet<QlifTrace> traces = EnumSet.noneOf(QlifTrace.class);
        private Set<QlifParameter> learnable =
                EnumSet.of(QlifParameter.V_TH, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS);

        private Builder(LayerEngine.Settings settings) {
            this.settings = settings;
        }

        /** Sets the model's options; the defaults of docs/model.md unless set. */
        public Builder config(QlifConfig config) {
            this.config = Objects.requireNonNull(config, "config");
            return this;
        }

        /** Sets the device by name, see {@link Device}; {@code auto} unless set. */
        public Builder device(String device) {
            settings.device(device);
            return this;
        }

        /** Sets how the kernel runs, for instance its threads; {@link KernelOptions#defaults()} unless set. */
        public Builder options(KernelOptions options) {
            settings.options(options);
            return this;
        }

        /** Sets the seed of all draws; unless set, each layer picks one at random. */
        public Builder seed(long seed) {
            this.seed = OptionalLong.of(seed);
            return this;
        }

        /**
         * Sets the stream, which distinguishes layers with the same seed; 0 unless set. Layers with the same seed and stream draw the same
         * numbers, so give each layer of a network its own stream.
         */
        public Builder stream(int stream) {
            this.stream = stream;
            return this;
        }

        /**
         * Sets what the first episode draws, instead of numbers derived from seed and stream: for a run that began elsewhere, such as in a
         * {@link Kernel} or in Python. Later episodes draw by seed and stream.
         */
        public Builder draws(DrawStream draws) {
            this.draws = Objects.requireNonNull(draws, "draws");
            return this;
        }

        /** Sets what happens to the state between calls; {@link StatePolicy#RESET} unless set. */
        public Builder state(StatePolicy policy) {
            settings.state(policy);
            return this;
        }

        /**
         * Sets the batch size B of every forward call, at least 1; unless set, each episode may have its own.
         *
         * @throws IllegalArgumentException if it is less than 1
         */
        public Builder batch(long batch) {
            settings.batch(batch);
            return this;
        }

        /**
         * Lends the parameters, instead of the configuration's starting values. The layer uses these tensors themselves, each of length N
         * or 1. {@link #build} checks them.
         */
        public Builder parameters(Parameters parameters) {
            settings.parameters(parameters);
            return this;
        }

        /**
         * Sets the state that the first call starts from, of one row or as many as the input will have; the model's initial one unless set.
         * It is copied.
         *
         * @throws IllegalStateException if it is in a device's memory
         */
        public Builder state(State state) {
            settings.state(state);
            return this;
        }

        /**
         * Sets the batch means of the firing-rate estimate and the homeostatic offset that fresh states start from, such as those of a
         * trained layer ({@link QlifLayer#statistics}). They are copied. Unless set, a layer made for training takes them from the {@link
         * #state(State) state} that was set; others have initial values.
         */
        public Builder statistics(Statistics statistics) {
            settings.statistics(statistics);
            return this;
        }

        /**
         * Sets the index of the first call's episode, at least 0; 0 unless set.
         *
         * @throws IllegalArgumentException if it is negative
         */
        public Builder episode(int episode) {
            settings.episode(episode);
            return this;
        }

        /**
         * Sets the number of earlier evaluations, at least 0, which selects what the next one draws; 0 unless set.
         *
         * @throws IllegalArgumentException if it is negative
         */
        public Builder evaluations(int evaluations) {
            settings.evaluations(evaluations);
            return this;
        }

        /** Sets the type of the spikes, one of {@link DType#SPIKES}; {@link DType#F32} unless set. */
        public Builder spikes(DType type) {
            settings.spikes(type);
            return this;
        }

        /** Sets whether calls return the voltages; true unless set. */
        public Builder voltages(boolean voltages) {
            settings.voltages(voltages);
            return this;
        }

        /** Requests traces. */
        public Builder traces(QlifTrace... wanted) {
            traces.addAll(List.of(wanted));
            return this;
        }

        /** Sets which parameters an optimizer may change, from none to all: V_TH, Q_SCALE and Q_BIAS unless set. */
        public Builder learn(QlifParameter... parameters) {
            this.learnable = EnumSet.noneOf(QlifParameter.class);
            this.learnable.addAll(List.of(parameters));
            return this;
        }

        /** Makes a layer for training: forward calls record a tape of this mode, so that {@link QlifLayer#backward} can follow. */
        public Builder training(Tape.Mode mode) {
            settings.training(mode);
            return this;
        }

        /**
         * The layer, with a kernel opened for it.
         *
         * @throws DeviceUnavailableException if the device can't run here
         * @throws IllegalArgumentException if the parameters, the state or the statistics are of another model, shape or number of neurons,
         *     or a parameter's value is out of its range
         */
        public QlifLayer build() {
            return new QlifLayer(this);
        }
    }
}
