// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.LifParameter;
import org.qlif.Tape;

/**
 * A layer of LIF neurons for DJL: currents in, spikes out. Each call runs all time steps from the initial state. It is used like {@link
 * QlifBlock}, with the same shapes, errors and threads, except that it draws nothing, carries nothing from call to call, and takes no
 * modulation.
 *
 * <p>Its parameters are {@code tau_syn_inv}, {@code tau_mem_inv} and {@code v_th}, of shape (N).
 *
 * <pre>{@code
 * LifBlock neurons = LifBlock.builder().optLearned(LifParameter.V_TH, LifParameter.TAU_MEM_INV).build();
 * NDArray spikes = neurons.forward(store, new NDList(current), false).singletonOrThrow();   // (T, B, N), as the current
 * }</pre>
 */
public final class LifBlock extends NeuronBlock {
    private LifBlock(NeuronSettings.Block settings) {
        super(settings);
    }

    /** A builder of a block of {@link LifConfig#defaults()} that learns V_TH. */
    public static Builder builder() {
        return new Builder();
    }

    /** The configuration. */
    public LifConfig config() {
        return (LifConfig) neuronConfig();
    }

    /** Builds a {@link LifBlock}. Not thread-safe; it can build several. */
    public static final class Builder {
        private LifConfig config = LifConfig.defaults();
        private Set<LifParameter> learned = Set.of(LifParameter.V_TH);
        private final NeuronSettings settings = new NeuronSettings();

        private Builder() {}

        /** Sets the configuration; {@link LifConfig#defaults()} unless set. */
        public Builder optConfig(LifConfig config) {
            this.config = Objects.requireNonNull(config, "config");
            return this;
        }

        /** Sets which parameters an optimizer changes, from none to all: V_TH unless set. */
        public Builder optLearned(LifParameter... parameters) {
            learned = Set.copyOf(List.of(parameters));
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
        public LifBlock build() {
            return new LifBlock(settings.with(config, learned, Draws.ofEngine(), false));
        }
    }
}
