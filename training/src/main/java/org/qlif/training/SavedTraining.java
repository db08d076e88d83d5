// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.zip.CRC32C;
import org.qlif.DType;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.OutputFile;
import org.qlif.network.Adam;
import org.qlif.network.Checkpoint;
import org.qlif.network.Network;
import org.qlif.network.Trainer;
import org.qlif.spi.Printable;

/**
 * A training in a file, {@code docs/checkpoints.md}, between two of its steps: the network kit's checkpoint, with what {@link Training}
 * adds to it: options that don't concern the network, and the results so far. It can be resumed once.
 */
public final class SavedTraining {
    private static final String NEURON = "train.neuron";
    private static final String RATE = "train.lr";
    private static final String DECAY = "train.lr_decay";
    private static final String SHIFT = "train.shift";
    private static final String TAU = "train.tau";
    private static final String SETTINGS = "train.set";
    private static final String EPOCHS = "train.epochs";
    private static final String TEST_IMAGES = "train.test_images";
    private static final String IMAGES = "train.images_crc32c";
    private static final String LOSS = "train.epoch.loss";
    private static final String CORRECT = "train.epoch.correct";
    private static final String LOSSES = "train.losses";
    private static final String RESULTS = "train.results";
    private static final int RESULT_NUMBERS = 4;

    /** Where the neurons are in the network. */
    private static final int NEURONS = 1;

    private final Path file;
    private final Checkpoint checkpoint;
    private final Checkpoint.Place place;
    private final TrainingOptions.Builder options;
    private final int testImages;
    private final String images;
    private final TrainingScore score;
    private final List<EpochResult> epochs;
    private final List<Double> losses;
    private boolean taken;

    private SavedTraining(Path file, Checkpoint checkpoint) throws FileFormatException {
        this.file = file;
        this.checkpoint = checkpoint;
        if (!checkpoint.isTraining()
                || checkpoint.place() == null
                || checkpoint.steps().isEmpty()
                || checkpoint.extra(IMAGES) == null) {
            throw new FileFormatException(
                    file, "got " + checkpoint + ", expected a training that './qlif train --checkpoint' has saved");
        }
        place = checkpoint.place();
        Network network = checkpoint.network();
        testImages = extra(TEST_IMAGES, Integer::parseInt);
        images = extra(IMAGES, Function.identity());
        if (place.seed() != checkpoint.seed()) {
            throw new FileFormatException(
                    file,
                    "training.order.seed: got " + place.seed() + ", expected " + checkpoint.seed() + ", the seed");
        }
        double loss = extra(LOSS, Double::parseDouble);
        if (!(loss >= 0 && loss <= Double.MAX_VALUE)) {
            throw new FileFormatException(file, "extra." + LOSS + ": got " + loss + ", expected a finite number >= 0");
        }
        int correct = extra(CORRECT, Integer::parseInt);
        if (correct < 0 || correct > place.row()) {
            throw new FileFormatException(
                    file, "extra." + CORRECT + ": got " + correct + ", expected 0 to " + place.row());
        }
        score = new TrainingScore(loss, correct, place.row());
        String settings = extra(SETTINGS, Function.identity());
        options = TrainingOptions.builder()
                .hidden((int) network.get("0.bias").elements())
                .steps(checkpoint.steps().getAsInt())
                .batch(place.batch())
                .learningRate(extra(RATE, Double::parseDouble))
                .learningRateDecay(extra(DECAY, Double::parseDouble))
                .clipGrad(checkpoint.clip())
                .seed(place.seed())
                .epochs(extra(EPOCHS, Integer::parseInt))
                .shift(extra(SHIFT, Integer::parseInt))
                .trainImages(place.rows())
                .testImages(testImages)
                .neuron(extra(NEURON, NeuronPreset::of))
                .tau(extra(TAU, Double::parseDouble))
                .settings(settings.isEmpty() ? List.of() : List.of(settings.split(" ")))
                .resume(this);
        losses = numbers(LOSSES);
        epochs = results(numbers(RESULTS));
        try {
            if (!options.build().neuronConfig().equals(network.config(NEURONS))) {
                throw new FileFormatException(
                        file, "extra." + NEURON + ": got settings of other neurons than layers.1.config has");
            }
        } catch (IllegalArgumentException outOfRange) {
            throw new FileFormatException(file, "extra.train: " + outOfRange.getMessage(), outOfRange);
        }
        if (place.row() % place.batch() != 0 && place.row() != place.rows()) {
            throw new FileFormatException(
                    file,
                    "training.order.row: got " + place.row() + ", expected the end of a step of " + place.batch());
        }
        if (place.epoch() < 1) {
            throw new FileFormatException(file, "training.order.epoch: got " + place.epoch() + ", expected at least 1");
        }
        if (epochs.size() != place.epoch() - 1) {
            throw new FileFormatException(
                    file, "extra." + RESULTS + ": got " + epochs.size() + " epochs, expected " + (place.epoch() - 1));
        }
        long steps = (place.epoch() - 1L) * Math.ceilDiv(place.rows(), place.batch())
                + Math.ceilDiv(place.row(), place.batch());
        if (losses.size() != steps) {
            throw new FileFormatException(
                    file,
                    "tensor 'extra." + LOSSES + "': got " + losses.size() + " numbers, expected " + steps
                            + ", one a step");
        }
    }

