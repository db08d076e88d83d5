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
import ai.djl.training.initializer.ConstantInitializer;
import ai.djl.util.PairList;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.qlif.Kernel;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.ParameterRange;
import org.qlif.Parameters;
import org.qlif.StateVariable;
import org.qlif.Statistics;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.spi.Printable;
import org.qlif.spi.checkpoint.CheckpointReader;
import org.qlif.spi.checkpoint.SavedNeurons;

/** A layer of neurons of any model. */
abstract class NeuronBlock extends AbstractBlock {
    /** The version of the parameters' format in files. */
    private static final byte VERSION = 1;

    private final NeuronConfig config;
    private final NeuronSettings.Block settings;
    private final Kernels<Kernel, NeuronCall.Workspace> kernels;
    /** By ordinal, with one value per neuron. */
    private final List<Parameter> values = new ArrayList<>();
    /** The means that training carries from run to run, in the order of the averaged variables; empty without homeostasis. */
    private final List<Parameter> means = new ArrayList<>();

    /** The number of neurons in the file that is being loaded. */
    private long loaded;

    private final LongAdder kernelNanos = new LongAdder();

    NeuronBlock(NeuronSettings.Block settings) {
        super(VERSION);
        this.settings = settings;
        this.config = settings.config();
        this.kernels = new Kernels<>(() -> Kernel.open(settings.config(), settings.device(), settings.options()));
        for (NeuronParameter parameter : config.parameters()) {
            values.add(addParameter(Parameter.builder()
                    .setName(parameter.symbol())
                    .setType(Parameter.Type.OTHER)
                    .optInitializer(new ConstantInitializer(config.defaultValue(parameter)))
                    .optRequiresGrad(settings.learned().contains(parameter))
                    .build()));
        }
        for (StateVariable variable : config.stateVariables()) {
            if (settings.steered() && variable.averaged()) {
                means.add(addParameter(Parameter.builder()
                        .setName(variable.symbol())
                        .setType(Parameter.Type.RUNNING_MEAN)
                        .optInitializer(new ConstantInitializer(variable.initialValue()))
                        .optRequiresGrad(false)
                        .build()));
            }
        }
    }

    NeuronConfig neuronConfig() {
        return config;
    }

    Kernels<Kernel, NeuronCall.Workspace> kernels() {
        return kernels;
    }

    Tape.Mode tape() {
        return settings.tape();
    }

    /** The time that kernels have taken in this block's calls so far, forward and backward, in nanoseconds. Thread-safe. */
    public final long kernelNanos() {
        return kernelNanos.sum();
    }

    /** Runs {@code call} and measures its time. */
    final void timed(Runnable call) {
        long start = System.nanoTime();
        try {
            call.run();
        } finally {
            kernelNanos.add(System.nanoTime() - start);
        }
    }

    /** The class's name, for messages. */
    final String name() {
        return getClass().getSimpleName();
    }

    @Override
    public final void initialize(NDManager manager, DataType dataType, Shape... inputShapes) {
        Torch.requireEngine(name(), manager);
        if (dataType != DataType.FLOAT32) {
            throw new IllegalArgumentException("dataType: got " + dataType + ", expected float32");
        }
        super.initialize(manager, dataType, inputShapes);
    }

    @Override
    protected final void prepare(Shape[] inputShapes) {
        long neurons = neurons(inputShapes[0], -1);
        for (Parameter parameter : getDirectParameters().values()) {
            if (!parameter.isInitialized()) {
                parameter.setShape(new Shape(neurons));
            }
        }
    }

    /** The number of neurons N for an input of this shape: {@code expected} or, if that is -1, any number but 0. */
    private static long neurons(Shape input, long expected) {
        long neurons = input.dimension() < 3 ? 0 : input.slice(2).size();
        if (neurons < 1 || (expected >= 0 && neurons != expected)) {
            throw new IllegalArgumentException("input: got shape " + input + ", expected (T, B, ...) with "
                    + (expected < 0 ? "at least 1 neuron" : expected + " neurons, for which this block was made"));
        }
        return neurons;
    }

