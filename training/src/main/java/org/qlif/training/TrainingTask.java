// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.List;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;

/**
 * What an engine is to train: the options, and what the data made of them.
 *
 * @param options what was asked for
 * @param trainSet the training images
 * @param testSet the test images
 * @param trainCount how many of the first training images are used
 * @param testCount how many of the first test images are used
 * @param shape the network's extents
 * @param neuron the hidden layer's configuration
 * @param learned the neurons' parameters that are learned
 */
public record TrainingTask(
        TrainingOptions options,
        ImageSet trainSet,
        ImageSet testSet,
        int trainCount,
        int testCount,
        NetworkShape shape,
        NeuronConfig neuron,
        List<NeuronParameter> learned) {}
