// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.NeuronParameter;
import org.qlif.Parameters;
import org.qlif.Statistics;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.OutputFile;
import org.qlif.spi.checkpoint.CheckpointReader;
import org.qlif.spi.checkpoint.CheckpointWriter;
import org.qlif.spi.checkpoint.SavedNeurons;

/**
 * A network in a file, docs/checkpoints.md. If the network is being trained, the file also has what the training needs to continue with the
 * same bits as without a break: the optimizer's moments, the step and the place in the data. It does not contain threads or devices.
 *
 * <pre>{@code
 * Checkpoint.of(trainer).steps(20).place(new Checkpoint.Place(60_000, 42, 128, 3, 0)).write(Path.of("network.safetensors"));
 *
 * Checkpoint saved = Checkpoint.read(Path.of("network.safetensors"));
 * Checkpoint.Place place = saved.place(); // epoch 3, from its first row
 * try (Trainer resumed = saved.trainer().device("cpu").build()) {
 *     int[] rows = place.order().epoch(place.epoch());
 *     for (int from = place.row(); from < rows.length; from += place.batch()) {
 *         resumed.train(new Batch(encoder, loss, Arrays.copyOfRange(rows, from, Math.min(rows.length, from + place.batch()))));
 *     }
 * }
 * }</pre>
 *
 * <p>Not thread-safe.
 */
public final class Checkpoint {
    private static final String EXTRA = "extra.";
    private static final String STEPS = "encoder.steps";
    private static final String TRAINING = "training.";
    private static final String STEP = "training.step";
    private static final String CLIP = "training.clip";
    private static final String OPTIMIZER = "training.optimizer";
    private static final String ADAM = "training.adam.";
    private static final String ORDER = "training.order.";
    private static final long MOST_ELEMENTS = Integer.MAX_VALUE - 8;

    /**
     * Where a training is in its data.
     *
     * @param rows the number of rows in the order
     * @param seed the seed of the {@link DataOrder}
     * @param batch the rows of a step, at least 1
     * @param epoch the epoch, from 0
     * @param row the number of the epoch's rows that have been trained on, 0 to {@code rows}
     */
    public record Place(int rows, long seed, int batch, int epoch, int row) {
        /**
         * Checks the numbers.
         *
         * @throws IllegalArgumentException if one is out of its range
         */
        public Place {
            Checks.atLeast("rows", rows, 0);
            Checks.atLeast("batch", batch, 1);
            Checks.atLeast("epoch", epoch, 0);
            if (row < 0 || row > rows) {
                throw new IllegalArgumentException(
                        "row: got " + row + ", expected 0 to " + rows + ", the rows of an epoch");
            }
        }

        /** The order of rows. */
        public DataOrder order() {
            return new DataOrder(rows, seed);
        }
    }

    private final Network network;
    /** Provides the current state of the training; null for none. */
    private final @Nullable Supplier<Trainer.Builder> training;

    private final long seed;
    private OptionalInt steps;
    private @Nullable Place place;
    private final Map<String, String> extra;
    private final Map<String, Tensor> extraTensors;

    private Checkpoint(Network network, @Nullable Supplier<Trainer.Builder> training, long seed) {
        this.network = network;
        this.training = training;
        this.seed = seed;
        this.steps = OptionalInt.empty();
        this.extra = new LinkedHashMap<>();
        this.extraTensors = new LinkedHashMap<>();
    }

    /**
     * The checkpoint of a network that is not being trained.
     *
     * @param network the network, which is read when the file is written
     * @param seed the seed of spikes and draws in its tests, as {@link Trainer.Builder#seed}
     */
    public static Checkpoint of(Network network, long seed) {
        return new Checkpoint(Objects.requireNonNull(network, "network"), null, seed);
    }

    /**
     * The checkpoint of a training, whose state is read when the file is written, between two steps.
     *
     * @param trainer the trainer
     */
    public static Checkpoint of(Trainer trainer) {
        return new Checkpoint(
                trainer.network(), trainer::toBuilder, trainer.toBuilder().seed());
    }

