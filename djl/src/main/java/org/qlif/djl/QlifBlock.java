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
 * A layer of QLIF neurons for DJL: currents in, spike values out, a run of all time steps from the initial state at each call.
 *
 * <p>The input is float32 {@code (T, B, ...)}, in the PyTorch engine's memory on the CPU: T time steps of a batch of B, and whatever follows,
 * {@code N} elements in all, are the neurons. The output has its shape. A second input, if there is one, is the external modulation,
 * float32 of a shape that broadcasts to {@code (T, B, N)}; with {@link Builder#optVoltages} a second output holds the membrane potentials
 * after the reset. Gradients reach both inputs from both outputs. T or B of 0 gives an empty output, which leads no gradient on. The input
 * is read in place where it is contiguous, and copied where it is not.
 *
 * <p>Its parameters are {@code v_th}, {@code tau}, {@code eta}, {@code q_scale} and {@code q_bias}, of shape (N), of type OTHER. They start as
 * the configuration says; {@code setInitializer} gives others. Of those, {@link Builder#optLearned} says which an optimizer changes, and so
 * does DJL's {@code Parameter.freeze} later on. With homeostasis two more, {@code rate} and {@code homeostasis_offset}, of type RUNNING_MEAN,
 * are the means over the batch that each call in training leaves for the next, as batch normalisation does; inference starts from
 * them. All are saved and loaded with the model: {@code loadParameters} refuses a file of another model, set of names or number of
 * neurons with a {@code MalformedModelException}.
 *
 * <p>Unless told otherwise each call draws under a seed from the engine's own generator, so {@code Engine.setRandomSeed} fixes the draws.
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

    /** What a {@link QlifBlock} is to be. Not thread-safe; it can build several. */
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

        /** Sets which parameters an optimizer is to change, none to all of them: V_TH, Q_SCALE and Q_BIAS unless set. */
        public Builder optLearned(QlifParameter... parameters) {
            learned = Set.copyOf(List.of(parameters));
            return this;
        }

        /**
         * Sets a seed for all draws, in place of the engine's generator. The block then draws as a {@link org.qlif.QlifLayer} of this seed and
         * stream does: a call in training what the layer's next forward call draws, another call what its next evaluation draws. Give
         * each block of a model another stream.
         *
         * @param seed any number
         * @param stream which of the blocks with one seed this is
         */
        public Builder optSeed(long seed, int stream) {
            draws = () -> Draws.ofSeed(seed, stream);
            return this;
        }

        /** Sets where each call gets what it draws from: asked once a call, by the thread that calls. */
        public Builder optDraws(Supplier<DrawStream> source) {
            Objects.requireNonNull(source, "source");
            draws = () -> Draws.of(source);
            return this;
        }

        /** Sets whether a second output holds the voltages; it does not unless set. */
        public Builder optVoltages(boolean voltages) {
            settings.voltages = voltages;
            return this;
        }

        /**
         * Sets the device that the kernel runs on, by its name: {@code cpu}, the best on the CPU, unless set.
         *
         * @throws IllegalArgumentException if the name has not the form of one
         */
        public Builder optDevice(String device) {
            settings.device(device);
            return this;
        }

        /** Sets how many threads a call has, and whose; {@link KernelOptions#defaults()} unless set. */
        public Builder optKernelOptions(KernelOptions options) {
            settings.options(options);
            return this;
        }

        /** Sets how much a call keeps for its backward pass; {@link Tape.Mode#VOLTAGE} unless set. */
        public Builder optTape(Tape.Mode mode) {
            settings.tape(mode);
            return this;
        }

        /** The block. Its kernels are opened by its first call, which throws if the device can't run here. */
        public QlifBlock build() {
            return new QlifBlock(settings.with(
                    config, learned, draws.get(), config.homeostasis().enabled()));
        }
    }
}
