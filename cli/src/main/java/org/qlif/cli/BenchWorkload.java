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
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.Tape;
import org.qlif.Tensor;

/**
 * What {@code bench} times: the default configuration, drawing its own numbers, with a vector for each parameter as a layer
 * has. All memory is made beforehand; each run is the same run again.
 */
final class BenchWorkload implements Runnable, AutoCloseable {
    /** What a run does. */
    enum Mode {
        /** One forward call that writes the spikes, a byte each. */
        FORWARD,
        /**
         * What a training step asks of a layer: a forward call that writes the spike values and records a tape, then a backward
         * call from the gradient of the spike values to those of the input and of every parameter.
         */
        TRAIN;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final long SEED = 20261123;

    /** A mean current above the threshold of 1, so that neurons spike and none falls silent. */
    private static final double MEAN_CURRENT = 1.5;

    private final Kernel kernel;
    private final Tape tape;
    private final Forward forward;
    private final Backward backward;

    BenchWorkload(Mode mode, Device device, KernelOptions options, Shape shape) {
        QlifConfig config = QlifConfig.defaults();
        SplittableRandom random = new SplittableRandom(SEED);
        Parameters parameters = Parameters.perNeuron(config, shape.neurons());
        forward = new Forward()
                .input(normal(random, MEAN_CURRENT, shape))
                .parameters(parameters)
                .draws(new DrawStream(SEED, 0));
        kernel = Kernel.open(config, device, options);
        try {
            if (mode == Mode.FORWARD) {
                tape = null;
                backward = null;
                forward.spikes(zeros(DType.U8, shape));
            } else {
                tape = kernel.newTape(Tape.Mode.VOLTAGE, shape.steps(), shape.batch(), shape.neurons());
                forward.spikeValues(zeros(DType.F32, shape)).tape(tape);
                backward = new Backward(forward)
                        .gradSpikeValues(normal(random, 0, shape))
                        .gradInput(zeros(DType.F32, shape))
                        .gradParameters(Parameters.zerosLike(parameters));
            }
        } catch (RuntimeException | Error failure) {
            kernel.close();
            throw failure;
        }
    }

    /** What runs, for people. */
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

    @Override
    public void close() {
        try (kernel) {
            if (tape != null) {
                tape.close();
            }
        }
    }

    private static Tensor zeros(DType type, Shape shape) {
        return Tensor.zeros(type, shape.steps(), shape.batch(), shape.neurons());
    }

    private static Tensor normal(SplittableRandom random, double mean, Shape shape) {
        float[] values = new float[Math.toIntExact(shape.neuronSteps())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian(mean, 1);
        }
        return Tensor.of(values, shape.steps(), shape.batch(), shape.neurons());
    }
}