    /**
     * Records that the network's input is an image of bytes that a {@link PoissonEncoder} shows.
     *
     * @param steps the number of time steps, at least 1
     * @throws IllegalArgumentException if it is less
     */
    public Checkpoint steps(int steps) {
        Checks.atLeast("steps", steps, 1);
        this.steps = OptionalInt.of(steps);
        return this;
    }

    /**
     * Records where the training is in its data.
     *
     * @throws IllegalStateException if this is not the checkpoint of a training
     */
    public Checkpoint place(Place place) {
        requireTraining();
        this.place = Objects.requireNonNull(place, "place");
        return this;
    }

    /** Adds a custom text, which other readers ignore. */
    public Checkpoint extra(String name, String value) {
        extra.put(Objects.requireNonNull(name, "name"), Objects.requireNonNull(value, "value"));
        return this;
    }

    /**
     * Adds a custom tensor, F32, I64 or U8, which other readers ignore.
     *
     * @throws IllegalArgumentException if it has another type
     */
    public Checkpoint extra(String name, Tensor value) {
        Objects.requireNonNull(name, "name");
        if (value.type() == DType.BIT) {
            throw new IllegalArgumentException("value: got " + value + ", expected F32, I64 or U8");
        }
        extraTensors.put(name, value);
        return this;
    }

    /**
     * Writes the file. An existing file is replaced once the new one is complete.
     *
     * @throws IOException if it can't be written; an existing file is unchanged
     * @throws IllegalStateException if a configuration has a custom transform, a layer has more than 2^24 neurons, a parameter is out of
     *     its range or in a device's memory, or the tensor of a learned parameter was replaced; nothing is written
     */
    public void write(Path file) throws IOException {
        write(OutputFile.prepare("file", file));
    }

    /**
     * Writes a prepared file, otherwise as {@link #write(Path)}.
     *
     * @throws IOException if it can't be written; an existing file is unchanged
     * @throws IllegalStateException if a configuration has a custom transform, a layer has more than 2^24 neurons, a parameter is out of
     *     its range or in a device's memory, or the tensor of a learned parameter was replaced; nothing is written
     */
    public void write(OutputFile file) throws IOException {
        network.requireLearnedInPlace();
        CheckpointWriter to = new CheckpointWriter(network.layers().size());
        to.whole("seed", seed);
        steps.ifPresent(count -> {
            to.text("encoder", "poisson");
            to.whole(STEPS, count);
        });
        for (Layer layer : network.layers()) {
            switch (layer) {
                case Layer.Linear linear -> {
                    String at = SavedNeurons.prefix(linear.position());
                    to.text(at + "type", isReadout(linear.position()) ? "readout" : "linear");
                    to.tensor(at + "weight", linear.weight());
                    to.tensor(at + "bias", linear.bias());
                }
                case Layer.Neurons neurons ->
                    new SavedNeurons(
                                    neurons.config(),
                                    neurons.neurons(),
                                    neurons.learned().stream()
                                            .map(Layer.Learned::parameter)
                                            .toList(),
                                    neurons.parameters(),
                                    null,
                                    neurons.statistics(),
                                    null,
                                    null,
                                    0,
                                    0)
                            .write(to, neurons.position());
            }
        }
        if (training != null) {
            writeTraining(to, training.get());
        }
        extra.forEach((name, value) -> to.text(EXTRA + name, value));
        extraTensors.forEach((name, value) -> to.tensor(EXTRA + name, value));
        to.write(file);
    }

    private boolean isReadout(int position) {
        return position == network.layers().size() - 1;
    }

