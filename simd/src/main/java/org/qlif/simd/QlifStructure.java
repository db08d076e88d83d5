// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifConfig.Readout;
import org.qlif.QlifConfig.Sampling;
import org.qlif.QlifConfig.SpikeValue;
import org.qlif.Surrogate;

/**
 * The options that determine which operations a kernel does, as opposed to the numbers it uses. A {@link QlifProgram} is specialized for
 * one such structure, so an option that is off costs no instruction.
 *
 * @param decision how the gap becomes a spike
 * @param angleMap the qubit angle
 * @param readout how p becomes a spike, in QUBIT mode
 * @param rounds whether SIGMOID rounds p
 * @param expected whether the spike value is p
 * @param clampsProbability whether there is a probability floor; without one, p is in [0, 1] by construction
 * @param surrogate the surrogate derivative, in THRESHOLD mode
 * @param dynamicProbability whether D changes the slope
 * @param refractory whether exp(-R) damps p
 * @param adaptation whether there is an adaptation current A
 * @param depression whether S scales the input
 * @param ahp whether there is an after-hyperpolarization current H
 * @param adaptiveThreshold whether the threshold offset o changes
 * @param homeostasis whether h changes
 * @param neuromod what M acts on
 * @param detachReset whether the reset passes no gradient to the spike value
 * @param noise whether there is membrane noise
 * @param sigmoidModulation whether the built-in SIGMOID transforms the modulation
 */
record QlifStructure(
        Decision decision,
        AngleMap angleMap,
        Readout readout,
        boolean rounds,
        boolean expected,
        boolean clampsProbability,
        Surrogate surrogate,
        boolean dynamicProbability,
        boolean refractory,
        boolean adaptation,
        boolean depression,
        boolean ahp,
        boolean adaptiveThreshold,
        boolean homeostasis,
        NeuromodMode neuromod,
        boolean detachReset,
        boolean noise,
        boolean sigmoidModulation) {

    /** The structure of {@code config}; options that have no effect in its decision mode get a fixed value. */
    static QlifStructure of(QlifConfig config) {
        Decision decision = config.decision();
        boolean qubit = decision == Decision.QUBIT;
        boolean threshold = decision == Decision.THRESHOLD;
        return new QlifStructure(
                decision,
                qubit ? config.qubit().angleMap() : AngleMap.LINEAR,
                qubit ? config.qubit().readout() : Readout.SINGLE_QUBIT,
                decision == Decision.SIGMOID && config.sigmoid().sampling() == Sampling.ROUND,
                !threshold && config.spikeValue() == SpikeValue.EXPECTED,
                !threshold && config.probabilityFloor() > 0,
                threshold ? config.surrogate() : Surrogate.HEAVISIDE,
                config.dynamicProbability().enabled(),
                config.refractoriness().enabled(),
                config.adaptation().enabled(),
                config.depression().enabled(),
                config.ahp().enabled(),
                config.adaptiveThreshold().enabled(),
                config.homeostasis().enabled(),
                config.neuromodulation().mode(),
                config.reset().detached(),
                config.drawsNormals(),
                config.neuromodulation().transform() == NeuromodTransform.SIGMOID);
    }

    /** Whether phi is a multiply-add of the gap, so that a forward run needs no pass for it. */
    boolean turnsLinearly() {
        return decision == Decision.QUBIT && angleMap == AngleMap.LINEAR;
    }

    /** Whether the slope varies over time. A constant slope is not stored. */
    boolean movesSlope() {
        return decision != Decision.THRESHOLD && (dynamicProbability || neuromod == NeuromodMode.PROB_SLOPE);
    }

    /** Whether exp(-R) damps p. */
    boolean damps() {
        return decision != Decision.THRESHOLD && refractory;
    }

    /** Whether the pass that compares p also computes it, since nothing else reads it before. */
    boolean findsChanceWhereItFires() {
        return decision != Decision.THRESHOLD && readout != Readout.MULTI_QUBIT;
    }
}
