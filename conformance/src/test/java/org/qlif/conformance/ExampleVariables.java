// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import org.qlif.Backward;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.LinearForward;
import org.qlif.NeuronConfig;
import org.qlif.Parameters;
import org.qlif.QlifLayer;
import org.qlif.SpikeLinear;
import org.qlif.Tensor;
import org.qlif.gpu.CudaDevice;
import org.qlif.gpu.CudaStream;
import org.qlif.gpu.DeviceBuffer;
import org.qlif.network.Adam;
import org.qlif.network.Loss;
import org.qlif.network.Network;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.Trainer;

/** What the examples in the README and the Javadoc assume to be there: {@link ExamplesTest}. */
public abstract class ExampleVariables {
    protected float[] current;
    protected float[] spikes;
    protected Tensor input;
    protected Tensor testInput;
    protected Tensor spikeValues;
    protected Tensor gradSpikeValues;
    protected Tensor gradVoltages;
    protected Tensor gradInput;
    protected NeuronConfig config;
    protected Kernel kernel;
    protected Parameters parameters;
    protected DrawStream draws;
    protected QlifLayer layer;
    protected Forward forward;
    protected Backward backward;
    protected SpikeLinear linear;
    protected LinearForward linearForward;
    protected Tensor gradOutput;
    protected Tensor spikeBits;
    protected Tensor weights;
    protected Tensor bias;
    protected CudaDevice gpu;
    protected CudaStream stream;
    protected DeviceBuffer buffer;
    protected long steps;
    protected long batch;
    protected long neurons;
    protected byte[] pixels;
    protected int[] labels;
    protected PoissonEncoder encoder;
    protected PoissonEncoder testEncoder;
    protected Loss testLoss;
    protected int[] testRows;
    protected Loss loss;
    protected int[] rows;
    protected Network network;
    protected Adam adam;
    protected Trainer trainer;
    protected Trainer other;
}