    /**
     * Reads a file.
     *
     * @throws FileFormatException if it holds no training that {@link Training} has saved
     * @throws IOException if it can't be read
     */
    public static SavedTraining read(Path file) throws IOException {
        return new SavedTraining(file, Checkpoint.read(file));
    }

    private <T> T extra(String name, Function<String, T> parser) throws FileFormatException {
        String text = checkpoint.extra(name);
        if (text == null) {
            throw new FileFormatException(file, "extra." + name + ": is missing");
        }
        try {
            return parser.apply(text);
        } catch (NumberFormatException malformed) {
            throw new FileFormatException(
                    file, "extra." + name + ": got '" + Printable.text(text) + "', expected a number", malformed);
        } catch (IllegalArgumentException malformed) {
            throw new FileFormatException(file, "extra." + name + ": " + malformed.getMessage(), malformed);
        }
    }

    /** 64-bit floating-point numbers, stored as whole numbers with the same bits. */
    private List<Double> numbers(String name) throws FileFormatException {
        Tensor tensor = checkpoint.extraTensor(name);
        if (tensor == null || tensor.type() != DType.I64) {
            throw new FileFormatException(file, "tensor 'extra." + name + "': got " + tensor + ", expected I64");
        }
        List<Double> numbers = new ArrayList<>();
        for (long bits : tensor.segment().toArray(ValueLayout.JAVA_LONG)) {
            double number = Double.longBitsToDouble(bits);
            if (!Double.isFinite(number)) {
                throw new FileFormatException(
                        file, "tensor 'extra." + name + "': got " + number + ", expected finite numbers");
            }
            numbers.add(number);
        }
        return numbers;
    }

    private static Tensor tensor(List<Double> numbers) {
        long[] bits = numbers.stream().mapToLong(Double::doubleToRawLongBits).toArray();
        return Tensor.of(DType.I64, MemorySegment.ofArray(bits), bits.length);
    }

    private List<EpochResult> results(List<Double> numbers) throws FileFormatException {
        if (numbers.size() % RESULT_NUMBERS != 0) {
            throw new FileFormatException(
                    file,
                    "tensor 'extra." + RESULTS + "': got " + numbers.size() + " numbers, expected " + RESULT_NUMBERS
                            + " an epoch");
        }
        List<EpochResult> results = new ArrayList<>();
        for (int at = 0; at < numbers.size(); at += RESULT_NUMBERS) {
            results.add(new EpochResult(
                    results.size() + 1,
                    numbers.get(at),
                    numbers.get(at + 1),
                    numbers.get(at + 2),
                    numbers.get(at + 3),
                    0,
                    0));
        }
        return results;
    }

