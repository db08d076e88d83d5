// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.QlifConfig;
import org.qlif.Statistics;
import org.qlif.Tensor;

/**
 * A network of layers in a row: linear layers driven by spikes, each followed by neurons, and at the end a readout, a linear layer over the
 * mean of the spike values over time. It only holds the values; {@link Trainer} runs it.
 *
 * <p>Layers have positions from 0, which are also the streams of their draws. Learned tensors are named by position: {@code 0.weight},
 * {@code 0.bias}, {@code 1.v_th}. Weights and biases start uniform in ±1/√K, where K is the number of the layer's inputs, by the seed;
 * neuron parameters start as configured, with one value per neuron.
 *
 * <pre>{@code
 * Network network = Network.builder(784)
 *         .linear(512)
 *         .neurons(QlifConfig.defaults(), QlifParameter.V_TH, QlifParameter.Q_SCALE)
 *         .readout(10)
 *         .seed(42)
 *         .build();
 * float[] weights = network.get("0.weight").toFloatArray(); // (784, 512)
 * }</pre>
 *
 * <p>Not thread-safe; change nothing while a trainer's call runs.
 */
public final class Network {
    private static final long WEIGHTS = 2;

    private final int inputs;
    private final List<Layer> layers;
    private final List<Learnable> learnables;
    private final float[] values;

    private Network(Builder builder) {
        inputs = builder.inputs;
        learnables = List.copyOf(builder.learnables);
        values = new float[builder.size];
        List<Layer> made = new ArrayList<>();
        for (Builder.Plan plan : builder.plans) {
            made.add(
                    switch (plan) {
                        case Builder.LinearPlan linear -> linear(linear, builder.seed);
                        case Builder.NeuronPlan neurons -> neurons(neurons);
                    });
        }
        layers = List.copyOf(made);
    }

    private Layer linear(Builder.LinearPlan plan, long seed) {
        double bound = 1 / Math.sqrt(plan.inputs());
        for (Learnable learnable : List.of(plan.weights(), plan.biases())) {
            long key = Mix.key(seed, WEIGHTS, learnable.at());
            for (int i = 0; i < learnable.length(); i++) {
                values[learnable.at() + i] = (float) (Mix.symmetric(Mix.bits(key, i)) * bound);
            }
        }
        return new Layer.Linear(
                plan.position(),
                plan.weights(),
                plan.biases(),
                plan.weights().in(values),
                plan.biases().in(values));
    }

    private Layer neurons(Builder.NeuronPlan plan) {
        Parameters parameters = Parameters.perNeuron(plan.config(), plan.neurons());
        for (Layer.Learned learned : plan.learned()) {
            Tensor tensor = learned.learnable().in(values);
            tensor.fill(plan.config().defaultValue(learned.parameter()));
            parameters.set(learned.parameter(), tensor);
        }
        boolean carries =
                plan.config() instanceof QlifConfig qlif && qlif.homeostasis().enabled();
        Statistics statistics = carries ? Statistics.initial(plan.config(), plan.neurons()) : null;
        return new Layer.Neurons(
                plan.position(), plan.config(), plan.neurons(), parameters, plan.learned(), statistics);
    }

    /**
     * A builder of a network.
     *
     * @param inputs the inputs of the first layer, at least 1
     * @throws IllegalArgumentException if it is less
     */
    public static Builder builder(int inputs) {
        return new Builder(inputs);
    }

    /** The number of inputs. */
    public int inputs() {
        return inputs;
    }

    /** The number of outputs. */
    public int outputs() {
        return ((Layer.Linear) layers.getLast()).outputs();
    }

    /** The names of the learned tensors, from the first layer to the last. */
    public List<String> names() {
        return learnables.stream().map(Learnable::name).toList();
    }

    /**
     * The learned tensor of this name, live: values written to it take effect.
     *
     * @throws IllegalArgumentException if there are no learned values of this name
     */
    public Tensor get(String name) {
        return learnable(name).in(values);
    }

