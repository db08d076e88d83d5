// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.qlif.Device;
import org.qlif.DrawStream;
import org.qlif.Forward;
import org.qlif.KernelOptions;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Statistics;
import org.qlif.Tensor;
import org.qlif.djl.QlifBlock;
import org.qlif.djl.QlifTrainer;
import org.qlif.training.NetworkShape;

/**
 * Linear, QLIF, mean over time, linear, cross-entropy. The second linear layer comes after the mean, which is the same as the
 * mean of its outputs and T times cheaper.
 */
final class Network implements AutoCloseable {
    /** Something Adam updates: the engine's array, and its gradient once that is known. */
    static final class Learnable {
        final String name;
        final NDArray value;
        NDArray gradient;

        private Learnable(String name, NDArray value) {
            this.name = name;
            this.value = value;
        }
    }

    /**
     * The result of a step, and the time it spent in the kernel.
     *
     * @param divergence what is no longer finite, for messages; null if everything is
     */
    record Outcome(double loss, int correct, long neuronNanos, String divergence) {
        private Outcome diverged(String what) {
            return divergence == null ? new Outcome(loss, correct, neuronNanos, what) : this;
        }
    }

    private final NetworkShape shape;
    private final QlifConfig config;
    private final double clipGrad;
    private final Arena arena = Arena.ofShared();
    private final NDManager manager;
    /** Owns what no inner scope owns: parameters, inputs, and the moments that Adam allocates at its first update. */
    private final NDScope scope = new NDScope();

    private final Model model;
    private final QlifTrainer trainer;
    private final Block hidden;
    private final QlifBlock neurons;
    private final Loss loss = Loss.softmaxCrossEntropyLoss();
    private final Optimizer optimizer;
    private final List<Learnable> learnables = new ArrayList<>();
    /** The neurons' parameters that Adam updates. */
    private final Parameters learned;
    /** The parameters that an update keeps in their useful ranges. */
    private final QlifConfig ranges;

    private final Map<Integer, SharedArray> spikes = new HashMap<>();

    /** What the next call of the neurons draws. */
    private DrawStream draws = new DrawStream(0, 0);

    /**
     * One thread opens, uses and closes this.
     *
     * @param learned the neurons' parameters that Adam updates
     */
    Network(
            NetworkShape shape,
            QlifConfig config,
            List<? extends NeuronParameter> learned,
            Device device,
            int threads,
            double learningRate,
            double clipGrad,
            long seed) {
        this.shape = shape;
        this.config = config;
        this.clipGrad = clipGrad;
        // A threshold that does not adapt because its step is 0 (NeuronPreset) is clamped like one that adapts.
        ranges = config.toBuilder()
                .adaptiveThreshold(QlifConfig.AdaptiveThreshold::on)
                .build();
        optimizer = Optimizer.adam()
                .optLearningRateTracker(Tracker.fixed((float) learningRate))
                .build();
        manager = TorchEngine.open(threads);
        hidden = Linear.builder().setUnits(shape.hidden()).build();
        neurons = QlifBlock.builder()
                .optConfig(config)
                .optLearned(learned.toArray(QlifParameter[]::new))
                .optDevice(device.text())
                .optKernelOptions(KernelOptions.defaults().withThreads(threads))
                .optDraws(() -> draws)
                .build();
        Block output = Linear.builder().setUnits(shape.classes()).build();
        model = Model.newInstance("digits", ai.djl.Device.cpu(), "PyTorch");
        model.setBlock(new SequentialBlock()
                .add(hidden)
                .addSingleton(current -> current.reshape(shape.steps(), -1, shape.hidden()))
                .add(neurons)
                .addSingleton(values -> values.mean(new int[] {0}))
                .add(output));
        trainer = new QlifTrainer(
                model, new DefaultTrainingConfig(loss).optDevices(new ai.djl.Device[] {ai.djl.Device.cpu()}));
        trainer.initialize(new Shape(shape.steps(), shape.inputs()));
        SplittableRandom random = new SplittableRandom(Seeds.of(seed, Seeds.Purpose.WEIGHTS, 0));
        linear("hidden", hidden, random, shape.inputs());
        linear("output", output, random, shape.hidden());
        this.learned = Parameters.none(config);
        for (QlifParameter parameter : config.parameters()) {
            if (learned.contains(parameter)) {
                NDArray value = neuronArray(parameter.symbol());
                this.learned.set(parameter, SharedArray.view(value, shape.hidden()));
                learnables.add(new Learnable(parameter.symbol(), value));
            }
        }
    }

