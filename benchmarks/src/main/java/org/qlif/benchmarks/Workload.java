package org.qlif.benchmarks;

import java.util.Arrays;
import java.util.Random;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;

/**
 * What every contender of a run is given: the same for the same configuration and shape.
 *
 * @param config the configuration
 * @param shape the shape
 * @param input the input current, {@code (T, B, N)}
 * @param upstream the gradient with respect to the spike values, {@code (T, B, N)}
 */
record Workload(QlifConfig config, Shape shape, float[] input, float[] upstream) {
    /** The seed of all draws. */
    static final long SEED = 42;

    /** The stream of the kernels' draws. */
    static final int STREAM = 7;

    private static final double INPUT_MEAN = 1.5;

    /** Input of mean 1.5 and standard deviation 1, which makes a few percent of the neuron-steps fire. */
    static Workload busy(QlifConfig config, Shape shape) {
        Random random = new Random(SEED);
        float[] input = new float[shape.neuronSteps()];
        float[] upstream = new float[input.length];
        for (int i = 0; i < input.length; i++) {
            input[i] = (float) (INPUT_MEAN + random.nextGaussian());
            upstream[i] = (float) random.nextGaussian();
        }
        return new Workload(config, shape, input, upstream);
    }

    /** No input. */
    static Workload silent(QlifConfig config, Shape shape) {
        return new Workload(config, shape, new float[shape.neuronSteps()], new float[shape.neuronSteps()]);
    }

    /** The value of {@code parameter}, one for each neuron. */
    float[] perNeuron(QlifParameter parameter) {
        float[] values = new float[shape.neurons()];
        Arrays.fill(values, config.defaultValue(parameter));
        return values;
    }
}