    /**
     * The parameters of the neurons at a position, live, including those that are not learned. Don't replace the tensors of learned ones: a
     * trainer refuses others.
     *
     * @throws IllegalArgumentException if there are no neurons there
     */
    public Parameters parameters(int position) {
        return neurons(position).parameters();
    }

    /**
     * The configuration of the neurons at a position.
     *
     * @throws IllegalArgumentException if there are no neurons there
     */
    public NeuronConfig config(int position) {
        return neurons(position).config();
    }

    /**
     * The statistics of the neurons at a position, live: training carries them from step to step, and tests don't change them. Null if the
     * model has none.
     *
     * @throws IllegalArgumentException if there are no neurons there
     */
    public @Nullable Statistics statistics(int position) {
        return neurons(position).statistics();
    }

    Learnable learnable(String name) {
        for (Learnable learnable : learnables) {
            if (learnable.name().equals(name)) {
                return learnable;
            }
        }
        throw new IllegalArgumentException("name: got '" + name + "', expected one of " + names());
    }

    Layer.Neurons neurons(int position) {
        if (position >= 0 && position < layers.size() && layers.get(position) instanceof Layer.Neurons neurons) {
            return neurons;
        }
        throw new IllegalArgumentException("position: got " + position + ", expected that of neurons, one of "
                + layers.stream()
                        .filter(Layer.Neurons.class::isInstance)
                        .map(layer -> ((Layer.Neurons) layer).position())
                        .toList());
    }

    List<Layer> layers() {
        return layers;
    }

    /** Whether {@code other} has the same layers, neurons and learned tensors, apart from the values. */
    boolean isLike(Network other) {
        return inputs == other.inputs
                && learnables.equals(other.learnables)
                && configs().equals(other.configs());
    }

    private List<NeuronConfig> configs() {
        List<NeuronConfig> configs = new ArrayList<>();
        for (Layer layer : layers) {
            if (layer instanceof Layer.Neurons neurons) {
                configs.add(neurons.config());
            }
        }
        return configs;
    }

    /** Throws if the tensor of a learned parameter was replaced. */
    void requireLearnedInPlace() {
        for (Layer layer : layers) {
            if (!(layer instanceof Layer.Neurons neurons)) {
                continue;
            }
            for (Layer.Learned learned : neurons.learned()) {
                Learnable learnable = learned.learnable();
                Tensor tensor = neurons.parameters().get(learned.parameter());
                if (tensor == null
                        || !tensor.memory().equals(learnable.in(values).memory())) {
                    throw new IllegalStateException(learnable.name() + ": its tensor was replaced by " + tensor
                            + "; expected its values to be written into get(\"" + learnable.name() + "\")");
                }
            }
        }
    }

    List<Learnable> learnables() {
        return learnables;
    }

    /** All learned values, live. */
    float[] values() {
        return values;
    }

    /** The widths, from the inputs to the outputs, and what is learned. */
    @Override
    public String toString() {
        StringBuilder widths = new StringBuilder().append(inputs);
        for (Layer layer : layers) {
            if (layer instanceof Layer.Linear linear) {
                widths.append('-').append(linear.outputs());
            }
        }
        return "Network[" + widths + ", learns " + names() + "]";
    }

    /**
     * Builds a network, from the first layer to the last.
     *
     * <pre>{@code
     * Network deep = Network.builder(784)
     *         .linear(256).neurons(LifConfig.defaults())
     *         .linear(128).neurons(QlifConfig.defaults(), QlifParameter.V_TH)
     *         .readout(10)
     *         .build();
     * }</pre>
     */
    public static final class Builder {
        sealed interface Plan {}

        record LinearPlan(int position, int inputs, Learnable weights, Learnable biases) implements Plan {}

        record NeuronPlan(int position, NeuronConfig config, int neurons, List<Layer.Learned> learned)
                implements Plan {}

        private final int inputs;
        private final List<Plan> plans = new ArrayList<>();
        private final List<Learnable> learnables = new ArrayList<>();
        private int size;
        private int width;
        private long seed;
        private boolean complete;

