// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntArrayParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.apache.spark.ml.param.StringArrayParam;
import org.qlif.NeuronConfig;
import org.qlif.network.Trainer;
import org.qlif.simulation.Preset;

/** The params of a fit; defaults are those of {@code ./qlif train}. */
final class FitParams implements Serializable {
    private static final long serialVersionUID = 1;
    private static final int MOST_NEURONS = 65_536;
    private static final int MOST_STEPS = 1000;
    private static final int MOST_ROWS = 1 << 20;

    private final Params owner;
    final IntArrayParam hidden;
    final IntParam steps;
    final Param<String> preset;
    final DoubleParam tau;
    final StringArrayParam settings;
    final Param<String> neuron;
    final IntParam maxIter;
    final IntParam batchSize;
    final DoubleParam stepSize;
    final DoubleParam stepSizeDecay;
    final DoubleParam gradientClip;
    final LongParam seed;
    final IntParam shift;
    final IntParam imageWidth;
    final IntParam tasks;
    final IntParam checkpointInterval;

    FitParams(Params owner) {
        this.owner = owner;
        hidden = new IntArrayParam(
                owner,
                "hidden",
                "the neurons of each hidden layer, from the inputs to the outputs, 1 to " + MOST_NEURONS,
                new Checked<>(
                        "hidden",
                        layers -> layers.length > 0
                                && Arrays.stream(layers).allMatch(neurons -> neurons >= 1 && neurons <= MOST_NEURONS),
                        "at least one layer of 1 to " + MOST_NEURONS + " neurons"));
        steps = whole("steps", "the time steps that a row is shown as spikes, 1 to " + MOST_STEPS, 1, MOST_STEPS);
        preset = new Param<>(
                owner,
                "preset",
                "the neurons, before tau and settings: default, 2025-08-15, 2025-08-24, plain-lif or lif",
                new Checked<>("preset", name -> Preset.of(name).toString().equals(name), "a preset"));
        tau = real(
                "tau",
                "the neurons' membrane time constant in time steps, 1 to 1e6",
                value -> value >= 1 && value <= 1e6,
                "1 to 1e6");
        settings = new StringArrayParam(
                owner,
                "settings",
                "what is changed of the preset, each a text such as spike_value=SAMPLE: docs/model.md");
        neuron = new Param<>(
                owner,
                "neuron",
                "the whole configuration of the neurons, such as QLIF tau=10 use_ahp=false, in place of preset, tau and settings",
                new Checked<>(
                        "neuron", text -> !NeuronConfig.parse(text).model().isEmpty(), "a configuration"));
        maxIter = whole("maxIter", "passes over the rows, at least 1", 1, Integer.MAX_VALUE);
        batchSize = new IntParam(
                owner,
                "batchSize",
                "the rows of a training step, a multiple of " + Trainer.BLOCK,
                new Checked<Object>(
                        "batchSize",
                        value -> (Integer) value >= Trainer.BLOCK
                                && (Integer) value <= MOST_ROWS
                                && (Integer) value % Trainer.BLOCK == 0,
                        "a multiple of " + Trainer.BLOCK + " from " + Trainer.BLOCK + " to " + MOST_ROWS));
        stepSize = real(
                "stepSize",
                "Adam's learning rate, above 0, at most 1",
                value -> (float) (double) value > 0 && value <= 1,
                "above 0 in float32, at most 1");
        stepSizeDecay = real(
                "stepSizeDecay",
                "what the learning rate is multiplied by after each pass, above 0, at most 1",
                value -> value > 0 && value <= 1,
                "above 0, at most 1");
        gradientClip = real(
                "gradientClip",
                "the norm to which all gradients together are clipped; 0 for no clipping",
                value -> value == 0 || (float) (double) value > 0 && Float.isFinite((float) (double) value),
                "a finite norm > 0 in float32, or 0 for no clipping");
        seed = new LongParam(
                owner,
                "seed",
                "the seed of all random numbers: initial weights, the order of rows, spike trains, the neurons' draws");
        shift = whole(
                "shift",
                "by how many pixels a row is moved at random in training, at most, down or up and right or left; needs imageWidth",
                0,
                MOST_STEPS);
        imageWidth =
                whole("imageWidth", "the width of a row as an image, in pixels; 0 if it is none", 0, Integer.MAX_VALUE);
        tasks = whole(
                "tasks",
                "the most tasks that a fit runs as; 0 for as many as there are slots and blocks of rows in a batch",
                0,
                Integer.MAX_VALUE);
        checkpointInterval = new IntParam(
                owner,
                "checkpointInterval",
                "the passes between two checkpoints, which are written if the SparkContext has a checkpoint directory; -1 for none",
                new Checked<Object>(
                        "checkpointInterval",
                        value -> (Integer) value >= 1 || (Integer) value == -1,
                        "at least 1, or -1 for none"));
        owner.setDefault(hidden, new int[] {512});
        owner.setDefault(steps, 20);
        owner.setDefault(preset, Preset.SNAPSHOT_2025_08_24.toString());
        owner.setDefault(tau, 2.0);
        owner.setDefault(settings, new String[0]);
        owner.setDefault(maxIter, 5);
        owner.setDefault(batchSize, 128);
        owner.setDefault(stepSize, 5e-4);
        owner.setDefault(stepSizeDecay, 1.0);
        owner.setDefault(gradientClip, 0.5);
        owner.setDefault(seed, 1L);
        owner.setDefault(shift, 0);
        owner.setDefault(imageWidth, 0);
        owner.setDefault(tasks, 0);
        owner.setDefault(checkpointInterval, 1);
    }

    private IntParam whole(String name, String doc, int least, int most) {
        String expected = most == Integer.MAX_VALUE ? "at least " + least : least + " to " + most;
        return new IntParam(
                owner,
                name,
                doc,
                new Checked<Object>(name, value -> (Integer) value >= least && (Integer) value <= most, expected));
    }

    private DoubleParam real(String name, String doc, Checked.Test<Double> test, String expected) {
        return new DoubleParam(owner, name, doc, SharedParams.number(name, test, expected));
    }

    int get(IntParam param) {
        return (Integer) owner.getOrDefault(param);
    }

    double get(DoubleParam param) {
        return (Double) owner.getOrDefault(param);
    }

    long get(LongParam param) {
        return (Long) owner.getOrDefault(param);
    }

    /**
     * The neurons' configuration.
     *
     * @throws IllegalArgumentException if preset, tau and settings don't give one
     */
    NeuronConfig config() {
        if (owner.isDefined(neuron)) {
            return NeuronConfig.parse(owner.getOrDefault(neuron));
        }
        try {
            return Preset.of(owner.getOrDefault(preset)).trained(get(tau), List.of(owner.getOrDefault(settings)));
        } catch (IllegalArgumentException refusal) {
            throw new IllegalArgumentException("settings: " + refusal.getMessage(), refusal);
        }
    }

    /**
     * Throws unless the params fit together.
     *
     * @throws IllegalArgumentException if they don't
     */
    void requireConsistent() {
        config();
        if (get(shift) > 0 && get(imageWidth) == 0) {
            throw new IllegalArgumentException(
                    "imageWidth: got 0, expected the width of an image, since shift is " + get(shift));
        }
    }
}
