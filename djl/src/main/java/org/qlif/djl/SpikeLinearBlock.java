// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.UniformInitializer;
import ai.djl.util.PairList;
import java.io.DataInputStream;
import java.io.IOException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.qlif.Device;
import org.qlif.KernelOptions;
import org.qlif.SpikeLinear;

/**
 * A linear layer for DJL whose input is mostly spikes: it sums the weights of the inputs that are not 0, which is several times as fast as
 * the engine's product if there are few ({@link SpikeLinear}). Inputs that are neither 0 nor 1 are multiplied.
 *
 * <p>The input is float32 {@code (T, B, K)}, the output {@code (T, B, M)}. The parameters are {@code weight}, of shape (K, M), the
 * transpose of that of DJL's {@code Linear}, and {@code bias}, of shape (M). Both start uniform in ±1/√K, unless {@code setInitializer}
 * sets another start. Threads and errors are as in {@link QlifBlock}; while the engine records gradients, calls belong to a {@link
 * QlifTrainer}.
 *
 * <pre>{@code
 * SequentialBlock net = new SequentialBlock()
 *         .add(SpikeLinearBlock.builder().setUnits(512).build())
 *         .add(QlifBlock.builder().build())
 *         .add(SpikeLinearBlock.builder().setUnits(10).build())
 *         .addSingleton(sums -> sums.mean(new int[] {0}));
 * }</pre>
 */
public final class SpikeLinearBlock extends AbstractBlock {
    /** The version of the parameters' format in files. */
    private static final byte VERSION = 1;

    private final long units;
    private final Kernels<SpikeLinear, Void> kernels;
    private final Parameter weight;
    private final @Nullable Parameter bias;

    private SpikeLinearBlock(Builder builder) {
        super(VERSION);
        units = builder.units;
        Device device = builder.device;
        KernelOptions options = builder.options;
        kernels = new Kernels<>(() -> SpikeLinear.open(device, options));
        weight = addParameter(parameter("weight", Parameter.Type.WEIGHT));
        bias = builder.bias ? addParameter(parameter("bias", Parameter.Type.BIAS)) : null;
    }

    private static Parameter parameter(String name, Parameter.Type type) {
        Parameter parameter = Parameter.builder().setName(name).setType(type).build();
        // The default depends on the number of inputs, unless another one is set before that is known.
        parameter.setInitializer(null);
        return parameter;
    }

    /** A builder; {@link Builder#setUnits} must be called. */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    public void initialize(NDManager manager, DataType dataType, Shape... inputShapes) {
        Torch.requireEngine("SpikeLinearBlock", manager);
        if (dataType != DataType.FLOAT32) {
            throw new IllegalArgumentException("dataType: got " + dataType + ", expected float32");
        }
        super.initialize(manager, dataType, inputShapes);
    }

    @Override
    protected void prepare(Shape[] inputShapes) {
        long inputs = inputs(inputShapes[0], -1);
        weight.setShape(new Shape(inputs, units));
        if (bias != null) {
            bias.setShape(new Shape(units));
        }
        for (Parameter parameter : getDirectParameters().values()) {
            if (parameter.getInitializer() == null) {
                parameter.setInitializer(new UniformInitializer((float) (1 / Math.sqrt(inputs))));
            }
        }
    }