        private Builder(int inputs) {
            Checks.atLeast("inputs", inputs, 1);
            this.inputs = inputs;
            this.width = inputs;
        }

        /** Sets the seed of the initial weights, any number; 0 unless set. */
        public Builder seed(long seed) {
            this.seed = seed;
            return this;
        }

        /**
         * Adds a linear layer over the inputs or the spike values of the neurons below.
         *
         * @param outputs how many outputs it has, at least 1
         * @throws IllegalArgumentException if {@code outputs} is less, or the weights are too many for an array
         * @throws IllegalStateException if the layer below is linear, or there is a readout already
         */
        public Builder linear(int outputs) {
            if (complete || !plans.isEmpty() && plans.getLast() instanceof LinearPlan) {
                throw new IllegalStateException("linear: comes after " + last() + ", expected after neurons or first");
            }
            Checks.atLeast("outputs", outputs, 1);
            if ((long) width * outputs + outputs + size > Integer.MAX_VALUE - 8) {
                throw new IllegalArgumentException("outputs: got " + outputs + " over " + width
                        + " inputs, expected fewer: all learned values must fit into one array");
            }
            int position = plans.size();
            Learnable weights = learnable(position + ".weight", width, outputs);
            Learnable biases = learnable(position + ".bias", outputs);
            plans.add(new LinearPlan(position, width, weights, biases));
            width = outputs;
            return this;
        }

        /**
         * Adds neurons, as many as the linear layer below has outputs.
         *
         * @param config which neurons
         * @param learned the parameters to learn, besides the weights
         * @throws IllegalArgumentException if the model doesn't have such a parameter, or it is named twice
         * @throws IllegalStateException if the layer below is not linear
         */
        public Builder neurons(NeuronConfig config, NeuronParameter... learned) {
            Objects.requireNonNull(config, "config");
            if (complete || plans.isEmpty() || !(plans.getLast() instanceof LinearPlan)) {
                throw new IllegalStateException("neurons: come after " + last() + ", expected after a linear layer");
            }
            Objects.requireNonNull(learned, "learned");
            Set<NeuronParameter> distinct = new LinkedHashSet<>(Arrays.asList(learned));
            if (distinct.size() < learned.length || !config.parameters().containsAll(distinct)) {
                throw new IllegalArgumentException("learned: got " + Arrays.toString(learned) + ", expected some of "
                        + config.parameters() + ", each once");
            }
            int position = plans.size();
            List<Layer.Learned> named = new ArrayList<>();
            for (NeuronParameter parameter : config.parameters()) {
                if (distinct.contains(parameter)) {
                    named.add(new Layer.Learned(parameter, learnable(position + "." + parameter.symbol(), width)));
                }
            }
            plans.add(new NeuronPlan(position, config, width, List.copyOf(named)));
            return this;
        }

        /**
         * Adds the last layer: the mean of the spike values over time, and a linear layer over it.
         *
         * @param outputs how many outputs it has, at least 1
         * @throws IllegalArgumentException if {@code outputs} is less, or the weights are too many for an array
         * @throws IllegalStateException if the layer below does not consist of neurons
         */
        public Builder readout(int outputs) {
            if (complete || plans.isEmpty() || !(plans.getLast() instanceof NeuronPlan)) {
                throw new IllegalStateException("readout: comes after " + last() + ", expected after neurons");
            }
            linear(outputs);
            complete = true;
            return this;
        }

        /**
         * The network.
         *
         * @throws IllegalStateException if it has no readout yet
         */
        public Network build() {
            if (!complete) {
                throw new IllegalStateException("build: the last layer is " + last() + ", expected a readout");
            }
            return new Network(this);
        }

        private String last() {
            if (plans.isEmpty()) {
                return "nothing";
            }
            return complete ? "the readout" : plans.getLast() instanceof LinearPlan ? "a linear layer" : "neurons";
        }

        private Learnable learnable(String name, Integer... extents) {
            Learnable learnable = new Learnable(name, size, List.of(extents));
            learnables.add(learnable);
            size += learnable.length();
            return learnable;
        }
    }
}
