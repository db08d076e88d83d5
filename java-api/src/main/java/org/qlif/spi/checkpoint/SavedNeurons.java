// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.checkpoint;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.qlif.DrawStream;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.State;
import org.qlif.StateVariable;
import org.qlif.Statistics;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;

/**
 * A layer of neurons in a checkpoint: docs/checkpoints.md.
 *
 * @param config the configuration
 * @param neurons N
 * @param learnable the parameters that an optimizer changes, by ordinal
 * @param parameters all parameters, of shape (N) or (1) each
 * @param state what the next step starts from; null for a fresh state
 * @param statistics what fresh states start from; null for initial values
 * @param draws what the run of the state, or the next one, draws; null if it was never set
 * @param source what the draws of later runs are derived from; null if it was never set
 * @param episode the index of the run of the state, or of the next one
 * @param evaluations the number of evaluations so far
 */
public record SavedNeurons(
        NeuronConfig config,
        long neurons,
        List<? extends NeuronParameter> learnable,
        Parameters parameters,
        @Nullable State state,
        @Nullable Statistics statistics,
        @Nullable DrawStream draws,
        @Nullable Source source,
        int episode,
        int evaluations) {
    /**
     * The most neurons in a file. A reader allocates the statistics of as many neurons as a number in the file says, so the number must be
     * bounded.
     */
    private static final long MAX_NEURONS = 1 << 24;

    private static final long MAX_STEP = 1L << 33;

    /**
     * What the draws of a layer's runs are derived from.
     *
     * @param seed the seed
     * @param stream distinguishes layers with the same seed
     */
    public record Source(long seed, int stream) {}

    /** The prefix of the names of layer {@code index}. */
    public static String prefix(int index) {
        return "layers." + index + ".";
    }

    /** The name of a parameter's tensor. */
    public static String parameter(int index, NeuronParameter parameter) {
        return prefix(index) + "parameters." + parameter.symbol();
    }

    /**
     * Adds these neurons as layer {@code index}.
     *
     * @throws IllegalStateException if {@link #read} would refuse it: the configuration has a custom transform, there are more than
     *     2^24 neurons, a parameter is out of its range or has another length, the state has no rows or is beyond step 2^33; or if a tensor
     *     is in a device's memory
     */
    public void write(CheckpointWriter to, int index) {
        String at = prefix(index);
        requireReadable();
        to.text(at + "type", "neurons");
        to.text(at + "config", config.toString());
        to.whole(at + "neurons", neurons);
        to.text(
                at + "learnable",
                learnable.stream().map(NeuronParameter::symbol).collect(Collectors.joining(" ")));
        for (NeuronParameter parameter : config.parameters()) {
            to.tensor(parameter(index, parameter), Objects.requireNonNull(parameters.get(parameter)));
        }
        if (state != null) {
            to.whole(at + "step", state.step());
            for (StateVariable variable : config.stateVariables()) {
                to.tensor(at + "state." + variable.symbol(), state.get(variable));
            }
        }
        if (statistics != null) {
            for (StateVariable variable : statistics.variables()) {
                to.tensor(at + "statistics." + variable.symbol(), statistics.get(variable));
            }
        }
        if (draws != null) {
            to.whole(at + "draws.seed", draws.seed());
            to.whole(at + "draws.stream", draws.stream());
            to.whole(at + "draws.element_offset", draws.elementOffset());
        }
        if (source != null) {
            to.whole(at + "seed", source.seed());
            to.whole(at + "stream", source.stream());
        }
        to.whole(at + "episode", episode);
        to.whole(at + "evaluations", evaluations);
    }

    /** Throws if {@link #read} would refuse what is written, so that no such file replaces a good one. */
    private void requireReadable() {
        requireText();
        if (neurons > MAX_NEURONS) {
            throw new IllegalStateException(
                    "neurons: got " + neurons + ", expected at most " + MAX_NEURONS + " in a checkpoint");
        }
        for (NeuronParameter parameter : config.parameters()) {
            Tensor tensor = parameters.get(parameter);
            if (tensor == null || tensor.elements() != neurons && tensor.elements() != 1) {
                throw new IllegalStateException(parameter.symbol() + ": got " + (tensor == null ? "no tensor" : tensor)
                        + ", expected " + neurons + " values, or 1");
            }
        }
        try {
            parameters.requireValid(config);
        } catch (IllegalArgumentException refused) {
            throw new IllegalStateException(refused.getMessage(), refused);
        }
        if (state != null && state.batch() == 0) {
            throw new IllegalStateException("state: got one of a batch of 0, expected at least 1 in a checkpoint");
        }
        if (state != null && state.step() > MAX_STEP) {
            throw new IllegalStateException(
                    "step: got " + state.step() + ", expected at most " + MAX_STEP + " in a checkpoint");
        }
    }

    private void requireText() {
        String text = config.toString();
        try {
            if (NeuronConfig.parse(text).equals(config)) {
                return;
            }
        } catch (IllegalArgumentException custom) {
            throw new IllegalStateException(
                    "config: got " + text + ", expected one that its text can reproduce", custom);
        }
        throw new IllegalStateException("config: got " + text + ", expected one that its text can reproduce");
    }

    /**
     * Reads layer {@code index}, which the file says is neurons.
     *
     * @throws FileFormatException if something is missing or malformed
     */
    public static SavedNeurons read(CheckpointReader from, int index) throws FileFormatException {
        String at = prefix(index);
        from.parsed(at + "type", type -> {
            if (!type.equals("neurons")) {
                throw new IllegalArgumentException("got " + CheckpointReader.quoted(type) + ", expected 'neurons'");
            }
            return type;
        });
        NeuronConfig config = from.parsed(at + "config", NeuronConfig::parse);
        long neurons = from.whole(at + "neurons", 1, MAX_NEURONS);
        List<NeuronParameter> learnable = learnable(from, at, config);
        Parameters parameters = parameters(from, index, config, neurons);
        Source source = null;
        if (from.has(at + "seed") || from.has(at + "stream")) {
            source = new Source(from.whole(at + "seed", Long.MIN_VALUE, Long.MAX_VALUE), (int)
                    from.whole(at + "stream", Integer.MIN_VALUE, Integer.MAX_VALUE));
        }
        return new SavedNeurons(
                config,
                neurons,
                learnable,
                parameters,
                state(from, at, config, neurons),
                statistics(from, at, config, neurons),
                draws(from, at),
                source,
                (int) from.whole(at + "episode", 0, Integer.MAX_VALUE, 0),
                (int) from.whole(at + "evaluations", 0, Integer.MAX_VALUE, 0));
    }

    private static List<NeuronParameter> learnable(CheckpointReader from, String at, NeuronConfig config)
            throws FileFormatException {
        String name = at + "learnable";
        String text = from.textOrNull(name);
        List<String> names = text == null || text.isEmpty() ? List.of() : List.of(text.split(" ", -1));
        List<NeuronParameter> learnable = new ArrayList<>();
        for (NeuronParameter parameter : config.parameters()) {
            if (names.contains(parameter.symbol())) {
                learnable.add(parameter);
            }
        }
        if (!learnable.stream().map(NeuronParameter::symbol).toList().equals(names)) {
            throw from.refusal(
                    name,
                    CheckpointReader.quoted(String.valueOf(text)),
                    "some of '"
                            + config.parameters().stream()
                                    .map(NeuronParameter::symbol)
                                    .collect(Collectors.joining(" "))
                            + "', in this order");
        }
        return List.copyOf(learnable);
    }

    private static Parameters parameters(CheckpointReader from, int index, NeuronConfig config, long neurons)
            throws FileFormatException {
        Parameters parameters = Parameters.none(config);
        for (NeuronParameter parameter : config.parameters()) {
            parameters.set(parameter, from.tensor(parameter(index, parameter), new long[] {neurons}, new long[] {1}));
        }
        return from.checked(prefix(index) + "parameters", parameters, each -> {
            each.requireValid(config);
            return each;
        });
    }

    private static @Nullable State state(CheckpointReader from, String at, NeuronConfig config, long neurons)
            throws FileFormatException {
        List<? extends StateVariable> variables = config.stateVariables();
        if (variables.stream().noneMatch(each -> from.hasTensor(at + "state." + each.symbol()))) {
            return null;
        }
        String first = at + "state." + variables.getFirst().symbol();
        long[] shape = from.shape(first);
        if (shape.length != 2 || shape[0] < 1 || shape[1] != neurons) {
            throw from.refusal(
                    "tensor '" + first + "'",
                    "the shape " + Arrays.toString(shape),
                    "(B, " + neurons + ") with B of at least 1");
        }
        List<Tensor> tensors = new ArrayList<>();
        for (StateVariable variable : variables) {
            tensors.add(from.tensor(at + "state." + variable.symbol(), new long[][] {shape}));
        }
        return State.of(config, tensors).step(from.whole(at + "step", 0, MAX_STEP));
    }

    private static @Nullable Statistics statistics(CheckpointReader from, String at, NeuronConfig config, long neurons)
            throws FileFormatException {
        if (config.stateVariables().stream()
                .filter(StateVariable::averaged)
                .noneMatch(each -> from.hasTensor(at + "statistics." + each.symbol()))) {
            return null;
        }
        Statistics statistics = Statistics.initial(config, neurons);
        for (StateVariable variable : statistics.variables()) {
            statistics.get(variable).copyFrom(from.tensor(at + "statistics." + variable.symbol(), new long[] {neurons
            }));
        }
        return statistics;
    }

    private static @Nullable DrawStream draws(CheckpointReader from, String at) throws FileFormatException {
        String seed = at + "draws.seed";
        String stream = at + "draws.stream";
        String offset = at + "draws.element_offset";
        if (!from.has(seed) && !from.has(stream) && !from.has(offset)) {
            return null;
        }
        return new DrawStream(
                from.whole(seed, Long.MIN_VALUE, Long.MAX_VALUE),
                (int) from.whole(stream, Integer.MIN_VALUE, Integer.MAX_VALUE),
                from.whole(offset, 0, Long.MAX_VALUE, 0));
    }
}
