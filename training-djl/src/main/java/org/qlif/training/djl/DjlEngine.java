// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import java.io.IOException;
import org.qlif.training.NeuronPreset;
import org.qlif.training.OptionException;
import org.qlif.training.TrainingEngine;
import org.qlif.training.TrainingOptions;
import org.qlif.training.TrainingRun;
import org.qlif.training.TrainingTask;

/** DJL's PyTorch engine, on the CPU. */
public final class DjlEngine implements TrainingEngine {
    /** For the service loader. */
    public DjlEngine() {}

    @Override
    public Name name() {
        return Name.DJL;
    }

    @Override
    public TrainingRun open(TrainingTask task) throws IOException {
        requireOwnOptions(task.options());
        DjlRun.requireAddressable(task);
        TorchEngine.load();
        return new DjlRun(task);
    }

    /** Refuses options that only the network kit has, rather than ignoring them. */
    private static void requireOwnOptions(TrainingOptions options) {
        String expected = " with engine djl; engine qlif has others";
        if (options.neuron() == NeuronPreset.LIF) {
            throw new OptionException("neuron", options.neuron(), "QLIF neurons" + expected);
        }
        if (options.learningRateDecay() != 1) {
            throw new OptionException("learningRateDecay", options.learningRateDecay(), "1" + expected);
        }
        if (options.shift() != 0) {
            throw new OptionException("shift", options.shift(), "0" + expected);
        }
    }
}
