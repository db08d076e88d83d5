// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.List;
import org.qlif.Device;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;

/**
 * What is about to be trained, with everything that the options left to the data and the machine.
 *
 * @param options what was asked for
 * @param trainImages how many training images are used
 * @param testImages how many test images are used
 * @param rows the height of an image
 * @param columns the width of an image
 * @param classes how many classes there are: the highest label + 1
 * @param neuron the hidden layer's configuration
 * @param learned the neurons' parameters that are learned
 * @param device where the neurons run
 * @param kernel what runs them, for people
 * @param engine what runs the rest, for people
 */
public record TrainingSetup(
        TrainingOptions options,
        int trainImages,
        int testImages,
        int rows,
        int columns,
        int classes,
        NeuronConfig neuron,
        List<NeuronParameter> learned,
        Device device,
        String kernel,
        String engine) {}
