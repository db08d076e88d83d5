// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.Arrays;
import java.util.Random;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;

/**
 * The input of all contenders of a run: the same for the same configuration and shape.
 *
 * @param config the configuration
 * @param shape the shape
 * @param input the input current, {@code (T, B, N)}
 * @param upstream the gradient with respect to the spike values, {@code (T, B, N)}
 */
record Workload(NeuronConfig config, Shape shape, float[] input, float[] upstream) {
    /** The seed of all draws. */
    static final long SEED = 42;

    /** The stream of the kernels' draws. */
    static final int STREAM = 7;

    /** Input with the model's mean and standard deviation 1, with which some percent of the neuron-steps are spikes. */
    static Workload of(Model model, Shape shape) {
        return busy(model.config(), model.inputMean(), shape);
    }

    /** The same for {@code config}, with the mean with which a default QLIF spikes. */
    static Workload busy(QlifConfig config, Shape shape) {
        return busy(config, Model.QLIF.inputMean(), shape);
    }

    private static Workload busy(NeuronConfig config, double mean, Shape shape) {
        Random random = new Random(SEED);
        float[] input = new float[shape.neuronSteps()];
        float[] upstream = new float[input.length];
        for (int i = 0; i < input.length; i++) {
            input[i] = (float) (mean + random.nextGaussian());
            upstream[i] = (float) random.nextGaussian();
        }
        return new Workload(config, shape, input, upstream);
    }

    /** No input. */
    static Workload silent(QlifConfig config, Shape shape) {
        return new Workload(config, shape, new float[shape.neuronSteps()], new float[shape.neuronSteps()]);
    }

    /** The value of {@code parameter}, one for each neuron. */
    float[] perNeuron(NeuronParameter parameter) {
        float[] values = new float[shape.neurons()];
        Arrays.fill(values, config.defaultValue(parameter));
        return values;
    }
}
