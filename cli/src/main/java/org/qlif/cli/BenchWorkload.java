// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.util.Locale;
import java.util.SplittableRandom;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LifConfig;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * What {@code bench} times: a configuration of a model, drawing its own numbers if it draws any, with a vector for each parameter
 * as a layer has. All memory is allocated in advance, where the device can reach it without copies; all runs are the same.
 */
final class BenchWorkload implements Runnable, AutoCloseable {
    /** What a run computes. */
    enum Mode {
        /** One forward call that writes the spikes, a byte each. */
        FORWARD,
        /**
         * A layer's part of a training step: a forward call that writes the spike values and records a tape, then a backward
         * call from the gradient of the spike values to those of the input and of every parameter.
         */
        TRAIN;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** The neuron model. */
    enum Model {
        /** QLIF with every feature of its defaults on. */
        QLIF("qlif", QlifConfig.defaults(), 1.5),
        /** LIF, whose synaptic current settles at five times the input. */
        LIF("lif", LifConfig.defaults(), 0.3),
        /** QLIF with every option off. */
        PLAIN_LIF("plain-lif", QlifConfig.plainLif(), 1.5);

        private final String text;
        private final NeuronConfig config;
        /** A mean current under which the potential settles above the threshold of 1, so that neurons spike. */
        private final double meanCurrent;

        Model(String text, NeuronConfig config, double meanCurrent) {
            this.text = text;
            this.config = config;
            this.meanCurrent = meanCurrent;
        }

        NeuronConfig config() {
            return config;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    private static final long SEED = 20261123;

    private final Kernel kernel;
    private final BenchMemory memory;
    private final Tape tape;
    private final Forward forward;
    private final Backward backward;

    BenchWorkload(Model model, NeuronConfig config, Mode mode, Device device, KernelOptions options, Shape shape) {
        SplittableRandom random = new SplittableRandom(SEED);
        kernel = Kernel.open(config, device, options);
        BenchMemory opened = null;
        try {
            opened = BenchMemory.of(device);
            memory = opened;
            Parameters parameters = memory.parameters(config, shape.neurons());
            forward = new Forward()
                    .input(memory.normal(random, model.meanCurrent, shape))
                    .parameters(parameters)
                    .draws(new DrawStream(SEED, 0));
            if (mode == Mode.FORWARD) {
                tape = null;
                backward = null;
                forward.spikes(result(DType.U8, shape));
            } else {
                tape = kernel.newTape(Tape.Mode.VOLTAGE, shape.steps(), shape.batch(), shape.neurons());
                forward.spikeValues(result(DType.F32, shape)).tape(tape);
                backward = new Backward(forward)
                        .gradSpikeValues(memory.normal(random, 0, shape))
                        .gradInput(result(DType.F32, shape))
                        .gradParameters(memory.gradients(config, parameters));
            }
        } catch (RuntimeException | Error failure) {
            try (kernel;
                    BenchMemory _ = opened) {
                throw failure;
            }
        }
    }

    private Tensor result(DType type, Shape shape) {
        return memory.result(type, shape.steps(), shape.batch(), shape.neurons());
    }

    /** A description for people to read. */
    String description() {
        return kernel.description();
    }

    @Override
    public void run() {
        kernel.forward(forward);
        if (backward != null) {
            kernel.backward(backward);
        }
    }

    /** A description of the tensors' memory. */
    String memory() {
        return memory.description();
    }

    @Override
    public void close() {
        try (kernel;
                memory) {
            if (tape != null) {
                tape.close();
            }
        }
    }
}