    /** Starts uniform in +-1/sqrt(fan-in), as PyTorch does. */
    private void linear(String name, Block block, SplittableRandom random, int fanIn) {
        double bound = 1 / Math.sqrt(fanIn);
        for (String part : List.of("weight", "bias")) {
            NDArray array = block.getParameters().get(part).getArray();
            Tensor values = SharedArray.view(array, array.size());
            for (long i = 0; i < values.elements(); i++) {
                values.setFloat(i, (float) random.nextDouble(-bound, bound));
            }
            learnables.add(new Learnable(name + "." + part, array));
        }
    }

    private NDArray neuronArray(String name) {
        return neurons.getParameters().get(name).getArray();
    }

    List<Learnable> learnables() {
        return List.copyOf(learnables);
    }

    /** The parameter's learned or starting values. */
    float[] neuronValues(QlifParameter parameter) {
        return neuronArray(parameter.symbol()).toFloatArray();
    }

    /** The means of homeostasis, docs/model.md, section 5: carried from step to step, and unchanged by tests. */
    float[] mean(StateVariable variable) {
        return neuronArray(variable.symbol()).toFloatArray();
    }

    /** (T * B, inputs), for an encoder to write to: the memory for steps and tests of this batch size, which all of them reuse. */
    SharedArray spikes(int batch) {
        return spikes.computeIfAbsent(
                batch, b -> SharedArray.zeros(arena, manager, (long) shape.steps() * b, shape.inputs()));
    }

    /** One step of Adam on these spikes. After a divergence, which the outcome reports, this network can't be used. */
    Outcome train(SharedArray spikes, int[] labels, DrawStream draws) {
        Outcome outcome = gradients(spikes, labels, draws);
        double norm = gradientNorm();
        if (!Double.isFinite(norm)) {
            outcome = outcome.diverged("the norm of the gradients is " + norm);
        }
        if (outcome.divergence() == null) {
            clip(norm);
            for (Learnable learnable : learnables) {
                optimizer.update(learnable.name, learnable.value, learnable.gradient);
            }
            // Called before the values are clamped, which would make an infinity finite.
            outcome = outcome.diverged(unbounded());
            if (outcome.divergence() == null) {
                learned.clamp(ranges);
            }
        }
        closeGradients();
        return outcome;
    }

    /** The learned values that are no longer finite, or null. */
    private String unbounded() {
        for (Learnable learnable : learnables) {
            double norm = Math.sqrt(squares(learnable.value));
            if (!Double.isFinite(norm)) {
                return "the norm of " + learnable.name + " is " + norm;
            }
        }
        return null;
    }

    /** The engine's are only lent. */
    void closeGradients() {
        learnables.forEach(learnable -> learnable.gradient.close());
    }

    /** The outcome on these spikes, without learning. */
    Outcome test(SharedArray spikes, int[] labels, DrawStream draws) {
        try (NDScope step = new NDScope()) {
            step.suppressNotUsedWarning();
            this.draws = draws;
            long before = neurons.kernelNanos();
            NDArray logits = trainer.evaluate(new NDList(spikes.array())).singletonOrThrow();
            return outcome(lossOf(logits, labels), logits, labels, before);
        }
    }

    /** Sets the gradient of every learnable; the caller ends with {@link #closeGradients}. */
    Outcome gradients(SharedArray spikes, int[] labels, DrawStream draws) {
        try (NDScope step = new NDScope()) {
            step.suppressNotUsedWarning();
            this.draws = draws;
            long before = neurons.kernelNanos();
            NDArray logits;
            NDArray lossArray;
            try (GradientCollector collector = trainer.newGradientCollector()) {
                logits = trainer.forward(new NDList(spikes.array())).singletonOrThrow();
                lossArray = lossOf(logits, labels);
                collector.backward(lossArray);
            }
            for (Learnable learnable : learnables) {
                learnable.gradient = learnable.value.getGradient();
                NDScope.unregister(learnable.gradient);
            }
            return outcome(lossArray, logits, labels, before);
        }
    }

