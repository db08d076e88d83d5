// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import org.qlif.DrawStream;
import org.qlif.KernelOptions;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Tape;

/**
 * A layer of QLIF neurons for DJL: currents in, spike values out. Each call runs all time steps from the initial state.
 *
 * <p>The input is float32 {@code (T, B, ...)}, in the PyTorch engine's memory on the CPU: T time steps of a batch of B; the remaining
 * dimensions, {@code N} elements in all, are the neurons. The output has its shape. A second input, if there is one, is the external
 * modulation, float32 of a shape that broadcasts to {@code (T, B, N)}; with {@link Builder#optVoltages} a second output holds the membrane
 * potentials after the reset. Gradients reach both inputs from both outputs. If T or B is 0, the output is empty and passes on no gradient.
 * A contiguous input is read in place, any other is copied.
 *
 * <p>Its parameters are {@code v_th}, {@code tau}, {@code eta}, {@code q_scale} and {@code q_bias}, of shape (N), of type OTHER. They start
 * as configured, unless {@code setInitializer} sets others. {@link Builder#optLearned} selects those that an optimizer changes, as does
 * DJL's {@code Parameter.freeze} later. With homeostasis two more, {@code rate} and {@code homeostasis_offset}, of type RUNNING_MEAN, are
 * the means over the batch that each call in training leaves for the next one, as in batch normalization; inference starts from them. All
 * are saved and loaded with the model: {@code loadParameters} refuses a file of another model, set of names or number of neurons with a
 * {@code MalformedModelException}.
 *
 * <p>By default, each call draws with a seed from the engine's own generator, so {@code Engine.setRandomSeed} fixes the draws.
 *
 * <p>While the engine records gradients, calls belong to a {@link QlifTrainer}; without one they throw {@link IllegalStateException}. Any
 * number of threads may call a block for inference. An array of another engine is refused with an {@link UnsupportedOperationException};
 * one of another type, shape or device, or a parameter out of its range, with an {@link IllegalArgumentException}, and nothing is written.
 *
 * <pre>{@code
 * QlifBlock neurons = QlifBlock.builder()
 *         .optConfig(QlifConfig.builder().tau(10).build())
 *         .optLearned(QlifParameter.V_TH, QlifParameter.TAU)
 *         .build();
 * NDArray spikes = neurons.forward(store, new NDList(current), false).singletonOrThrow();   // (T, B, N), as the current
 * }</pre>
 */
public final class QlifBlock extends NeuronBlock {
    private QlifBlock(NeuronSettings.Block settings) {
        super(settings);
    }

    /** A builder of a block of {@link QlifConfig#defaults()} that learns V_TH, Q_SCALE and Q_BIAS. */
    public static Builder builder() {
        return new Builder();
    }

    /** The configuration. */
    public QlifConfig config() {
        return (QlifConfig) neuronConfig();
    }

    /** Builds a {@link QlifBlock}. Not thread-safe; it can build several. */
    public static final class Builder {
        private QlifConfig config = QlifConfig.defaults();
        private Set<QlifParameter> learned = Set.of(QlifParameter.V_TH, QlifParameter.Q_SCALE, QlifParameter.Q_BIAS);
        private final NeuronSettings settings = new NeuronSettings();
        private Supplier<Draws> draws = Draws::ofEngine;

        private Builder() {}

        /** Sets the configuration; {@link QlifConfig#defaults()} unless set. */
        public Builder optConfig(QlifConfig config) {
            this.config = Objects.requireNonNull(config, "config");
            return this;
        }

        /** Sets which parameters an optimizer changes, from none to all: V_TH, Q_SCALE and Q_BIAS unless set. */
        public Builder optLearned(QlifParameter... parameters) {
            learned = Set.copyOf(List.of(parameters));
            return this;
        }

        /**
         * Sets a seed for all draws, instead of using the engine's generator. The block then draws like a {@link org.qlif.QlifLayer} with
         * this seed and stream: a call in training draws what the layer's next forward call would draw, any other call what its next
         * evaluation would. Give each block of a model its own stream.
         *
         * @param seed any number
         * @param stream distinguishes blocks with the same seed
         */
        public Builder optSeed(long seed, int stream) {
            draws = () -> Draws.ofSeed(seed, stream);
            return this;
        }

        /** Sets the source of each call's draws, which is called once per call, on the calling thread. */
        public Builder optDraws(Supplier<DrawStream> source) {
            Objects.requireNonNull(source, "source");
            draws = () -> Draws.of(source);
            return this;
        }

        /** Sets whether a second output holds the voltages; false unless set. */
        public Builder optVoltages(boolean voltages) {
            settings.voltages = voltages;
            return this;
        }

        /**
         * Sets the name of the device that the kernel runs on: {@code cpu}, the best one on the CPU, unless set.
         *
         * @throws IllegalArgumentException if the name is malformed
         */
        public Builder optDevice(String device) {
            settings.device(device);
            return this;
        }

        /** Sets how many threads a call uses, and where they come from; {@link KernelOptions#defaults()} unless set. */
        public Builder optKernelOptions(KernelOptions options) {
            settings.options(options);
            return this;
        }

        /** Sets how much a call stores for its backward pass; {@link Tape.Mode#VOLTAGE} unless set. */
        public Builder optTape(Tape.Mode mode) {
            settings.tape(mode);
            return this;
        }

        /** Builds the block. Its first call opens its kernels, and throws if the device can't run here. */
        public QlifBlock build() {
            return new QlifBlock(settings.with(
                    config, learned, draws.get(), config.homeostasis().enabled()));
        }
    }
}