    private void writeTraining(CheckpointWriter to, Trainer.Builder training) {
        Adam adam = training.adam();
        to.whole(STEP, training.step());
        to.real(CLIP, training.clip());
        to.text(OPTIMIZER, "adam");
        to.whole(ADAM + "steps", adam.steps());
        to.real(ADAM + "rate", adam.rate());
        to.real(ADAM + "beta1", adam.beta1());
        to.real(ADAM + "beta2", adam.beta2());
        to.real(ADAM + "epsilon", adam.epsilon());
        if (adam.steps() > 0) {
            float[] first = adam.firstMoments();
            float[] second = adam.secondMoments();
            List<String> names = tensorNames(network);
            for (int i = 0; i < names.size(); i++) {
                Learnable learnable = network.learnables().get(i);
                to.tensor(ADAM + "m." + names.get(i), learnable.in(first));
                to.tensor(ADAM + "v." + names.get(i), learnable.in(second));
            }
        }
        if (place != null) {
            to.whole(ORDER + "rows", place.rows());
            to.whole(ORDER + "seed", place.seed());
            to.whole(ORDER + "batch", place.batch());
            to.whole(ORDER + "epoch", place.epoch());
            to.whole(ORDER + "row", place.row());
        }
    }

    /** The tensors of what is learned, in the order of the network's learnables. */
    private static List<String> tensorNames(Network network) {
        List<String> names = new ArrayList<>();
        for (Layer layer : network.layers()) {
            switch (layer) {
                case Layer.Linear linear -> {
                    names.add(SavedNeurons.prefix(linear.position()) + "weight");
                    names.add(SavedNeurons.prefix(linear.position()) + "bias");
                }
                case Layer.Neurons neurons ->
                    neurons.learned()
                            .forEach(each -> names.add(SavedNeurons.parameter(neurons.position(), each.parameter())));
            }
        }
        return names;
    }

    /**
     * Reads a file.
     *
     * @throws FileFormatException if it is not the checkpoint of a network that {@link Network} can represent; the message names the file,
     *     what was found and what was expected
     * @throws IOException if it can't be read
     */
    public static Checkpoint read(Path file) throws IOException {
        CheckpointReader from = CheckpointReader.open(file);
        List<Saved> saved = new ArrayList<>();
        for (int i = 0; i < from.layers(); i++) {
            saved.add(layer(from, i));
        }
        Network network = network(from, saved);
        long seed = from.whole("seed", Long.MIN_VALUE, Long.MAX_VALUE, 0);
        Trainer.Builder training = from.has(STEP) ? training(from, network).seed(seed) : null;
        Checkpoint checkpoint = new Checkpoint(network, training == null ? null : () -> training, seed);
        if (from.has("encoder")) {
            from.parsed("encoder", name -> {
                if (!name.equals("poisson")) {
                    throw new IllegalArgumentException("got " + CheckpointReader.quoted(name) + ", expected 'poisson'");
                }
                return name;
            });
            checkpoint.steps((int) from.whole(STEPS, 1, Integer.MAX_VALUE));
        }
        if (checkpoint.isTraining() && from.has(ORDER + "rows")) {
            int rows = (int) from.whole(ORDER + "rows", 0, MOST_ELEMENTS);
            checkpoint.place(new Place(
                    rows,
                    from.whole(ORDER + "seed", Long.MIN_VALUE, Long.MAX_VALUE),
                    (int) from.whole(ORDER + "batch", 1, Integer.MAX_VALUE),
                    (int) from.whole(ORDER + "epoch", 0, Integer.MAX_VALUE),
                    (int) from.whole(ORDER + "row", 0, rows)));
        }
        checkpoint.extra.putAll(from.extras());
        checkpoint.extraTensors.putAll(from.extraTensors());
        from.finish();
        return checkpoint;
    }

    /** A layer of a file, before there is a network. */
    private sealed interface Saved {
        record Linear(boolean readout, Tensor weight, Tensor bias) implements Saved {}

        record Neurons(SavedNeurons neurons) implements Saved {}
    }