    private Outcome outcome(NDArray lossArray, NDArray logits, int[] labels, long neuronNanosBefore) {
        double value = lossArray.getFloat();
        long neuronNanos = neurons.kernelNanos() - neuronNanosBefore;
        return new Outcome(value, correct(logits, labels), neuronNanos, divergence(value, logits));
    }

    /** What is not finite in the network's outputs, or null. The loss is not enough to tell, since it may ignore a logit. */
    private static String divergence(double loss, NDArray logits) {
        if (!Double.isFinite(loss)) {
            return "the loss is " + loss;
        }
        for (float logit : logits.toFloatArray()) {
            if (!Float.isFinite(logit)) {
                return "a logit is " + logit;
            }
        }
        return null;
    }

    /** The neurons' call in a test of these spikes, without draws and results, for inspection. */
    Forward neuronCall(SharedArray spikes, int batch) {
        try (NDScope step = new NDScope()) {
            step.suppressNotUsedWarning();
            NDArray current = hidden.forward(new ParameterStore(manager, false), new NDList(spikes.array()), false)
                    .singletonOrThrow();
            Parameters parameters = Parameters.perNeuron(config, shape.hidden());
            for (QlifParameter parameter : config.parameters()) {
                parameters.get(parameter).copyFrom(Tensor.of(neuronValues(parameter), shape.hidden()));
            }
            State start = State.initial(config, batch, shape.hidden());
            if (config.homeostasis().enabled()) {
                Statistics means = Statistics.initial(config, shape.hidden());
                for (StateVariable variable : means.variables()) {
                    means.get(variable).copyFrom(Tensor.of(mean(variable), shape.hidden()));
                }
                means.applyTo(start);
            }
            return new Forward()
                    .input(Tensor.of(current.toFloatArray(), shape.steps(), batch, shape.hidden()))
                    .parameters(parameters)
                    .initialState(start);
        }
    }

    private NDArray lossOf(NDArray logits, int[] labels) {
        NDArray expected = logits.getManager().create(labels);
        return loss.evaluate(new NDList(expected), new NDList(logits));
    }

    private int correct(NDArray logits, int[] labels) {
        Tensor values = SharedArray.view(logits, labels.length, shape.classes());
        int correct = 0;
        for (int b = 0; b < labels.length; b++) {
            int best = 0;
            for (int c = 1; c < shape.classes(); c++) {
                long row = (long) b * shape.classes();
                best = values.getFloat(row + c) > values.getFloat(row + best) ? c : best;
            }
            correct += best == labels[b] ? 1 : 0;
        }
        return correct;
    }

    /** Scales all gradients, whose norm together is {@code norm}, to one of at most {@code clipGrad}. */
    void clip(double norm) {
        if (clipGrad != 0 && norm > clipGrad) {
            try (NDScope step = new NDScope()) {
                step.suppressNotUsedWarning();
                learnables.forEach(learnable -> learnable.gradient.muli(clipGrad / norm));
            }
        }
    }

    /** Also infinite if the square of a gradient overflows float32: such a gradient is a divergence. */
    double gradientNorm() {
        double squares = 0;
        for (Learnable learnable : learnables) {
            squares += squares(learnable.gradient);
        }
        return Math.sqrt(squares);
    }

    private static double squares(NDArray array) {
        try (NDScope step = new NDScope()) {
            step.suppressNotUsedWarning();
            NDArray flat = array.reshape(-1);
            return flat.dot(flat).getFloat();
        }
    }

    @Override
    public void close() {
        // The inputs are in the arena's memory, so they are closed first: resources close in reverse order.
        try (arena;
                manager) {
            try (model;
                    trainer;
                    scope) {
                // The trainer reads the parameters once more.
            } finally {
                neurons.clear();
            }
        }
    }
}
