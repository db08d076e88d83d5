package org.qlif.training.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.training.GradientCollector;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.qlif.DrawStream;
import org.qlif.Kernel;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.Statistics;
import org.qlif.Tensor;
import org.qlif.training.NetworkShape;

/**
 * Linear, QLIF, mean over time, linear, cross-entropy. The second linear layer comes after the mean, which is the same as the
 * mean of its outputs and T times cheaper.
 *
 * <p>The engine can't differentiate through a kernel, so the gradient goes in two phases: the engine's own autograd from the
 * loss down to the mean spike values, which are a leaf to it; then the kernel's backward run and the two products that are the
 * gradient of the first layer.
 */
final class Network implements AutoCloseable {
    /** Something Adam updates: the engine's view of it, and its gradient once that is known. */
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
     * What a step found, and the time it spent in the kernel.
     *
     * @param divergence what is not finite any more, for people; null if all is
     */
    record Outcome(double loss, int correct, long neuronNanos, String divergence) {
        private Outcome diverged(String what) {
            return divergence == null ? new Outcome(loss, correct, neuronNanos, what) : this;
        }
    }

    private final NetworkShape shape;
    private final double clipGrad;
    private final Kernel kernel;
    private final NDManager manager;
    private final Arena arena = Arena.ofShared();
    /** Owns what no inner scope does: the arrays over the arena, and the moments that Adam allocates on its first update. */
    private final NDScope scope = new NDScope();

    private final Parameters parameters;
    /** Of homeostasis, carried from step to step and left alone in tests: docs/model.md, section 5; null without. */
    private final Statistics statistics;
    /** Those that Adam updates. */
    private final Parameters learned;
    /** Whose useful ranges an update keeps them in. */
    private final QlifConfig ranges;

    private final Parameters gradParameters;
    private final Learnable hiddenWeight;
    private final Learnable hiddenBias;
    private final Learnable outputWeight;
    private final Learnable outputBias;
    private final List<Learnable> learnables = new ArrayList<>();
    private final Optimizer optimizer;
    private final Loss loss = Loss.softmaxCrossEntropyLoss();
    private final Map<Integer, Workspace> training = new HashMap<>();
    private final Map<Integer, Workspace> testing = new HashMap<>();

    /**
     * Borrows {@code kernel}, which has to stay open as long as this. One thread opens, uses and closes this.
     *
     * @param learned the neurons' parameters that Adam updates
     */
    Network(
            NetworkShape shape,
            QlifConfig config,
            List<? extends NeuronParameter> learned,
            Kernel kernel,
            int threads,
            double learningRate,
            double clipGrad,
            long seed) {
        this.shape = shape;
        this.clipGrad = clipGrad;
        // A threshold that is fixed because its steps are 0 (NeuronPreset) stays where one that adapts would be.
        this.ranges = config.toBuilder()
                .adaptiveThreshold(QlifConfig.AdaptiveThreshold::on)
                .build();
        this.kernel = kernel;
        this.manager = TorchEngine.open(threads);
        SplittableRandom random = new SplittableRandom(Seeds.of(seed, Seeds.Purpose.WEIGHTS, 0));
        hiddenWeight = linear("hidden.weight", random, shape.inputs(), shape.hidden(), shape.inputs());
        hiddenBias = linear("hidden.bias", random, shape.inputs(), shape.hidden());
        outputWeight = linear("output.weight", random, shape.hidden(), shape.classes(), shape.hidden());
        outputBias = linear("output.bias", random, shape.hidden(), shape.classes());
        outputWeight.value.setRequiresGradient(true);
        outputBias.value.setRequiresGradient(true);
        parameters = Parameters.none(config);
        statistics = config.homeostasis().enabled() ? Statistics.initial(config, shape.hidden()) : null;
        gradParameters = Parameters.none(config);
        this.learned = Parameters.none(config);
        for (QlifParameter parameter : config.parameters()) {
            addNeuronParameter(config, parameter, learned.contains(parameter));
        }
        optimizer = Optimizer.adam()
                .optLearningRateTracker(Tracker.fixed((float) learningRate))
                .build();
    }

    /** Uniform in +-1/sqrt(fan-in), as PyTorch starts its linear layers. */
    private Learnable linear(String name, SplittableRandom random, int fanIn, long... extents) {
        double bound = 1 / Math.sqrt(fanIn);
        float[] values = new float[Math.toIntExact(new Shape(extents).size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-bound, bound);
        }
        return learnable(name, SharedArray.zeros(arena, manager, extents).set(values));
    }

    private void addNeuronParameter(QlifConfig config, QlifParameter parameter, boolean learned) {
        SharedArray value = SharedArray.zeros(arena, manager, shape.hidden());
        value.tensor().fill(config.defaultValue(parameter));
        parameters.set(parameter, value.tensor());
        if (learned) {
            SharedArray gradient = SharedArray.zeros(arena, manager, shape.hidden());
            gradParameters.set(parameter, gradient.tensor());
            this.learned.set(parameter, value.tensor());
            learnable(parameter.symbol(), value).gradient = gradient.array();
        }
    }

    private Learnable learnable(String name, SharedArray value) {
        Learnable learnable = new Learnable(name, value.array());
        learnables.add(learnable);
        return learnable;
    }

    /** The statistics of homeostasis, or null. */
    Statistics statistics() {
        return statistics;
    }

    List<Learnable> learnables() {
        return List.copyOf(learnables);
    }

    /** The memory for training steps of this batch size. */
    Workspace trainingWorkspace(int batch) {
        return training.computeIfAbsent(
                batch,
                b -> new Workspace(arena, manager, kernel, shape, b, parameters, gradParameters, statistics != null));
    }

