// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.qlif.Device;
import org.qlif.NeuronConfig;
import org.qlif.NeuronParameter;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifVariable;
import org.qlif.StateVariable;

/** The QLIF model. */
final class QlifTestModel implements TestModel {
    @Override
    public QlifConfig defaults() {
        return QlifConfig.defaults();
    }

    @Override
    public QlifConfig random(RandomGenerator random, Device device) {
        return RandomConfigs.next(random, device);
    }

    @Override
    public List<QlifConfig> modes() {
        return Modes.all();
    }

    @Override
    public List<QlifConfig> kinds() {
        return List.of(
                QlifConfig.defaults(),
                QlifConfig.builder()
                        .spikeValue(QlifConfig.SpikeValue.EXPECTED)
                        .qubit(qubit -> qubit.withAngleMap(QlifConfig.AngleMap.TANH))
                        .reset(reset -> reset.withDetached(false))
                        .build(),
                QlifConfig.builder().decision(QlifConfig.Decision.SIGMOID).build(),
                QlifConfig.builder().decision(QlifConfig.Decision.THRESHOLD).build(),
                QlifConfig.plainLif());
    }

    @Override
    public QlifConfig decaying() {
        return QlifConfig.builder()
                .decision(QlifConfig.Decision.THRESHOLD)
                .noise(QlifConfig.Noise::off)
                .homeostasis(QlifConfig.Homeostasis::off)
                .build();
    }

    @Override
    public QlifConfig noiseless() {
        return QlifConfig.builder().noise(QlifConfig.Noise::off).build();
    }

    @Override
    public double meanInput() {
        return 1.2;
    }

    @Override
    public double inputDeviation() {
        return 1.5;
    }

    @Override
    public double parameter(RandomGenerator random, NeuronConfig config, NeuronParameter parameter) {
        QlifConfig qlif = (QlifConfig) config;
        return switch ((QlifParameter) parameter) {
            // Some of them outside the bounds of the adaptive threshold.
            case V_TH -> random.nextDouble(0.4, 1.6);
            case TAU -> random.nextDouble(1.5, 20);
            case ETA -> random.nextDouble(-0.05, 0.4);
            case Q_SCALE -> qlif.qScale() * random.nextDouble(0.5, 3);
            case Q_BIAS -> qlif.qBias() + random.nextDouble(-0.3, 1.2);
        };
    }

    @Override
    public double state(RandomGenerator random, NeuronConfig config, StateVariable variable) {
        return switch ((QlifVariable) variable) {
            case MEMBRANE -> random.nextGaussian(0.3, 0.4);
            case ADAPTATION, REFRACTORY -> random.nextDouble(0, 0.8);
            case EFFICIENCY -> random.nextDouble(0.3, 1);
            case AHP, DYNAMIC_PROBABILITY -> random.nextDouble(0, 1.5);
            case THRESHOLD_OFFSET -> random.nextDouble(-0.3, 0.5);
            case RATE -> random.nextDouble(0, 0.5);
            case HOMEOSTASIS -> random.nextDouble(-0.1, 0.1);
            case MODULATION -> random.nextGaussian(0.5, 0.5);
            case SPIKE_VALUE ->
                ((QlifConfig) config).spikeValue() == QlifConfig.SpikeValue.SAMPLE
                        ? random.nextInt(2)
                        : random.nextDouble();
        };
    }

    /** 1 + D below its bound of 1e-6. */
    @Override
    public void spoil(RandomGenerator random, float[][] state) {
        float[] trace = state[QlifVariable.DYNAMIC_PROBABILITY.ordinal()];
        trace[random.nextInt(trace.length)] = -1.5f;
    }

    /**
     * A silent neuron's slope is the base exactly. On a bound of its clamp docs/model.md has a derivative of 1, while a difference sees
     * bends there, of either sign at once; so the base keeps away from the bounds.
     */
    @Override
    public QlifConfig awayFromBends(NeuronConfig config) {
        QlifConfig qlif = (QlifConfig) config;
        return qlif.toBuilder()
                .sigmoid(sigmoid -> sigmoid.withAlpha(1.1 * qlif.sigmoid().alpha()))
                .build();
    }

    /** 1 + D above its bound. */
    @Override
    public void moveFromBends(float[][] state) {
        float[] trace = state[QlifVariable.DYNAMIC_PROBABILITY.ordinal()];
        for (int i = 0; i < trace.length; i++) {
            trace[i] = Math.abs(trace[i]);
        }
    }

    @Override
    public Set<QlifVariable> withoutGradient() {
        return EnumSet.of(QlifVariable.AHP, QlifVariable.RATE, QlifVariable.HOMEOSTASIS);
    }

    @Override
    public Set<QlifVariable> unflushed() {
        return EnumSet.of(QlifVariable.EFFICIENCY, QlifVariable.MODULATION, QlifVariable.SPIKE_VALUE);
    }

    /** y is of the step before; through D it acts on the next. */
    @Override
    public QlifVariable gradientSource(StateVariable variable) {
        return variable == QlifVariable.SPIKE_VALUE ? QlifVariable.DYNAMIC_PROBABILITY : (QlifVariable) variable;
    }

    /** The last is the greatest tau for which dt / tau, with dt = 1, is infinite. */
    @Override
    public List<BadValue> badValues() {
        List<BadValue> bad = new ArrayList<>();
        for (float tau : new float[] {0f, -0f, -1f, -Float.MIN_VALUE, 1e-45f, 0x1p-128f}) {
            bad.add(new BadValue(QlifParameter.TAU, tau));
        }
        return bad;
    }

    @Override
    public ReferenceModel reference(Scenario scenario) {
        return new QlifReferenceModel(scenario);
    }

    @Override
    public String toString() {
        return "QLIF";
    }
}