    private static Saved layer(CheckpointReader from, int index) throws FileFormatException {
        String at = SavedNeurons.prefix(index);
        String type = from.text(at + "type");
        boolean last = index == from.layers() - 1;
        String expected = index % 2 == 1 ? "neurons" : last ? "readout" : "linear";
        if (last && index % 2 == 1 || from.layers() < 3) {
            throw from.refusal(
                    "layers",
                    from.layers() + " layers",
                    "an odd number from 3 on: linear layers and neurons by turns, then a readout");
        }
        if (!type.equals(expected)) {
            throw from.refusal(
                    at + "type",
                    CheckpointReader.quoted(type),
                    "'" + expected + "' in a network of linear layers and neurons by turns with a readout");
        }
        if (expected.equals("neurons")) {
            return new Saved.Neurons(neurons(from, index));
        }
        from.parsed(at + "order", "ascending", order -> {
            if (!order.equals("ascending") && !order.equals("any")) {
                throw new IllegalArgumentException(
                        "got " + CheckpointReader.quoted(order) + ", expected 'ascending' or 'any'");
            }
            return order;
        });
        long[] shape = from.shape(at + "weight");
        if (shape.length != 2 || Arrays.stream(shape).anyMatch(extent -> extent < 1 || extent > MOST_ELEMENTS)) {
            throw from.refusal(
                    "tensor '" + at + "weight'", "the shape " + Arrays.toString(shape), "(K, M), both at least 1");
        }
        Tensor bias = from.hasTensor(at + "bias")
                ? from.tensor(at + "bias", new long[] {shape[1]})
                : Tensor.zeros(DType.F32, shape[1]);
        return new Saved.Linear(last, from.tensor(at + "weight", new long[][] {shape}), bias);
    }

    private static SavedNeurons neurons(CheckpointReader from, int index) throws FileFormatException {
        SavedNeurons saved = SavedNeurons.read(from, index);
        if (saved.state() != null || saved.draws() != null || saved.source() != null) {
            throw from.refusal(
                    SavedNeurons.prefix(index)
                            .substring(0, SavedNeurons.prefix(index).length() - 1),
                    "a state or a place in draws of its own",
                    "none: each run of the network starts from a fresh state and draws by the network's seed");
        }
        return saved;
    }

    private static Network network(CheckpointReader from, List<Saved> layers) throws FileFormatException {
        return from.checked("layers", layers, all -> {
            Network.Builder builder = Network.builder(
                    (int) ((Saved.Linear) all.getFirst()).weight().extent(0));
            long width = ((Saved.Linear) all.getFirst()).weight().extent(0);
            for (int i = 0; i < all.size(); i++) {
                switch (all.get(i)) {
                    case Saved.Linear linear -> {
                        requireWidth(i, linear.weight().extent(0), width);
                        width = linear.weight().extent(1);
                        if (linear.readout()) {
                            builder.readout((int) width);
                        } else {
                            builder.linear((int) width);
                        }
                    }
                    case Saved.Neurons each -> {
                        requireWidth(i, each.neurons().neurons(), width);
                        builder.neurons(
                                each.neurons().config(),
                                each.neurons().learnable().toArray(NeuronParameter[]::new));
                    }
                }
            }
            Network network = builder.build();
            for (int i = 0; i < all.size(); i++) {
                fill(network.layers().get(i), all.get(i));
            }
            return network;
        });
    }

    private static void requireWidth(int index, long got, long expected) {
        if (got != expected) {
            throw new IllegalArgumentException("layer " + index + ": got " + got + " inputs, expected " + expected
                    + ", the outputs of the layer below");
        }
    }

    /** Copies the saved values into a new layer. */
    private static void fill(Layer layer, Saved saved) {
        switch (layer) {
            case Layer.Linear linear -> {
                linear.weight().copyFrom(((Saved.Linear) saved).weight());
                linear.bias().copyFrom(((Saved.Linear) saved).bias());
            }
            case Layer.Neurons neurons -> {
                SavedNeurons values = ((Saved.Neurons) saved).neurons();
                Parameters to = neurons.parameters();
                List<NeuronParameter> learned =
                        neurons.learned().stream().map(Layer.Learned::parameter).toList();
                for (NeuronParameter parameter : neurons.config().parameters()) {
                    Tensor value = Objects.requireNonNull(values.parameters().get(parameter));
                    if (!learned.contains(parameter)) {
                        to.set(parameter, value);
                    } else if (value.elements() == 1) {
                        // This module learns one value per neuron.
                        Objects.requireNonNull(to.get(parameter)).fill(value.getFloat(0));
                    } else {
                        Objects.requireNonNull(to.get(parameter)).copyFrom(value);
                    }
                }
                Statistics statistics = neurons.statistics();
                if (statistics != null && values.statistics() != null) {
                    statistics.copyFrom(values.statistics());
                }
            }
        }
    }

