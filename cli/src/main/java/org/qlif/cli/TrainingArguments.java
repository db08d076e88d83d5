// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.SpikeValue;
import org.qlif.training.NeuronPreset;
import org.qlif.training.TrainingOptions;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** The options for a network and its training, the same in every command that trains one. */
final class TrainingArguments {
    private static final String SHOW_DEFAULT = " (default: ${DEFAULT-VALUE}).";

    /** The arguments that set options LIF neurons don't have. */
    private static final List<String> QLIF_ALONE = List.of("--spike-value", "--no-quantum", "--no-dsp");

    private final TrainingOptions defaults;

    @Option(
            names = "--hidden",
            paramLabel = "N",
            description = "Neurons of the hidden layer, 1 to " + TrainingOptions.MAX_HIDDEN + SHOW_DEFAULT)
    private int hidden;

    @Option(
            names = {"--steps", "--T"},
            paramLabel = "T",
            description = "Time steps for which an image is shown, 1 to " + TrainingOptions.MAX_STEPS + SHOW_DEFAULT)
    private int steps;

    @Option(
            names = {"--batch", "--batch-size"},
            paramLabel = "B",
            description = "Images in a training step, 1 to " + TrainingOptions.MAX_BATCH + SHOW_DEFAULT)
    private int batch;

    @Option(
            names = {"--lr", "--learning-rate"},
            paramLabel = "RATE",
            description = "Learning rate of Adam, above 0, at most 1" + SHOW_DEFAULT)
    private double learningRate;

    @Option(
            names = {"--lr-decay", "--learning-rate-decay"},
            paramLabel = "X",
            description = "Factor of the learning rate after each epoch, above 0, at most 1" + SHOW_DEFAULT)
    private double learningRateDecay;

    @Option(
            names = "--clip-grad",
            paramLabel = "NORM",
            description = "Norm to which all gradients together are clipped, or 0 for no clipping" + SHOW_DEFAULT)
    private double clipGrad;

    @Option(
            names = "--epochs",
            paramLabel = "N",
            description = "Passes over the training images, 1 to " + TrainingOptions.MAX_EPOCHS + SHOW_DEFAULT)
    private int epochs;

    @Option(
            names = "--train-images",
            paramLabel = "N",
            description = "Number of training images, or 0 for all" + SHOW_DEFAULT)
    private int trainImages;

    @Option(
            names = "--test-images",
            paramLabel = "N",
            description = "Number of test images, or 0 for all" + SHOW_DEFAULT)
    private int testImages;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Folder of the four IDX files, gzipped or not (default: data/mnist of the repository).")
    private Path data;

    @Option(
            names = "--neuron",
            paramLabel = "NAME",
            description = "The neuron's settings, one of: ${COMPLETION-CANDIDATES}" + SHOW_DEFAULT)
    private NeuronPreset neuron;

    @Option(
            names = "--tau",
            paramLabel = "X",
            description = "Membrane time constant in time steps, 1 to 1e6" + SHOW_DEFAULT)
    private double tau;

    @Mixin
    private SetOption set;

    @Option(
            names = "--spike-value",
            paramLabel = "WHAT",
            description =
                    "What a QLIF neuron passes on: expected, the spike probability, or sample, drawn spikes (default: as in the"
                            + " neuron's settings).")
    private SpikeValue spikeValue;

    @Option(
            names = "--no-quantum",
            description =
                    "Decide without the qubit: --set decision=SIGMOID, the classic mode of the snapshots; 2025-08-24"
                            + " then also has drawn spikes, a refractory period, dynamic spike probability and no probability_floor.")
    private boolean noQuantum;

    @Option(
            names = "--no-dsp",
            description = "Keep the slope of the spike probability fixed: --set dynamic_probability=false.")
    private boolean noDynamicProbability;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "Seed of all random numbers, a 64-bit integer" + SHOW_DEFAULT)
    private long seed;

    @Mixin
    private ThreadsOption threads;

    /** Options with these defaults, which the training module defines. */
    TrainingArguments(TrainingOptions defaults) {
        this.defaults = defaults;
        hidden = defaults.hidden();
        steps = defaults.steps();
        batch = defaults.batch();
        learningRate = defaults.learningRate();
        learningRateDecay = defaults.learningRateDecay();
        clipGrad = defaults.clipGrad();
        epochs = defaults.epochs();
        trainImages = defaults.trainImages();
        testImages = defaults.testImages();
        neuron = defaults.neuron();
        tau = defaults.tau();
        seed = defaults.seed();
    }

    /** The folder of the images; null if none was given. */
    Path data() {
        return data;
    }

    /** Sets the options given on the command line of {@code command}, and returns {@code options}. */
    TrainingOptions.Builder applyTo(CommandSpec command, TrainingOptions.Builder options) {
        options.data(data == null ? Installation.file(defaults.data()) : data)
                .threads(threads.options().threads());
        ParseResult parsed = command.commandLine().getParseResult();
        given(parsed, "--hidden", () -> options.hidden(hidden));
        given(parsed, "--steps", () -> options.steps(steps));
        given(parsed, "--batch", () -> options.batch(batch));
        given(parsed, "--lr", () -> options.learningRate(learningRate));
        given(parsed, "--lr-decay", () -> options.learningRateDecay(learningRateDecay));
        given(parsed, "--clip-grad", () -> options.clipGrad(clipGrad));
        given(parsed, "--epochs", () -> options.epochs(epochs));
        given(parsed, "--train-images", () -> options.trainImages(trainImages));
        given(parsed, "--test-images", () -> options.testImages(testImages));
        given(parsed, "--neuron", () -> options.neuron(neuron));
        given(parsed, "--tau", () -> options.tau(tau));
        for (String option : QLIF_ALONE) {
            if (neuron == NeuronPreset.LIF && parsed.hasMatchedOption(option)) {
                throw new ParameterException(
                        command.commandLine(), option + ": only valid for QLIF neurons, and --neuron is " + neuron);
            }
        }
        given(
                parsed,
                List.of("--set", "--spike-value", "--no-quantum", "--no-dsp"),
                () -> options.settings(settings()));
        given(parsed, "--seed", () -> options.seed(seed));
        return options;
    }

    /** The given options of the neuron; those with arguments of their own first. */
    private List<String> settings() {
        List<String> settings = new ArrayList<>();
        if (noQuantum) {
            settings.add("decision=" + QlifConfig.Decision.SIGMOID);
        }
        if (noDynamicProbability) {
            settings.add("dynamic_probability=false");
        }
        if (spikeValue != null) {
            settings.add("spike_value=" + spikeValue);
        }
        settings.addAll(set.settings());
        return settings;
    }

    private static void given(ParseResult parsed, String option, Runnable setter) {
        given(parsed, List.of(option), setter);
    }

    private static void given(ParseResult parsed, List<String> options, Runnable setter) {
        if (options.stream().anyMatch(parsed::hasMatchedOption)) {
            setter.run();
        }
    }
}
