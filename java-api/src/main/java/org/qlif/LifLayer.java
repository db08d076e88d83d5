// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.qlif.io.FileFormatException;
import org.qlif.spi.checkpoint.SavedNeurons;

/**
 * A layer of N LIF neurons, docs/model.md, section 11: input current {@code (T, B, N)} in, spikes and membrane potentials out. It is used
 * like {@link QlifLayer}, except that it draws nothing: it has no seed, takes no modulation, and equal runs give equal results.
 *
 * <pre>{@code
 * try (LifLayer layer = LifLayer.builder(128).device("cpu").training(Tape.Mode.VOLTAGE).build()) {
 *     LifLayer.Output out = layer.forward(Tensor.of(current, 100, 32, 128));
 *     float[] spikes = out.spikes().toFloatArray();
 *     LifLayer.Gradients gradients = layer.backward(gradSpikeValues, null);
 *     float[] gradThreshold = gradients.parameters().get(LifParameter.V_TH).toFloatArray();
 * }
 * }</pre>
 *
 * <p>The layer owns its state, its tape if it trains, and its parameters unless you lend some to the builder. Outputs are new tensors for
 * each call. To lend all memory yourself, use {@link Kernel}.
 *
 * <p>Not thread-safe, except that any thread may {@link #close()}, which waits for a running call. A layer that you forget to close is
 * closed some time after it has become unreachable.
 */
public final class LifLayer implements AutoCloseable {
    /**
     * What a forward call returns.
     *
     * @param spikes the spikes, {@code (T, B, N)} of the builder's spike type
     * @param spikeValues the same as {@code F32 (T, B, N)}: what a downstream layer consumes
     * @param voltages V after the reset, {@code F32 (T, B, N)}; null if not requested
     * @param traces the requested traces, {@code F32 (T, B, N)} each
     */
    public record Output(
            Tensor spikes, Tensor spikeValues, @Nullable Tensor voltages, Map<LifTrace, Tensor> traces) {
        /** Makes the map unmodifiable. */
        public Output {
            traces = Collections.unmodifiableMap(traces);
        }
    }

    /**
     * What a backward call returns.
     *
     * @param input the gradient of the input, {@code F32 (T, B, N)}
     * @param parameters the gradients of the three parameters, each of its parameter's length
     */
    public record Gradients(Tensor input, Parameters parameters) {}

    private final LifConfig config;
    private final LayerEngine engine;
    private final Set<LifTrace> traces;
    private final Set<LifParameter> learnable;

