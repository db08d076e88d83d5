// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.loss.Loss;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;
import org.qlif.Backward;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.Preset;
import org.qlif.QlifParameter;
import org.qlif.State;
import org.qlif.Statistics;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.djl.QlifBlock;
import org.qlif.djl.QlifTrainer;

/**
 * What does a block in DJL cost, forward and backward, over the calls of the kernel that it makes? The graph around it is an input that has
 * a gradient, and a weighted sum of the spikes as loss; {@link #engine} is that graph with an operation of the engine's in the block's
 * place, and so what the engine takes by itself. Both kernels have their homeostasis' means carried from call to call.
 */
public class DjlBlockBenchmark extends NeuronBenchmark {
    /** The neurons. */
    public enum Neurons {
        /** Every option on. */
        DEFAULT(QlifConfig.defaults(), 1.5),
        /** The public snapshot of this date. */
        SNAPSHOT_2025_08_15(Preset.SNAPSHOT_2025_08_15.builder(Decision.QUBIT).build(), 1.5),
        /** The public snapshot of this date. */
        SNAPSHOT_2025_08_24(Preset.SNAPSHOT_2025_08_24.builder(Decision.QUBIT).build(), 1.5),
        /** Every option off. */
        PLAIN_LIF(QlifConfig.plainLif(), 4);

        private final QlifConfig config;
        private final double inputMean;

        Neurons(QlifConfig config, double inputMean) {
            this.config = config;
            this.inputMean = inputMean;
        }
    }

    /** The neurons. */
    @Param
    public Neurons neurons;

    /** T, B and N. */
    @Param("20x128x512")
    public String shape;

    /** The threads of the kernels, and of the engine's operations. */
    @Param("2")
    public int threads;

    private final Arena arena = Arena.ofShared();
    private Kernel kernel;
    private Forward forward;
    private Backward backward;
    private Statistics statistics;
    private int call;

    private NDManager manager;
    private ai.djl.Model model;
    private QlifTrainer trainer;
    private NDArray input;
    private NDArray weights;

    /** Opens both, and checks that they compute the same gradients. */
    @Setup
    public void open() {
        Shape size = Shape.parse(shape);
        ai.djl.ndarray.types.Shape whole = new ai.djl.ndarray.types.Shape(size.steps(), size.batch(), size.neurons());
        SplittableRandom random = new SplittableRandom(42);
        float[] currents = new float[(int) whole.size()];
        float[] upstream = new float[currents.length];
        for (int i = 0; i < currents.length; i++) {
            currents[i] = (float) (neurons.inputMean * random.nextDouble(2));
            upstream[i] = (float) random.nextDouble(-1, 1);
        }
        KernelOptions options = KernelOptions.defaults().withThreads(threads);
        kernel = Kernel.open(neurons.config, Device.of("cpu"), options);
        Parameters parameters = Parameters.perNeuron(neurons.config, size.neurons());
        forward = new Forward()
                .input(lent(size, currents))
                .parameters(parameters)
                .spikeValues(lent(size, new float[currents.length]))
                .tape(kernel.newTape(Tape.Mode.VOLTAGE, size.steps(), size.batch(), size.neurons()));
        if (neurons.config.homeostasis().enabled()) {
            statistics = Statistics.initial(neurons.config, size.neurons());
            forward.initialState(State.initial(neurons.config, 1, size.neurons()))
                    .finalState(State.zeros(neurons.config, size.batch(), size.neurons()));
        }
        backward = new Backward(forward)
                .gradSpikeValues(lent(size, upstream))
                .gradInput(lent(size, new float[currents.length]))
                .gradParameters(Parameters.zerosLike(parameters));

        manager = TorchContender.newManager(threads);
        input = manager.create(currents, whole);
        weights = manager.create(upstream, whole);
        QlifBlock block = QlifBlock.builder()
                .optConfig(neurons.config)
                .optLearned(QlifParameter.values())
                .optKernelOptions(options)
                .optDraws(() -> new DrawStream(42, call))
                .build();
        model = ai.djl.Model.newInstance("block", ai.djl.Device.cpu(), "PyTorch");
        model.setBlock(block);
        trainer = new QlifTrainer(
                model, new DefaultTrainingConfig(Loss.l2Loss()).optDevices(new ai.djl.Device[] {ai.djl.Device.cpu()}));
        trainer.initialize(whole);

        kernel();
        call--;
        float[] expected = backward.gradInput().toFloatArray();
        float[] found = gradient(true);
        if (!Arrays.equals(expected, found)) {
            throw new IllegalStateException("the block's gradient of the input is not the kernel's");
        }
        announce(kernel.device() + ", " + kernel.description() + "; " + TorchContender.engine());
    }

    private Tensor lent(Shape size, float[] values) {
        MemorySegment memory = arena.allocate(4L * values.length, 64);
        MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
        return Tensor.of(DType.F32, memory, size.steps(), size.batch(), size.neurons());
    }

    /** The calls of the kernel alone, on memory that was lent once. */
    @Benchmark
    public Object kernel() {
        start();
        return finish();
    }

    private void start() {
        if (statistics != null) {
            statistics.applyTo(forward.initialState());
        }
        kernel.forward(forward.draws(new DrawStream(42, call++)));
    }

    private Object finish() {
        kernel.backward(backward);
        if (statistics != null) {
            statistics.update(forward.finalState());
        }
        return backward;
    }

    /** The graph without neurons. */
    @Benchmark
    public Object engine() {
        return gradient(false);
    }

    /** The kernel's calls around the graph without neurons: the least that the graph with the block can take. */
    @Benchmark
    public Object apart() {
        start();
        gradient(false);
        return finish();
    }

    /** The graph with the block. */
    @Benchmark
    public Object block() {
        return gradient(true);
    }

    /** Runs a step. Returns the gradients of the input, if it is the first step. */
    private float[] gradient(boolean withBlock) {
        try (NDManager step = manager.newSubManager()) {
            NDArray leaf = input.stopGradient();
            leaf.attach(step);
            leaf.setRequiresGradient(true);
            try (GradientCollector collector = trainer.newGradientCollector()) {
                NDArray values = withBlock ? trainer.forward(new NDList(leaf)).singletonOrThrow() : leaf.neg();
                collector.backward(values.mul(weights).sum());
            }
            return call++ == 0 ? leaf.getGradient().toFloatArray() : null;
        }
    }

    /** Closes both. */
    @TearDown
    public void close() {
        trainer.close();
        model.close();
        manager.close();
        kernel.close();
        forward.tape().close();
        arena.close();
    }
}
