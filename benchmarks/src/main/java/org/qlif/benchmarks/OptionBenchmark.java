// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.util.function.UnaryOperator;
import org.openjdk.jmh.annotations.Param;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.Builder;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifConfig.Readout;
import org.qlif.QlifConfig.SpikeValue;

/** What does an option cost? The default configuration with one option changed at a time, and with all that can be off, off. */
public class OptionBenchmark extends KernelBenchmark {
    /** A change to the default configuration. */
    public enum Option {
        /** None. */
        DEFAULT(builder -> builder),
        /** No membrane noise. */
        NO_NOISE(builder -> builder.noise(noise -> noise.withStd(0))),
        /** No adaptation current. */
        NO_ADAPTATION(builder -> builder.adaptation(QlifConfig.Adaptation::off)),
        /** No synaptic depression. */
        NO_DEPRESSION(builder -> builder.depression(QlifConfig.Depression::off)),
        /** No after-hyperpolarization. */
        NO_AHP(builder -> builder.ahp(QlifConfig.Ahp::off)),
        /** No refractory damping. */
        NO_REFRACTORY(builder -> builder.refractoriness(QlifConfig.Refractoriness::off)),
        /** No dynamic spike probability. */
        NO_DYNAMIC_PROBABILITY(builder -> builder.dynamicProbability(QlifConfig.DynamicProbability::off)),
        /** A fixed threshold. */
        NO_ADAPTIVE_THRESHOLD(builder -> builder.adaptiveThreshold(QlifConfig.AdaptiveThreshold::off)),
        /** No homeostasis. */
        NO_HOMEOSTASIS(builder -> builder.homeostasis(QlifConfig.Homeostasis::off)),
        /** No modulation. */
        NO_NEUROMODULATION(builder -> builder.neuromodulation(m -> m.withMode(NeuromodMode.OFF))),
        /** The bounded angle map. */
        TANH(builder -> builder.qubit(qubit -> qubit.withAngleMap(AngleMap.TANH))),
        /** Spike values that are probabilities. */
        EXPECTED(builder -> builder.spikeValue(SpikeValue.EXPECTED)),
        /** The classic stochastic neuron. */
        SIGMOID(builder -> builder.decision(Decision.SIGMOID)),
        /** The classic deterministic neuron, with its noise. */
        THRESHOLD(builder -> builder.decision(Decision.THRESHOLD)),
        /** Four qubits per neuron-step. */
        MULTI_QUBIT(builder -> builder.qubit(qubit -> qubit.withReadout(Readout.MULTI_QUBIT))),
        /** The limit of many qubits. */
        EXPECTATION(builder -> builder.qubit(qubit -> qubit.withReadout(Readout.EXPECTATION))),
        /** All of them off: a plain LIF. */
        PLAIN_LIF(_ -> QlifConfig.plainLif().toBuilder());

        private final UnaryOperator<Builder> change;

        Option(UnaryOperator<Builder> change) {
            this.change = change;
        }

        QlifConfig config() {
            return change.apply(QlifConfig.builder()).build();
        }
    }

    /** The change. */
    @Param
    public Option option;

    /** The device. */
    @Param("cpu:simd")
    public String device;

    /** T, B and N. */
    @Param("20x128x512")
    public String shape;

    /** The pass of a call. */
    @Param({"FORWARD", "TRAIN"})
    public Pass pass;

    /** The kernel's threads. */
    @Param("1")
    public int threads;

    @Override
    KernelRun prepare() {
        return new KernelRun(device, threads, Workload.busy(option.config(), Shape.parse(shape)), pass);
    }
}
