// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.qlif.Device;
import org.qlif.Kernel;
import org.qlif.KernelOptions;
import org.qlif.SpikeLinear;
import org.qlif.Statistics;
import org.qlif.Tensor;
import org.qlif.spi.host.BlockTree;

/** What one thread needs to take blocks through a network: its own kernels, which use no other thread, and its own memory. */
final class Worker implements AutoCloseable {
    private static final KernelOptions ALONE = KernelOptions.defaults().withThreads(1);

    private final Network network;
    private final SpikeLinear linear;
    private final List<Kernel> kernels = new ArrayList<>();
    /** Sums for the statistics, layer by layer; null for a layer without any. */
    private final List<Statistics.@Nullable Sums> sums = new ArrayList<>();
    /** For whole blocks. */
    private @Nullable Workspace whole;
    /** For the last block that was not whole. */
    private @Nullable Workspace rest;
    /** Sums parts of the blocks' gradients. */
    final BlockTree tree = new BlockTree();

    long encodingNanos;
    long linearNanos;
    long neuronNanos;

    private long clock;

    Worker(Network network, Device device) {
        this.network = network;
        linear = SpikeLinear.open(device, ALONE);
        try {
            for (Layer layer : network.layers()) {
                if (layer instanceof Layer.Neurons neurons) {
                    // The device with linear layers, among those that the name can mean.
                    kernels.add(Kernel.open(neurons.config(), linear.device(), ALONE));
                    sums.add(neurons.newSums());
                }
            }
        } catch (Throwable failure) {
            close();
            throw failure;
        }
    }

    Device device() {
        return linear.device();
    }

    String description() {
        return kernels.getFirst().description();
    }

    /** Clears the times and sums of earlier work. */
    void start() {
        encodingNanos = 0;
        linearNanos = 0;
        neuronNanos = 0;
        for (Statistics.Sums each : sums) {
            if (each != null) {
                each.clear();
            }
        }
    }

    /** The sums over the rows trained on since {@link #start}, for each layer of neurons. */
    List<Statistics.@Nullable Sums> sums() {
        return sums;
    }

    /** The gradient of a block of a batch. */
    void train(Batch batch, int block, long spikeKey, long drawKey, BlockScore score, Gradients gradients) {
        Workspace work = encoded(batch, block, spikeKey);
        for (int i = 0; i < work.neurons.size(); i++) {
            work.linears.get(i).forward();
            linearNanos += lap();
            work.neurons.get(i).forward(true, drawKey);
            neuronNanos += lap();
            work.neurons.get(i).addEnd(sums.get(i));
        }
        readOut(work);
        score.rate(batch, block, work.logits, network.outputs(), work.gradLogits);
        LinearStage readout = work.linears.getLast();
        clock = System.nanoTime();
        readout.backward(gradients);
        work.shareGradient();
        linearNanos += lap();
        for (int i = work.neurons.size() - 1; i >= 0; i--) {
            work.neurons.get(i).backward(gradients);
            neuronNanos += lap();
            work.linears.get(i).backward(gradients);
            linearNanos += lap();
        }
    }

    /** The network's outputs for a block of a batch, row by row; the next call overwrites them. */
    float[] test(Batch batch, int block, long spikeKey, long drawKey, @Nullable BlockScore score) {
        Workspace work = encoded(batch, block, spikeKey);
        for (NeuronStage neurons : work.neurons) {
            neurons.forward(false, drawKey);
        }
        neuronNanos += lap();
        readOut(work);
        if (score != null) {
            score.rate(batch, block, work.logits, network.outputs(), null);
        }
        return work.logits;
    }

    /** As {@link #test}, up to the neurons of index {@code index}, whose spikes are written, {@code U8 (T, B, N)}. */
    void spikes(Batch batch, int block, long spikeKey, long drawKey, int index, Tensor spikes) {
        Workspace work = encoded(batch, block, spikeKey);
        for (int i = 0; i < index; i++) {
            work.neurons.get(i).forward(false, drawKey);
        }
        work.neurons.get(index).forward(drawKey, spikes);
    }

    /** The input of a block of the batch, as spikes. */
    private Workspace encoded(Batch batch, int block, long spikeKey) {
        clock = System.nanoTime();
        Workspace work = workspace(batch.input().steps(), batch.rowsOf(block));
        int from = block * Trainer.BLOCK;
        work.number(batch.input(), batch.rows(), from);
        batch.input().encode(spikeKey, batch.rows(), from, work.rows, work.input);
        encodingNanos += lap();
        return work;
    }

    private void readOut(Workspace work) {
        work.average();
        work.linears.getLast().forward();
        linearNanos += lap();
    }

    private long lap() {
        long now = System.nanoTime();
        long nanos = now - clock;
        clock = now;
        return nanos;
    }

    private Workspace workspace(int steps, int rows) {
        Workspace kept = rows == Trainer.BLOCK ? whole : rest;
        if (kept != null && kept.steps == steps && kept.rows == rows) {
            return kept;
        }
        Workspace made = new Workspace(network, linear, kernels, steps, rows);
        if (kept != null) {
            kept.close();
        }
        if (rows == Trainer.BLOCK) {
            whole = made;
        } else {
            rest = made;
        }
        return made;
    }

    @Override
    public void close() {
        List<AutoCloseable> held = new ArrayList<>(kernels);
        held.add(linear);
        for (Workspace work : new Workspace[] {whole, rest}) {
            if (work != null) {
                held.add(work::close);
            }
        }
        Closing.all(held);
    }
}