    /** The number of neurons of an initialized block. */
    private long neurons() {
        return values.getFirst().getShape().size();
    }

    @Override
    public final Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape[] shapes = new Shape[settings.voltages() ? 2 : 1];
        Arrays.fill(shapes, inputShapes[0]);
        return shapes;
    }

    @Override
    protected final NDList forwardInternal(
            ParameterStore parameterStore, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        boolean modulated = inputs.size() == 2 && config.acceptsModulation();
        if (inputs.size() != 1 && !modulated) {
            throw new IllegalArgumentException("inputs: got " + inputs.size() + " arrays, expected the current"
                    + (config.acceptsModulation() ? ", or the current and the modulation" : " alone"));
        }
        PtNDArray input = Torch.require("input", inputs.get(0));
        PtNDArray modulation = modulated ? Torch.require("modulation", inputs.get(1)) : null;
        List<PtNDArray> parameters = arrays(values, parameterStore, input, training);
        long neurons = neurons(input.getShape(), parameters.getFirst().size());
        boolean recording = BlockGradientCollector.records(training);
        if (input.size() == 0) {
            return nothing(input, recording);
        }
        NeuronCall call = new NeuronCall(this, input, modulation, parameters, neurons, recording);
        try {
            List<PtNDArray> carried = arrays(means, parameterStore, input, training);
            NDList outputs = call.run(settings.voltages(), carried, training);
            if (call.isRecorded()) {
                BlockGradientCollector.requireOpen(name()).add(call);
                call = null;
            }
            return outputs;
        } finally {
            if (call != null) {
                call.close();
            }
        }
    }

    private static List<PtNDArray> arrays(
            List<Parameter> parameters, ParameterStore store, PtNDArray input, boolean training) {
        List<PtNDArray> arrays = new ArrayList<>();
        for (Parameter parameter : parameters) {
            arrays.add(Torch.require(parameter.getName(), store.getValue(parameter, input.getDevice(), training)));
        }
        return arrays;
    }

    /** The output if there is no step or no row: nothing is run, drawn or learned. */
    private NDList nothing(NDArray input, boolean recording) {
        NDList outputs = new NDList();
        for (Shape shape : getOutputShapes(new Shape[] {input.getShape()})) {
            NDArray output = input.getManager().zeros(shape, DataType.FLOAT32);
            output.setRequiresGradient(recording);
            outputs.add(output);
        }
        return outputs;
    }

    /** What a call draws, or null if the model draws nothing. */
    final org.qlif.@Nullable DrawStream nextDraws(NDManager engine, boolean training) {
        boolean draws = config.uniformsPerStep() > 0 || config.drawsNormals();
        return draws ? settings.draws().next(engine, training) : null;
    }

    /** Moves the values that the optimizer changes to the nearest useful ones. A NaN stays, and the next call refuses it. */
    final void clamp() {
        for (NeuronParameter parameter : config.parameters()) {
            Parameter learned = values.get(parameter.ordinal());
            if (!learned.requiresGradient() || !learned.isInitialized()) {
                continue;
            }
            ParameterRange range = config.usefulRange(parameter);
            Tensor tensor = Torch.memory((PtNDArray) learned.getArray(), neurons());
            for (long i = 0; i < tensor.elements(); i++) {
                float value = tensor.getFloat(i);
                if (!Float.isNaN(value) && !range.contains(value)) {
                    tensor.setFloat(i, range.nearest(value));
                }
            }
        }
    }

    /** A copy of the parameters for a checkpoint. */
    final SavedNeurons saved() {
        Parameters parameters = Parameters.none(config);
        List<NeuronParameter> learnable = new ArrayList<>();
        for (NeuronParameter parameter : config.parameters()) {
            Parameter value = values.get(parameter.ordinal());
            parameters.set(parameter, Checkpoints.values(value.getArray()));
            if (value.requiresGradient()) {
                learnable.add(parameter);
            }
        }
        Statistics statistics = means.isEmpty() ? null : Statistics.initial(config, neurons());
        for (int i = 0; i < means.size(); i++) {
            Statistics carried = Objects.requireNonNull(statistics);
            carried.get(carried.variables().get(i))
                    .copyFrom(Checkpoints.values(means.get(i).getArray()));
        }
        return new SavedNeurons(config, neurons(), learnable, parameters, null, statistics, null, null, 0, 0);
    }

    /**
     * An action that sets this block's parameters to those of layer {@code index} of a checkpoint.
     *
     * @throws FileFormatException if the layer has another configuration or number of neurons; nothing has changed
     */
    final Runnable taking(CheckpointReader from, int index) throws FileFormatException {
        SavedNeurons saved = SavedNeurons.read(from, index);
        String at = SavedNeurons.prefix(index);
        if (!saved.config().equals(config)) {
            throw from.refusal(
                    at + "config", CheckpointReader.quoted(saved.config().toString()), "'" + config + "'");
        }
        if (saved.neurons() != neurons()) {
            throw from.refusal(at + "neurons", String.valueOf(saved.neurons()), neurons() + ", which the block has");
        }
        return () -> {
            for (NeuronParameter parameter : config.parameters()) {
                Tensor value = Objects.requireNonNull(saved.parameters().get(parameter));
                PtNDArray array = (PtNDArray) values.get(parameter.ordinal()).getArray();
                if (value.elements() == 1) {
                    Torch.memory(array, neurons()).fill(value.getFloat(0));
                } else {
                    Checkpoints.set(array, value);
                }
            }
            Statistics statistics =
                    saved.statistics() == null ? Statistics.initial(config, neurons()) : saved.statistics();
            for (int i = 0; i < means.size(); i++) {
                Checkpoints.set(
                        means.get(i).getArray(),
                        statistics.get(statistics.variables().get(i)));
            }
        };
    }

    /** Closes the parameters, as any block does, and the kernels; a block that is initialized again opens new ones. */
    @Override
    public final void clear() {
        super.clear();
        kernels.close();
    }

    @Override
    protected final void saveMetadata(DataOutputStream os) throws IOException {
        if (!isInitialized()) {
            throw new IllegalStateException(name() + ": has no parameters yet, expected it to be initialized");
        }
        os.writeUTF(contents());
        os.writeLong(neurons());
        saveInputShapes(os);
    }

    /** The names of the tensors in a file of these parameters. */
    private String contents() {
        return config.model() + " " + String.join(" ", getDirectParameters().keys());
    }

    @Override
    protected final void loadMetadata(byte loadVersion, DataInputStream is)
            throws IOException, MalformedModelException {
        if (loadVersion != version) {
            throw new MalformedModelException(
                    name() + ": got parameters of version " + loadVersion + ", expected " + version);
        }
        String contents = is.readUTF();
        if (!contents.equals(contents())) {
            throw new MalformedModelException(name() + ": got parameters of '" + Printable.text(contents)
                    + "', expected those of '" + contents() + "'");
        }
        long neurons = is.readLong();
        if (neurons < 1 || (isInitialized() && neurons != neurons())) {
            throw new MalformedModelException(name() + ": got parameters of " + neurons + " neurons, expected "
                    + (isInitialized() ? neurons() + ", as this block has" : "at least 1"));
        }
        readInputShapes(is);
        loaded = neurons;
    }

    @Override
    public final void loadParameters(NDManager manager, DataInputStream is)
            throws IOException, MalformedModelException {
        Torch.requireEngine(name(), manager);
        super.loadParameters(manager, is);
        for (Parameter parameter : getDirectParameters().values()) {
            NDArray array = parameter.isInitialized() ? parameter.getArray() : null;
            if (array == null
                    || array.getDataType() != DataType.FLOAT32
                    || !array.getShape().equals(new Shape(loaded))) {
                throw new MalformedModelException(parameter.getName() + ": got "
                        + (array == null ? "nothing" : Torch.text(array)) + ", expected float32 (" + loaded + ")");
            }
        }
    }
}