    private LifLayer(Builder builder) {
        this.config = builder.config;
        this.traces = EnumSet.copyOf(builder.traces);
        this.learnable = Collections.unmodifiableSet(EnumSet.copyOf(builder.learnable));
        this.engine = new LayerEngine(builder.settings, config, traces, true, null, false);
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
     * A builder of the layer that was saved to {@code file}, by {@link #save} or from Python: configuration, parameters, state and what is learned
     * are set. Set the rest, such as device, policy and tape, as for any builder.
     *
     * <pre>{@code
     * try (LifLayer saved = LifLayer.load(Path.of("layer.safetensors")).device("cpu").state(StatePolicy.KEEP).build()) {
     *     float[] spikes = saved.forward(input).spikes().toFloatArray();
     * }
     * }</pre>
     *
     * @throws org.qlif.io.FileFormatException if it is not the checkpoint of one layer of LIF neurons; the message names the file, what was
     *     found and what was expected
     * @throws IOException if it can't be read
     */
    public static Builder load(Path file) throws IOException {
        SavedNeurons saved = LayerEngine.load(file, "LIF");
        if (saved.draws() != null || saved.source() != null) {
            throw new FileFormatException(
                    file, "layers.0.draws, layers.0.seed: got a place in draws, expected none: LIF draws nothing");
        }
        Builder builder = new Builder(LayerEngine.Settings.of(saved)).config((LifConfig) saved.config());
        builder.learnable = EnumSet.noneOf(LifParameter.class);
        saved.learnable().forEach(each -> builder.learnable.add((LifParameter) each));
        return builder;
    }

    /**
     * Saves this layer to {@code file}: configuration, parameters, state and what is learned, docs/checkpoints.md. An existing file is
     * replaced once the new one is complete.
     *
     * @throws IOException if it can't be written; an existing file is unchanged
     * @throws IllegalStateException if there are more than 2^24 neurons, a parameter is out of its range, the state is of a batch of 0, a
     *     parameter is in a device's memory, or the layer is closed or in a call
     */
    public void save(Path file) throws IOException {
        engine.save(file, learnable, null, null);
    }

    /**
     * Runs all steps of {@code input}.
     *
     * @param input the current, {@code F32 (T, B, N)}
     * @throws IllegalArgumentException if the shape, or a value of a parameter, is not what the call needs
     * @throws IllegalStateException if the layer is closed or in a call
     */
    public Output forward(Tensor input) {
        return output(engine.forward(input, null));
    }

    private Output output(Forward call) {
        EnumMap<LifTrace, Tensor> traced = new EnumMap<>(LifTrace.class);
        traces.forEach(trace -> traced.put(trace, call.trace(trace)));
        return new Output(engine.spikes(call), engine.spikeValues(call), call.voltages(), traced);
    }

    /**
     * Runs all steps of {@code input} from the model's initial state, to test what a layer has learned: nothing is recorded, and nothing of
     * the layer changes, so that {@link #backward} still follows the last forward call.
     *
     * @param input the current, {@code F32 (T, B, N)}, of any batch size
     * @throws IllegalArgumentException if the shape, or a value of a parameter, is not what the call needs
     * @throws IllegalStateException if the layer is closed or in a call
     */
    public Output evaluate(Tensor input) {
        return output(engine.evaluate(input, null));
    }

    /**
     * Returns the gradients of the last forward call, through all its steps. The state from which a call started counts as a constant:
     * gradients stop there.
     *
     * <p>The input and the parameters of that call are read again in place, and so is the state from which it started. If their values
     * change in between, for instance because an optimizer steps first, the gradients are wrong. A replaced parameter tensor is detected.
     *
     * @param gradSpikeValues the gradient with respect to the spike values, {@code F32 (T, B, N)}, or {@code (1, B, N)} for one that is
     *     the same at every step; null for 0
     * @param gradVoltages the gradient with respect to the voltages, {@code F32 (T, B, N)}; null for 0
     * @throws IllegalStateException if the layer was not built for training, there was no forward call, the last one failed after it had
     *     begun to write, a parameter was replaced since, or the layer is closed or in a call
     */
    public Gradients backward(@Nullable Tensor gradSpikeValues, @Nullable Tensor gradVoltages) {
        Backward call = engine.backward(gradSpikeValues, gradVoltages);
        return new Gradients(Objects.requireNonNull(call.gradInput()), Objects.requireNonNull(call.gradParameters()));
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
     * Returns the three parameters, live: values written to them, for instance by an optimizer, take effect at the next call. They are
     * those lent to the builder, or else tensors of length N on the heap.
     */
    public Parameters parameters() {
        return engine.parameters();
    }

    /**
     * Returns the state that the next call starts from, live: values written to it take effect at that call. A call never changes this
     * object but leaves a new one, so a state that you hold stays as it is. At first, and after a call under {@link StatePolicy#RESET}, it
     * is the model's initial state, of {@link Builder#batch} rows if that was set, else of one. A single row counts for every row of the
     * next call.
     */
    public State state() {
        return engine.state();
    }

    /**
     * The index of the next call's episode, which is a run from one fresh state to the next: the number of episodes before it.
     * LIF draws nothing, so the index has no effect.
     */
    public int episode() {
        return engine.episode();
    }

    /** The parameters that an optimizer should change; {@link #backward} returns the gradients of all. */
    public Set<LifParameter> learnable() {
        return learnable;
    }

    /** The configuration. */
    public LifConfig config() {
        return config;
    }

    /** The kernel, for instance to ask for its device. */
    public Kernel kernel() {
        return engine.kernel();
    }

    /** The neurons, device, policy, configuration and so on, and whether the layer is closed. */
    @Override
    public String toString() {
        return engine.finish(engine.describe("LifLayer"));
    }

    /**
     * Waits for a running call, then releases the kernel and the tape. Closing twice is harmless. Any thread may close.
     */
    @Override
    public void close() {
        engine.close();
    }

    /** Builds a {@link LifLayer}. */
    public static final class Builder {
        private final LayerEngine.Settings settings;
        private LifConfig config = LifConfig.defaults();
        private final EnumSet<LifTrace> traces = EnumSet.noneOf(LifTrace.class);
        private Set<LifParameter> learnable = EnumSet.of(LifParameter.V_TH);

        private Builder(LayerEngine.Settings settings) {
            this.settings = settings;
        }

        /** Sets the model's options; the defaults of docs/model.md unless set. */
        public Builder config(LifConfig config) {
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
         * Sets the index of the first call's episode, at least 0; 0 unless set.
         *
         * @throws IllegalArgumentException if it is negative
         */
        public Builder episode(int episode) {
            settings.episode(episode);
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
        public Builder traces(LifTrace... wanted) {
            traces.addAll(List.of(wanted));
            return this;
        }

        /** Sets which parameters an optimizer may change, from none to all: V_TH unless set. */
        public Builder learn(LifParameter... parameters) {
            this.learnable = EnumSet.noneOf(LifParameter.class);
            this.learnable.addAll(List.of(parameters));
            return this;
        }

        /** Makes a layer for training: forward calls record a tape of this mode, so that {@link LifLayer#backward} can follow. */
        public Builder training(Tape.Mode mode) {
            settings.training(mode);
            return this;
        }

        /**
         * The layer, with a kernel opened for it.
         *
         * @throws DeviceUnavailableException if the device can't run here
         * @throws IllegalArgumentException if the parameters or the state are of another model, shape or number of neurons, or a
         *     parameter's value is out of its range
         */
        public LifLayer build() {
            return new LifLayer(this);
        }
    }
}
