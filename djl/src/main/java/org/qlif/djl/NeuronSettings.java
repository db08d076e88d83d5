// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import java.util.Collection;
import java.util.Objects;
import java.util.Set;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Tape;

/** The settings of the builders of both models, except those with types of a model. */
final class NeuronSettings {
    boolean voltages;
    private Device device = Device.of("cpu");
    private KernelOptions options = KernelOptions.defaults();
    private Tape.Mode tape = Tape.Mode.VOLTAGE;

    /**
     * The settings of a block.
     *
     * @param learned which parameters an optimizer changes
     * @param steered whether runs move what {@link org.qlif.StateVariable#averaged} says
     */
    record Block(
            NeuronConfig config,
            Set<? extends NeuronParameter> learned,
            Draws draws,
            boolean steered,
            boolean voltages,
            Device device,
            KernelOptions options,
            Tape.Mode tape) {}

    void device(String device) {
        this.device = Device.of(device);
    }

    void options(KernelOptions options) {
        this.options = Objects.requireNonNull(options, "options");
    }

    void tape(Tape.Mode tape) {
        this.tape = Objects.requireNonNull(tape, "mode");
    }

    Block with(NeuronConfig config, Collection<? extends NeuronParameter> learned, Draws draws, boolean steered) {
        return new Block(config, Set.copyOf(learned), draws, steered, voltages, device, options, tape);
    }
}
