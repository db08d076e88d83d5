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
 * A layer of LIF neurons for DJL: currents in, spikes out, a run of all time steps from the initial state at each call. It is used as {@link
 * QlifBlock} is, whose shapes, errors and threads are its own, except that nothing is drawn, nothing is carried from call to call, and it
 * takes no modulation.
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

    /** What a {@link LifBlock} is to be. Not thread-safe; it can build several. */
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

        /** Sets which parameters an optimizer is to change, none to all of them: V_TH unless set. */
        public Builder optLearned(LifParameter... parameters) {
            learned = Set.copyOf(List.of(parameters));
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
        public LifBlock build() {
            return new LifBlock(settings.with(config, learned, Draws.ofEngine(), false));
        }
    }
}
