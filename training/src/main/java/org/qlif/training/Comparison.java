// SPDX-License-Identifier: Apache-2.0
package org.qlif.training;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.qlif.QlifConfig;
import org.qlif.io.OutputFile;
import org.qlif.simulation.Preset;

/**
 * The same training with several neurons, one after the other: QLIF as configured, without the qubit, without dynamic spike probability
 * (DSP), and LIF; all else, the seed included, is equal.
 *
 * <p>Without the qubit, a snapshot is in its classic mode ({@link Preset}), which may differ in more than the decision: that of 2025-08-24
 * then also has drawn spikes, a refractory period, dynamic spike probability and no floor of p.
 */
public final class Comparison {
    private static final String NO_QUBIT = "decision=" + QlifConfig.Decision.SIGMOID;
    private static final String NO_DYNAMIC_PROBABILITY = "dynamic_probability=false";

    private Comparison() {}

    /**
     * Trains and tests all variants, and draws them in one figure if the options name a plot file.
     *
     * @param options the options of QLIF's training
     * @param started is called with each variant's name before it is trained
     * @param listener is notified of each training's progress
     * @return the results by the variants' names, in the order in which they were trained
     * @throws OptionException if the options ask for LIF neurons, another engine than the kit, a checkpoint, or settings of
     *     decision or dynamic probability, in which the neurons are to differ; and as
     *     {@link Training#run(TrainingOptions, TrainingListener)}
     * @throws IOException as {@link Training#run(TrainingOptions, TrainingListener)}
     */
    public static Map<String, TrainingResult> run(
            TrainingOptions options, Consumer<String> started, TrainingListener listener) throws IOException {
        if (!(options.neuronConfig() instanceof QlifConfig)) {
            throw new OptionException("neuron", options.neuron(), "QLIF neurons, which are compared with LIF neurons");
        }
        if (options.engine() != TrainingEngine.Name.QLIF) {
            throw new OptionException("engine", options.engine(), TrainingEngine.Name.QLIF + " for a comparison");
        }
        if (options.checkpoint() != null || options.resume() != null) {
            throw new OptionException(
                    options.checkpoint() != null ? "checkpoint" : "resume",
                    "a file",
                    "none: a comparison is several trainings");
        }
        for (String setting : options.settings()) {
            String name = setting.substring(0, setting.indexOf('=')).strip();
            if (NO_QUBIT.startsWith(name + "=") || NO_DYNAMIC_PROBABILITY.startsWith(name + "=")) {
                throw new OptionException(
                        "set",
                        setting,
                        "neither decision nor dynamic_probability, in which the compared neurons differ");
            }
        }
        OutputFile plot = options.plot() == null ? null : Plots.prepare(options.plot());
        Map<String, TrainingOptions> variants = variants(options);
        Map<String, TrainingResult> results = new LinkedHashMap<>();
        for (Map.Entry<String, TrainingOptions> variant : variants.entrySet()) {
            started.accept(variant.getKey());
            results.put(variant.getKey(), Training.run(variant.getValue(), listener));
        }
        if (plot != null) {
            ComparisonPlots.write(plot, options, results);
        }
        return results;
    }

    /** The trainings by name. If QLIF itself has no dynamic probability, the variant without the qubit loses it instead. */
    private static Map<String, TrainingOptions> variants(TrainingOptions options) {
        TrainingOptions.Builder builder = options.toBuilder().plot(null);
        List<String> asked = options.settings();
        boolean dynamic =
                ((QlifConfig) options.neuronConfig()).dynamicProbability().enabled();
        Map<String, TrainingOptions> variants = new LinkedHashMap<>();
        variants.put("QLIF", builder.build());
        variants.put("no qubit", builder.settings(with(asked, NO_QUBIT)).build());
        variants.put(
                dynamic ? "no DSP" : "no qubit, no DSP",
                builder.settings(
                                dynamic
                                        ? with(asked, NO_DYNAMIC_PROBABILITY)
                                        : with(asked, NO_QUBIT, NO_DYNAMIC_PROBABILITY))
                        .build());
        variants.put("LIF", builder.neuron(NeuronPreset.LIF).settings(List.of()).build());
        return variants;
    }

    private static List<String> with(List<String> settings, String... more) {
        List<String> all = new ArrayList<>(settings);
        all.addAll(List.of(more));
        return all;
    }
}
