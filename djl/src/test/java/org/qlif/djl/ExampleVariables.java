// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import ai.djl.training.dataset.Dataset;

/** What the examples in the Javadoc assume to be there: {@link DocumentationTest}. */
public abstract class ExampleVariables {
    protected SequentialBlock net;
    protected SpikeLinearBlock first;
    protected QlifBlock neurons;
    protected Linear readout;
    protected ParameterStore store;
    protected NDArray current;
    protected Dataset trainingSet;
    protected Dataset testSet;
}