    /**
     * Writes a training.
     *
     * @param file where to
     * @param checkpoint of the kit
     * @param options those of the run
     * @param place where it is
     * @param testImages the number of test images
     * @param images the {@link #checksum} of the images
     * @param score the epoch's results so far
     * @param epochs the epochs that have been tested
     * @param losses of all steps
     */
    static void write(
            OutputFile file,
            Checkpoint checkpoint,
            TrainingOptions options,
            Checkpoint.Place place,
            int testImages,
            String images,
            TrainingScore score,
            List<EpochResult> epochs,
            List<Double> losses)
            throws IOException {
        List<Double> results = new ArrayList<>();
        for (EpochResult epoch : epochs) {
            results.addAll(List.of(epoch.loss(), epoch.accuracy(), epoch.testLoss(), epoch.testAccuracy()));
        }
        checkpoint
                .steps(options.steps())
                .place(place)
                .extra(NEURON, options.neuron().toString())
                .extra(RATE, Double.toString(options.learningRate()))
                .extra(DECAY, Double.toString(options.learningRateDecay()))
                .extra(SHIFT, Integer.toString(options.shift()))
                .extra(TAU, Double.toString(options.tau()))
                .extra(SETTINGS, String.join(" ", options.settings()))
                .extra(EPOCHS, Integer.toString(options.epochs()))
                .extra(TEST_IMAGES, Integer.toString(testImages))
                .extra(IMAGES, images)
                .extra(LOSS, Double.toString(score.loss()))
                .extra(CORRECT, Integer.toString(score.correct()))
                .extra(LOSSES, tensor(losses))
                .extra(RESULTS, tensor(results))
                .write(file);
    }

    /** Distinguishes the images of different data sets. */
    static String checksum(ImageSet trainSet, int trainCount, ImageSet testSet, int testCount) {
        CRC32C checksum = new CRC32C();
        checksum.update(trainSet.pixels(), 0, trainCount * trainSet.pixelsPerImage());
        checksum.update(trainSet.labels(), 0, trainCount);
        checksum.update(testSet.pixels(), 0, testCount * testSet.pixelsPerImage());
        checksum.update(testSet.labels(), 0, testCount);
        return String.format(Locale.ROOT, "%08x", checksum.getValue());
    }

    /**
     * A builder that starts from the options of the saved run. What the file does not contain is as for a new run: data, device, threads,
     * engine, plot and checkpoint. The data must be the same.
     */
    public TrainingOptions.Builder options() {
        return options.build().toBuilder();
    }

    /** Throws unless these options are those of the saved run. */
    void requireSame(TrainingOptions asked, int trainCount, int testCount, String checksum) {
        TrainingOptions own = options.build();
        requireSame("hidden", asked.hidden(), own.hidden());
        requireSame("steps", asked.steps(), own.steps());
        requireSame("batch", asked.batch(), own.batch());
        requireSame("learningRate", asked.learningRate(), own.learningRate());
        requireSame("learningRateDecay", asked.learningRateDecay(), own.learningRateDecay());
        requireSame("shift", asked.shift(), own.shift());
        requireSame("clipGrad", asked.clipGrad(), own.clipGrad());
        requireSame("seed", asked.seed(), own.seed());
        requireSame("neuron", asked.neuron(), own.neuron());
        requireSame("tau", asked.tau(), own.tau());
        if (!asked.neuronConfig().equals(own.neuronConfig())) {
            requireSame("set", asked.settings(), own.settings());
        }
        requireSame("trainImages", trainCount, place.rows());
        requireSame("testImages", testCount, testImages);
        if (asked.epochs() < place.epoch()) {
            throw new OptionException(
                    "epochs", asked.epochs(), "at least " + place.epoch() + ", the epoch that " + file + " is in");
        }
        if (!checksum.equals(images)) {
            throw new OptionException(
                    "data", asked.data() + ", whose images differ", "the folder that " + file + " was trained on");
        }
    }

    private void requireSame(String name, Object asked, Object own) {
        if (!asked.equals(own)) {
            throw new OptionException(name, asked, own + ", as in " + file + ", which is to be resumed");
        }
    }

    /** The trainer that continues; can be taken once. */
    Trainer.Builder takeTrainer() {
        if (taken) {
            throw new IllegalStateException(file + ": has already been resumed; read it again");
        }
        taken = true;
        return checkpoint.trainer();
    }

    /** The optimizer of that trainer. */
    Adam adam() {
        return checkpoint.adam();
    }

    /** Where the training is: its epochs count from 1. */
    Checkpoint.Place place() {
        return place;
    }

    /** The epoch's results so far. */
    TrainingScore score() {
        return score.copy();
    }

    /** The epochs that have been tested. A file has no times, so that equal trainings give equal files. */
    List<EpochResult> epochs() {
        return List.copyOf(epochs);
    }

    /** The losses of all steps. */
    List<Double> losses() {
        return List.copyOf(losses);
    }

    /** The file, and where its training stopped. */
    @Override
    public String toString() {
        return file + ", after " + Math.ceilDiv(place.row(), place.batch()) + " of "
                + Math.ceilDiv(place.rows(), place.batch()) + " steps of epoch " + place.epoch();
    }
}
