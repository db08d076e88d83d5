package org.qlif.benchmarks;

import java.util.ArrayList;
import java.util.List;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;
import org.qlif.DType;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.LinearForward;
import org.qlif.Parameters;
import org.qlif.SpikeLinear;
import org.qlif.Tensor;

/**
 * Does it pay to make the current when the neurons need it, so that it never crosses memory? A batch goes through a linear layer and its
 * neurons in groups of rows, all steps of a group before the next, through one buffer for the current. One group is the two apart; a group
 * of one row is a tile of neurons at a time. The spikes are the same bits. One thread.
 */
public class FusionBenchmark extends NeuronBenchmark {
    /** A group with all rows. */
    private static final int ALL = 0;

    /** How many of a hundred inputs are set. */
    private static final int SHARE = 13;

    /** The neurons. */
    @Param({"qlif", "lif"})
    public String model;

    /** T, B, K and M. */
    @Param({"20x128x784x512", "100x32x512x1024", "100x8x784x128"})
    public String layer;

    /** The rows of a group, or 0 for all. */
    @Param({"0", "32", "8", "1"})
    public int rows;

    /** The device. */
    @Param("cpu:simd")
    public String device;

    private SpikeLinear linear;
    private Kernel kernel;
    private final List<LinearForward> currents = new ArrayList<>();
    private final List<Forward> runs = new ArrayList<>();

    /** Opens both, and cuts the batch. */
    @Setup
    public void open() {
        LinearShape shape = LinearShape.parse(layer);
        LinearWorkload workload = new LinearWorkload(shape, SHARE);
        Model neurons = Model.of(model);
        KernelOptions alone = KernelOptions.defaults().withThreads(1);
        linear = SpikeLinear.open(Device.of(device), alone);
        kernel = Kernel.open(neurons.config(), Device.of(device), alone);
        Tensor weights = Tensor.of(workload.weights(), shape.inputs(), shape.outputs());
        Tensor bias = Tensor.zeros(DType.F32, shape.outputs());
        bias.fill((float) neurons.inputMean());
        int most = rows == ALL ? shape.batch() : Math.min(rows, shape.batch());
        float[] buffer = new float[shape.steps() * most * shape.outputs()];
        for (int from = 0; from < shape.batch(); from += most) {
            int count = Math.min(most, shape.batch() - from);
            Tensor current = count == most
                    ? Tensor.of(buffer, shape.steps(), count, shape.outputs())
                    : Tensor.zeros(DType.F32, shape.steps(), count, shape.outputs());
            currents.add(new LinearForward()
                    .input(Tensor.of(workload.bits(from, count), shape.steps(), count, shape.inputs()))
                    .weights(weights)
                    .bias(bias)
                    .output(current));
            runs.add(new Forward()
                    .input(current)
                    .parameters(Parameters.perNeuron(neurons.config(), shape.outputs()))
                    .draws(new DrawStream(42, 0, (long) from * shape.outputs()))
                    .spikes(Tensor.zeros(DType.U8, shape.steps(), count, shape.outputs())));
        }
        announce(kernel.device() + ", " + kernel.description() + ", groups of " + most + " rows");
    }

    /** The whole batch, forward. */
    @Benchmark
    public Object call() {
        for (int i = 0; i < runs.size(); i++) {
            linear.forward(currents.get(i));
            kernel.forward(runs.get(i));
        }
        return runs.getLast();
    }

    /** The spikes of each group, {@code (T, rows, M)}. */
    List<byte[]> spikes() {
        return runs.stream().map(run -> run.spikes(DType.U8).toByteArray()).toList();
    }

    /** Closes both. */
    @TearDown
    public void close() {
        kernel.close();
        linear.close();
    }
}
