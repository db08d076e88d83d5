// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.util.List;
import org.qlif.Device;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;

/**
 * What is about to be trained, including what depends on the data and the machine.
 *
 * @param options the options
 * @param trainImages the number of training images
 * @param testImages the number of test images
 * @param rows the height of an image
 * @param columns the width of an image
 * @param classes the number of classes: the highest label + 1
 * @param neuron the hidden layer's configuration
 * @param learned the neurons' parameters that are learned
 * @param device where the neurons run
 * @param kernel a description of what runs them
 * @param engine a description of what runs the rest
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