    /** The memory for tests of this batch size. */
    Workspace testWorkspace(int batch) {
        return testing.computeIfAbsent(
                batch, b -> new Workspace(arena, manager, kernel, shape, b, parameters, null, statistics != null));
    }

    /** One step of Adam on the workspace's spikes; after a divergence, which the outcome tells, nothing here can be used. */
    Outcome train(Workspace work, int[] labels, DrawStream draws) {
        Outcome outcome = gradients(work, labels, draws);
        if (statistics != null) {
            statistics.update(work.end);
        }
        double norm = gradientNorm();
        if (!Double.isFinite(norm)) {
            outcome = outcome.diverged("the norm of the gradients is " + norm);
        }
        if (outcome.divergence() == null) {
            clip(norm);
            for (Learnable learnable : learnables) {
                optimizer.update(learnable.name, learnable.value, learnable.gradient);
            }
            // Before the values are clamped, which would make a number of an infinity.
            outcome = outcome.diverged(unbounded());
            if (outcome.divergence() == null) {
                learned.clamp(ranges);
            }
        }
        closeGradients();
        return outcome;
    }

    /** What was learned that is not finite any more, or null. */
    private String unbounded() {
        for (Learnable learnable : learnables) {
            double norm = Math.sqrt(squares(learnable.value));
            if (!Double.isFinite(norm)) {
                return "the norm of " + learnable.name + " is " + norm;
            }
        }
        return null;
    }

    /** Those of the weights are made anew at each step; those of the neurons are the kernel's and stay. */
    void closeGradients() {
        for (Learnable weight : List.of(hiddenWeight, hiddenBias, outputWeight, outputBias)) {
            weight.gradient.close();
        }
    }

    /** The outcome on the workspace's spikes, with nothing learned. */
    Outcome test(Workspace work, int[] labels, DrawStream draws) {
        try (NDScope step = new NDScope()) {
            step.suppressNotUsedWarning();
            NDArray current = current(work);
            long neuronNanos = fire(work, current, draws);
            NDArray logits = output(work.values.array().mean(new int[] {0}));
            double lossValue = lossOf(logits, labels).getFloat();
            return new Outcome(lossValue, correct(logits, labels), neuronNanos, divergence(lossValue, logits));
        }
    }

    /** Sets the gradient of every learnable; the caller ends with {@link #closeGradients}. */
    Outcome gradients(Workspace work, int[] labels, DrawStream draws) {
        try (NDScope step = new NDScope()) {
            step.suppressNotUsedWarning();
            NDArray current = current(work);
            long neuronNanos = fire(work, current, draws);

            NDArray rate = work.values.array().mean(new int[] {0});
            rate.setRequiresGradient(true);
            double lossValue;
            int correct;
            String divergence;
            try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
                NDArray logits = output(rate);
                NDArray lossArray = lossOf(logits, labels);
                collector.backward(lossArray);
                lossValue = lossArray.getFloat();
                correct = correct(logits, labels);
                divergence = divergence(lossValue, logits);
            }
            outputWeight.gradient = kept(outputWeight.value.getGradient());
            outputBias.gradient = kept(outputBias.value.getGradient());

            spreadOverTime(rate.getGradient(), work);
            long start = System.nanoTime();
            kernel.backward(work.backward);
            neuronNanos += System.nanoTime() - start;

            NDArray gradCurrent = work.gradCurrent.array();
            hiddenWeight.gradient = kept(gradCurrent.transpose().matMul(work.spikes.array()));
            hiddenBias.gradient = kept(gradCurrent.sum(new int[] {0}));
            return new Outcome(lossValue, correct, neuronNanos, divergence);
        }
    }

    /** What is not finite of the network's answer, or null. The loss alone would not tell: it may pass over a logit. */
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

    private static NDArray kept(NDArray array) {
        NDScope.unregister(array);
        return array;
    }

    private NDArray current(Workspace work) {
        return Linear.linear(work.spikes.array(), hiddenWeight.value, hiddenBias.value)
                .singletonOrThrow();
    }

    /** Runs the kernel on the engine's own memory of {@code current}, which has to live until the backward run is over. */
    private long fire(Workspace work, NDArray current, DrawStream draws) {
        work.forward
                .input(SharedArray.view(current, shape.steps(), work.batch, shape.hidden()))
                .draws(draws);
        if (statistics != null) {
            statistics.applyTo(work.start);
        }
        long start = System.nanoTime();
        kernel.forward(work.forward);
        return System.nanoTime() - start;
    }

    private NDArray output(NDArray rate) {
        return Linear.linear(rate, outputWeight.value, outputBias.value).singletonOrThrow();
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

    /** The gradient of the mean over time: each step gets its share. It takes the place of the values, which are used up. */
    private void spreadOverTime(NDArray gradRate, Workspace work) {
        NDArray share = gradRate.div(shape.steps());
        MemorySegment source =
                SharedArray.view(share, work.batch, shape.hidden()).segment();
        MemorySegment target = work.values.segment();
        for (long t = 0; t < shape.steps(); t++) {
            MemorySegment.copy(source, 0, target, t * source.byteSize(), source.byteSize());
        }
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

    /** Infinite, too, where the square of a gradient is past float32: one that large is a divergence. */
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
        // The arrays lie in the arena's memory, so they go first: resources close in reverse order.
        try (arena;
                manager;
                scope) {
            training.values().forEach(Workspace::close);
            testing.values().forEach(Workspace::close);
        }
    }
}
