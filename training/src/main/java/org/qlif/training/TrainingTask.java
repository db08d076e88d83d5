// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.List;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;

/**
 * What an engine should train: the options, with what follows from the data.
 *
 * @param options the options
 * @param trainSet the training images
 * @param testSet the test images
 * @param trainCount the number of training images to use, from the first on
 * @param testCount the number of test images to use, from the first on
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
