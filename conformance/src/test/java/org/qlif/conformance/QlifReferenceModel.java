// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;

/**
 * docs/model.md, section 3 in double precision. Under sg() are s − p, the spikes that H, r and h follow, H and h themselves, and the ŷ of
 * a detached reset.
 */
final class QlifReferenceModel extends ReferenceModel {
    private static final int AHP_BEFORE = 0;
    private static final int HOMEOSTASIS_BEFORE = 1;

    private final QlifConfig config;

    QlifReferenceModel(Scenario scenario) {
        super(scenario, 2);
        this.config = (QlifConfig) scenario.config();
    }

    @Override
    void runElement(double[] point, Trajectory frozen, Trajectory run, int e) {
        double vTh = parameter(point, QlifParameter.V_TH, e);
        double tau = parameter(point, QlifParameter.TAU, e);
        double eta = parameter(point, QlifParameter.ETA, e);
        double alpha = parameter(point, QlifParameter.Q_SCALE, e);
        double beta = parameter(point, QlifParameter.Q_BIAS, e);
        double kappa = config.neuromodulation().strength();
        QlifConfig.NeuromodMode mode = config.neuromodulation().mode();
        double[] x = initialState(point, e);
        recordFinal(run, e, x);
        double v = x[QlifVariable.MEMBRANE.ordinal()];
        double a = x[QlifVariable.ADAPTATION.ordinal()];
        double s = x[QlifVariable.EFFICIENCY.ordinal()];
        double r = x[QlifVariable.REFRACTORY.ordinal()];
        double ahp = x[QlifVariable.AHP.ordinal()];
        double d = x[QlifVariable.DYNAMIC_PROBABILITY.ordinal()];
        double o = x[QlifVariable.THRESHOLD_OFFSET.ordinal()];
        double rate = x[QlifVariable.RATE.ordinal()];
        double h = x[QlifVariable.HOMEOSTASIS.ordinal()];
        double m = x[QlifVariable.MODULATION.ordinal()];
        double y = x[QlifVariable.SPIKE_VALUE.ordinal()];
        for (int t = 0; t < shape.steps(); t++) {
            int i = t * shape.elements() + e;
            run.held[AHP_BEFORE][i] = ahp;
            run.held[HOMEOSTASIS_BEFORE][i] = h;
            double heldAhp = (frozen == null ? run : frozen).held[AHP_BEFORE][i];
            double heldH = (frozen == null ? run : frozen).held[HOMEOSTASIS_BEFORE][i];

            if (scenario.modulation() != null) {
                m = transform(modulation(point, t, e));
            }
            double gain = mode == QlifConfig.NeuromodMode.GAIN ? 1 + kappa * m : 1;
            double theta0 = vTh + o;
            if (config.adaptiveThreshold().enabled()) {
                theta0 = Math.clamp(
                        theta0,
                        config.adaptiveThreshold().min(),
                        config.adaptiveThreshold().max());
            }
            double theta = theta0 + heldH + (mode == QlifConfig.NeuromodMode.THRESHOLD ? kappa * m : 0);
            double current = gain * point[i] * (config.depression().enabled() ? s : 1)
                    - (config.adaptation().enabled() ? a : 0)
                    - (config.ahp().enabled() ? config.ahp().conductance() * heldAhp : 0);
            double noise = config.drawsNormals() ? config.noise().std() * scenario.normals()[i] : 0;
            double vPre = v + config.dt() / tau * (current - v) + noise;
            double delta = vPre - theta;
            double c = 1;
            if (config.dynamicProbability().enabled()) {
                d = config.dspDecay() * d + config.dynamicProbability().jump() * y;
                c = 1 / Math.max(1 + d, 1e-6);
            }
            double steeper = mode == QlifConfig.NeuromodMode.PROB_SLOPE ? 1 + kappa * m : 1;

            double p = 0;
            double slope = 0;
            switch (config.decision()) {
                case QUBIT -> {
                    slope = alpha * c * steeper;
                    double angle = slope * delta;
                    double phi = beta
                            - config.qubit().leak()
                            + (config.qubit().angleMap() == QlifConfig.AngleMap.TANH
                                    ? config.qubit().thetaMax() * Math.tanh(angle)
                                    : angle);
                    p = damp((1 - Math.cos(phi)) / 2, r);
                }
                case SIGMOID -> {
                    slope = config.dynamicProbability().enabled()
                            ? Math.clamp(
                                    config.sigmoid().alpha() * c * steeper,
                                    config.sigmoid().minAlpha(),
                                    config.sigmoid().maxAlpha())
                            : steeper;
                    p = damp(1 / (1 + Math.exp(-slope * delta)), r);
                }
                case THRESHOLD -> {
                    // No probability: the decision is on the gap itself.
                }
            }
            double spike = frozen == null ? decide(run, p, delta, t, e) : frozen.spikes[i];
            if (config.decision() == QlifConfig.Decision.THRESHOLD) {
                double base = frozen == null ? delta : frozen.traces[QlifTrace.DELTA.ordinal()][i];
                y = spike + surrogate(config.surrogate(), config.surrogateAlpha(), base) * (delta - base);
                p = spike;
            } else if (config.spikeValue() == QlifConfig.SpikeValue.EXPECTED) {
                y = p;
            } else {
                y = p + spike - (frozen == null ? p : frozen.traces[QlifTrace.PROBABILITY.ordinal()][i]);
            }
            double yReset = config.reset().detached() && frozen != null ? frozen.values[i] : y;

            v = vPre + yReset * config.reset().fraction() * (config.reset().potential() - vPre);
            if (config.refractoriness().enabled()) {
                r = Math.exp(-config.dt() / config.refractoriness().tau()) * r
                        + config.refractoriness().jump() * yReset;
            }
            if (config.ahp().enabled()) {
                ahp = Math.min(
                        Math.exp(-config.dt() / config.ahp().tau()) * ahp
                                + config.ahp().jump() * spike,
                        config.ahp().max());
            }
            if (config.adaptation().enabled()) {
                a = config.adaptation().decay() * a + config.adaptation().increase() * y;
            }
            if (config.depression().enabled()) {
                s = s * (1 - config.depression().rate() * y)
                        + config.depression().recovery() * (1 - s);
            }
            if (config.adaptiveThreshold().enabled()) {
                o = Math.clamp(
                                theta0 + eta * (y - (1 - y) * (theta0 - vTh)),
                                config.adaptiveThreshold().min(),
                                config.adaptiveThreshold().max())
                        - vTh;
            }
            if (config.homeostasis().enabled()) {
                rate += config.dt() / config.homeostasis().tau() * (spike - rate);
                h += config.homeostasis().learningRate()
                        * (rate - config.homeostasis().targetRate());
            }

            run.spikes[i] = spike;
            run.values[i] = y;
            run.voltages[i] = v;
            run.traces[QlifTrace.PROBABILITY.ordinal()][i] = p;
            run.traces[QlifTrace.DELTA.ordinal()][i] = delta;
            run.traces[QlifTrace.THRESHOLD.ordinal()][i] = theta;
            run.traces[QlifTrace.SLOPE.ordinal()][i] = slope;
            recordState(run, i, e, v, a, s, r, ahp, d, o, rate, h, m, y);
        }
    }