    private static Trainer.Builder training(CheckpointReader from, Network network) throws FileFormatException {
        from.parsed(OPTIMIZER, name -> {
            if (!name.equals("adam")) {
                throw new IllegalArgumentException("got " + CheckpointReader.quoted(name) + ", expected 'adam'");
            }
            return name;
        });
        double[] settings = new double[] {
            from.real(ADAM + "rate"), from.real(ADAM + "beta1"), from.real(ADAM + "beta2"), from.real(ADAM + "epsilon")
        };
        Adam adam = from.checked(TRAINING + "adam", settings, each -> new Adam(each[0], each[1], each[2], each[3]));
        long steps = from.whole(ADAM + "steps", 0, Long.MAX_VALUE);
        if (steps > 0) {
            adam.resume(steps, moments(from, network, "m."), moments(from, network, "v."));
        }
        double clip = from.has(CLIP) ? from.real(CLIP) : 0;
        return from.checked(CLIP, clip, Trainer.builder(network)::clip)
                .adam(adam)
                .step(from.whole(STEP, 0, Long.MAX_VALUE));
    }

    private static float[] moments(CheckpointReader from, Network network, String which) throws FileFormatException {
        float[] moments = new float[network.values().length];
        List<String> names = tensorNames(network);
        for (int i = 0; i < names.size(); i++) {
            Learnable learnable = network.learnables().get(i);
            Tensor to = learnable.in(moments);
            to.copyFrom(from.tensor(ADAM + which + names.get(i), new long[][] {to.shape()}));
        }
        return moments;
    }

    private Trainer.Builder requireTraining() {
        if (training == null) {
            throw new IllegalStateException("this is the checkpoint of a network that is not being trained");
        }
        return training.get();
    }

    /** The network. If this checkpoint was read from a file, it is a new network. */
    public Network network() {
        return network;
    }

    /** The seed of spikes and draws in the network's tests. */
    public long seed() {
        return seed;
    }

    /** The number of time steps for which a {@link PoissonEncoder} shows an input, if the file has it. */
    public OptionalInt steps() {
        return steps;
    }

    /** Whether it is the checkpoint of a training. */
    public boolean isTraining() {
        return training != null;
    }

    /**
     * A builder of a trainer that continues the training: network, optimizer, clip, seed and step are set; the caller sets device and
     * options.
     *
     * @throws IllegalStateException if this is not the checkpoint of a training
     */
    public Trainer.Builder trainer() {
        return requireTraining();
    }

    /**
     * The optimizer, live.
     *
     * @throws IllegalStateException if this is not the checkpoint of a training
     */
    public Adam adam() {
        return requireTraining().adam();
    }

    /**
     * The norm to which all gradients together are clipped; 0 for no clipping.
     *
     * @throws IllegalStateException if this is not the checkpoint of a training
     */
    public double clip() {
        return requireTraining().clip();
    }

    /** Where the training is in its data; null if it was not recorded. */
    public @Nullable Place place() {
        return place;
    }

    /** A custom text of the writer, or null if there is none of this name. */
    public @Nullable String extra(String name) {
        return extra.get(name);
    }

    /** A custom tensor of the writer, read-only, or null if there is none of this name. */
    public @Nullable Tensor extraTensor(String name) {
        return extraTensors.get(name);
    }

    /** The network, and whether it is being trained. */
    @Override
    public String toString() {
        return "Checkpoint[" + network
                + (training == null ? "" : ", step " + training.get().step()) + (place == null ? "" : ", " + place)
                + "]";
    }
}