    /** The number of inputs K of this shape: {@code expected} or, if that is -1, any number but 0. */
    private static long inputs(Shape input, long expected) {
        long inputs = input.dimension() == 3 ? input.get(2) : 0;
        if (inputs < 1 || (expected >= 0 && inputs != expected)) {
            throw new IllegalArgumentException("input: got shape " + input + ", expected (T, B, K) with "
                    + (expected < 0 ? "K of at least 1" : "K = " + expected + ", for which this block was made"));
        }
        return inputs;
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape input = inputShapes[0];
        return new Shape[] {new Shape(input.get(0), input.get(1), units)};
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        if (inputs.size() != 1) {
            throw new IllegalArgumentException("inputs: got " + inputs.size() + " arrays, expected only the spikes");
        }
        PtNDArray input = Torch.require("input", inputs.get(0));
        PtNDArray weights = Torch.require("weight", parameterStore.getValue(weight, input.getDevice(), training));
        PtNDArray biases =
                bias == null ? null : Torch.require("bias", parameterStore.getValue(bias, input.getDevice(), training));
        inputs(input.getShape(), weights.getShape().get(0));
        Shape shape = getOutputShapes(new Shape[] {input.getShape()})[0];
        Torch.requireAddressable("output", shape);
        boolean recording = BlockGradientCollector.records(training);
        if (input.size() == 0) {
            NDArray output = input.getManager().zeros(shape, DataType.FLOAT32);
            output.setRequiresGradient(recording);
            return new NDList(output);
        }
        LinearCall call = new LinearCall(kernels, input, weights, biases, shape, recording);
        try {
            NDList outputs = call.run();
            if (call.isRecorded()) {
                BlockGradientCollector.requireOpen(LinearCall.BLOCK).add(call);
                call = null;
            }
            return outputs;
        } finally {
            if (call != null) {
                call.close();
            }
        }
    }

    /** Closes the parameters, as any block does, and the kernels; a block that is initialized again opens new ones. */
    @Override
    public void clear() {
        super.clear();
        kernels.close();
    }

    @Override
    public void loadParameters(NDManager manager, DataInputStream is) throws IOException, MalformedModelException {
        Torch.requireEngine("SpikeLinearBlock", manager);
        Shape before = weight.isInitialized() ? weight.getShape() : null;
        super.loadParameters(manager, is);
        NDArray array = weight.isInitialized() ? weight.getArray() : null;
        boolean fits = array != null
                && array.getDataType() == DataType.FLOAT32
                && array.getShape().dimension() == 2
                && array.getShape().get(1) == units
                && (before == null || before.equals(array.getShape()));
        if (!fits) {
            throw new MalformedModelException("weight: got " + (array == null ? "nothing" : Torch.text(array))
                    + ", expected float32 " + (before == null ? "(K, " + units + ")" : before));
        }
        NDArray loaded = bias == null || !bias.isInitialized() ? null : bias.getArray();
        if (bias != null
                && (loaded == null
                        || loaded.getDataType() != DataType.FLOAT32
                        || !loaded.getShape().equals(new Shape(units)))) {
            throw new MalformedModelException("bias: got " + (loaded == null ? "nothing" : Torch.text(loaded))
                    + ", expected float32 (" + units + ")");
        }
    }

    /** Builds a {@link SpikeLinearBlock}. Not thread-safe; it can build several. */
    public static final class Builder {
        private long units;
        private boolean bias = true;
        private Device device = Device.of("cpu");
        private KernelOptions options = KernelOptions.defaults();

        private Builder() {}

        /**
         * Sets the number of outputs M.
         *
         * @throws IllegalArgumentException if it is less than 1
         */
        public Builder setUnits(long units) {
            if (units < 1) {
                throw new IllegalArgumentException("units: got " + units + ", expected at least 1");
            }
            this.units = units;
            return this;
        }

        /** Sets whether there is a bias; true unless set. */
        public Builder optBias(boolean bias) {
            this.bias = bias;
            return this;
        }

        /**
         * Sets the name of the device that computes: {@code cpu}, the best one on the CPU, unless set.
         *
         * @throws IllegalArgumentException if the name is malformed
         */
        public Builder optDevice(String device) {
            this.device = Device.of(device);
            return this;
        }

        /** Sets how many threads a call uses, and where they come from; {@link KernelOptions#defaults()} unless set. */
        public Builder optKernelOptions(KernelOptions options) {
            this.options = Objects.requireNonNull(options, "options");
            return this;
        }

        /**
         * Builds the block. Its first call opens its layers, and throws if the device can't run here.
         *
         * @throws IllegalStateException if the number of outputs was not set
         */
        public SpikeLinearBlock build() {
            if (units == 0) {
                throw new IllegalStateException("units: not set, expected at least 1");
            }
            return new SpikeLinearBlock(this);
        }
    }
}