    private double damp(double p, double r) {
        double clamped = Math.clamp(p, config.probabilityFloor(), 1 - config.probabilityFloor());
        return config.refractoriness().enabled() ? clamped * Math.exp(-r) : clamped;
    }

    private double decide(Trajectory run, double p, double delta, int t, int e) {
        boolean rounds = config.decision() == QlifConfig.Decision.SIGMOID
                && config.sigmoid().sampling() == QlifConfig.Sampling.ROUND;
        if (config.decision() == QlifConfig.Decision.THRESHOLD) {
            return above(run, delta, 0) || delta == 0 ? 1 : 0;
        }
        if (rounds) {
            return above(run, p, 0.5) ? 1 : 0;
        }
        double bound = (1 - config.qubit().threshold()) / 2;
        if (config.uniformsPerStep() == 0) {
            return above(run, p, bound) ? 1 : 0;
        }
        int wires = config.uniformsPerStep();
        int below = 0;
        for (int wire = 0; wire < wires; wire++) {
            if (uniform(p, (t * wires + wire) * shape.elements() + e) < p) {
                below++;
            }
        }
        boolean multi = config.decision() == QlifConfig.Decision.QUBIT
                && config.qubit().readout() == QlifConfig.Readout.MULTI_QUBIT;
        return (multi ? below > wires * bound : below > 0) ? 1 : 0;
    }

    /** The lent uniform, moved away first if it is so close to p that float32 could decide differently. */
    private double uniform(double p, int index) {
        float[] uniforms = scenario.uniforms();
        if (Math.abs(uniforms[index] - p) < 10 * MARGIN) {
            uniforms[index] = p < 0.5 ? 0.999f : 0f;
        }
        return uniforms[index];
    }

    private double transform(double m) {
        NeuromodTransform transform = config.neuromodulation().transform();
        if (transform == NeuromodTransform.SIGMOID) {
            return 1 / (1 + Math.exp(-m));
        }
        return transform == RandomConfigs.RATIONAL ? m / (1 + Math.abs(m)) : m;
    }
}
