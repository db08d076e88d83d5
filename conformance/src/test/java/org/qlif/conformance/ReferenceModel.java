package org.qlif.conformance;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.QlifVariable;

/**
 * docs/model.md, section 3 in double precision, as a function of everything that has a gradient, laid out in one vector:
 * input, parameters, modulation, initial state.
 *
 * <p>Finite differences see a function; the gradient of docs/model.md is that of the function in which everything under sg()
 * stays what it was at the base point. So a run either records those values or takes them from a recorded run: s − p, the spikes
 * that H, r and h follow, the ŷ of a detached reset, and in THRESHOLD mode y = s + surrogate(Δ₀)·(Δ − Δ₀).
 *
 * <p>docs/model.md, section 10 is left out: what it rounds to 0 is far below what a difference resolves.
 */
final class ReferenceModel {
    /** Closer than this to flipping, a float32 run may decide differently. */
    private static final double MARGIN = 1e-4;

    /** H, r and h never carry gradient, so upstream gradients of their final values count for nothing. */
    private static final Set<QlifVariable> NO_GRADIENT =
            EnumSet.of(QlifVariable.AHP, QlifVariable.RATE, QlifVariable.HOMEOSTASIS);

    /** What a run computed, each array by (t, e) but the last. */
    static final class Trajectory {
        final double[] spikes;
        final double[] values;
        final double[] voltages;
        final double[] p;
        final double[] delta;
        final double[] threshold;
        final double[] slope;
        final double[][] states;
        final double[][] finalState;
        private final double[] ahpBefore;
        private final double[] homeostasisBefore;
        boolean ambiguous;

        Trajectory(int size, int elements) {
            spikes = new double[size];
            values = new double[size];
            voltages = new double[size];
            p = new double[size];
            delta = new double[size];
            threshold = new double[size];
            slope = new double[size];
            ahpBefore = new double[size];
            homeostasisBefore = new double[size];
            states = new double[QlifVariable.values().length][size];
            finalState = new double[QlifVariable.values().length][elements];
        }
    }

    private final Scenario scenario;
    private final QlifConfig config;
    private final Shape shape;
    private final int[] parameterAt = new int[QlifParameter.values().length];
    private final int modulationAt;
    private final int stateAt;
    private final double[] base;

    /** The model on {@code scenario}, which lends whatever draws it needs. */
    ReferenceModel(Scenario scenario) {
        this.scenario = scenario;
        this.config = scenario.config();
        this.shape = scenario.shape();
        int at = shape.size();
        for (QlifParameter parameter : QlifParameter.values()) {
            parameterAt[parameter.ordinal()] = at;
            at += scenario.parameters().get(parameter.ordinal()).length;
        }
        modulationAt = at;
        at += scenario.modulation() == null ? 0 : scenario.modulation().values().length;
        stateAt = at;
        base = new double[at + QlifVariable.values().length * shape.elements()];
        put(0, scenario.input());
        for (QlifParameter parameter : QlifParameter.values()) {
            put(parameterAt[parameter.ordinal()], scenario.parameters().get(parameter.ordinal()));
        }
        if (scenario.modulation() != null) {
            put(modulationAt, scenario.modulation().values());
        }
        for (QlifVariable variable : QlifVariable.values()) {
            int first = stateAt + variable.ordinal() * shape.elements();
            if (scenario.initial() == null) {
                Arrays.fill(base, first, first + shape.elements(), variable.initialValue());
            } else {
                put(first, scenario.initial()[variable.ordinal()]);
            }
        }
    }

    private void put(int at, float[] values) {
        for (int i = 0; i < values.length; i++) {
            base[at + i] = values[i];
        }
    }

    /** The point that the scenario gives. */
    double[] base() {
        return base;
    }

    int inputAt() {
        return 0;
    }

    int parameterAt(QlifParameter parameter) {
        return parameterAt[parameter.ordinal()];
    }

    int modulationAt() {
        return modulationAt;
    }

    int stateAt(QlifVariable variable) {
        return stateAt + variable.ordinal() * shape.elements();
    }

    /** The scalar whose gradients the backward run gives, with what sg() holds taken from {@code frozen}. */
    double loss(double[] point, Trajectory frozen) {
        Trajectory run = run(point, frozen);
        double loss = dot(scenario.gradSpikeValues(), run.values) + dot(scenario.gradVoltages(), run.voltages);
        if (scenario.gradFinal() != null) {
            for (QlifVariable variable : QlifVariable.values()) {
                loss += NO_GRADIENT.contains(variable)
                        ? 0
                        : dot(scenario.gradFinal()[variable.ordinal()], run.finalState[variable.ordinal()]);
            }
        }
        return loss;
    }

    private static double dot(float[] weights, double[] values) {
        double sum = 0;
        for (int i = 0; weights != null && i < values.length; i++) {
            sum += weights[i] * values[i];
        }
        return sum;
    }

    /** Runs from {@code point}; {@code frozen} null for the run that records. */
    Trajectory run(double[] point, Trajectory frozen) {
        Trajectory run = new Trajectory(shape.size(), shape.elements());
        for (int e = 0; e < shape.elements(); e++) {
            runElement(point, frozen, run, e);
        }
        return run;
    }

    private void runElement(double[] point, Trajectory frozen, Trajectory run, int e) {
        double vTh = parameter(point, QlifParameter.V_TH, e);
        double tau = parameter(point, QlifParameter.TAU, e);
        double eta = parameter(point, QlifParameter.ETA, e);
        double alpha = parameter(point, QlifParameter.Q_SCALE, e);
        double beta = parameter(point, QlifParameter.Q_BIAS, e);
        double kappa = config.neuromodStrength();
        QlifConfig.NeuromodMode mode = config.neuromodMode();
        double[] x = new double[QlifVariable.values().length];
        for (QlifVariable variable : QlifVariable.values()) {
            x[variable.ordinal()] = point[stateAt(variable) + e];
        }
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
            run.ahpBefore[i] = ahp;
            run.homeostasisBefore[i] = h;
            double heldAhp = (frozen == null ? run : frozen).ahpBefore[i];
            double heldH = (frozen == null ? run : frozen).homeostasisBefore[i];

            if (scenario.modulation() != null) {
                m = transform(point[modulationAt + modulationIndex(t, e)]);
            }
            double gain = mode == QlifConfig.NeuromodMode.GAIN ? 1 + kappa * m : 1;
            double theta0 = vTh + o;
            if (config.useAdaptiveThreshold()) {
                theta0 = Math.clamp(theta0, config.minThreshold(), config.maxThreshold());
            }
            double theta = theta0 + heldH + (mode == QlifConfig.NeuromodMode.THRESHOLD ? kappa * m : 0);
            double current = gain * point[i] * (config.useDepression() ? s : 1)
                    - (config.useAdaptation() ? a : 0)
                    - (config.useAhp() ? config.gAhp() * heldAhp : 0);
            double noise = config.drawsNormals() ? config.noiseStd() * scenario.normals()[i] : 0;
            double vPre = v + config.dt() / tau * (current - v) + noise;
            double delta = vPre - theta;
            double c = 1;
            if (config.dynamicProbability()) {
                d = config.dspDecay() * d + config.dspJump() * y;
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
                            - config.quantumLeak()
                            + (config.angleMap() == QlifConfig.AngleMap.TANH
                                    ? config.thetaMax() * Math.tanh(angle)
                                    : angle);
                    p = damp((1 - Math.cos(phi)) / 2, r);
                }
                case SIGMOID -> {
                    slope = config.dynamicProbability()
                            ? Math.clamp(config.baseAlpha() * c * steeper, config.minAlpha(), config.maxAlpha())
                            : steeper;
                    p = damp(1 / (1 + Math.exp(-slope * delta)), r);
                }
                case THRESHOLD -> {
                    // No probability: the decision is on the gap itself.
                }
            }
            double spike = frozen == null ? decide(run, p, delta, t, e) : frozen.spikes[i];
            if (config.decision() == QlifConfig.Decision.THRESHOLD) {
                double gapFromBase = frozen == null ? 0 : delta - frozen.delta[i];
                y = spike + (frozen == null ? 0 : surrogate(frozen.delta[i])) * gapFromBase;
                p = spike;
            } else if (config.spikeValue() == QlifConfig.SpikeValue.EXPECTED) {
                y = p;
            } else {
                y = p + spike - (frozen == null ? p : frozen.p[i]);
            }
            double yReset = config.detachReset() && frozen != null ? frozen.values[i] : y;

            v = vPre + yReset * config.resetFraction() * (config.vReset() - vPre);
            if (config.refractory()) {
                r = Math.exp(-config.dt() / config.tauRef()) * r + config.rJump() * yReset;
            }
            if (config.useAhp()) {
                ahp = Math.min(
                        Math.exp(-config.dt() / config.tauAhp()) * ahp + config.ahpJump() * spike, config.ahpMax());
            }
            if (config.useAdaptation()) {
                a = config.adaptationDecay() * a + config.spikeIncrease() * y;
            }
            if (config.useDepression()) {
                s = s * (1 - config.depressionRate() * y) + config.recoveryRate() * (1 - s);
            }
            if (config.useAdaptiveThreshold()) {
                o = Math.clamp(
                                theta0 + eta * (y - (1 - y) * (theta0 - vTh)),
                                config.minThreshold(),
                                config.maxThreshold())
                        - vTh;
            }
            if (config.homeostasisEnabled()) {
                rate += config.dt() / config.homeostasisTau() * (spike - rate);
                h += config.homeostasisLr() * (rate - config.homeostasisTargetRate());
            }

            run.spikes[i] = spike;
            run.values[i] = y;
            run.voltages[i] = v;
            run.p[i] = p;
            run.delta[i] = delta;
            run.threshold[i] = theta;
            run.slope[i] = slope;
            double[] after = {v, a, s, r, ahp, d, o, rate, h, m, y};
            for (int k = 0; k < after.length; k++) {
                run.states[k][i] = after[k];
                run.finalState[k][e] = after[k];
            }
        }
        for (int k = 0; shape.steps() == 0 && k < x.length; k++) {
            run.finalState[k][e] = x[k];
        }
    }

    private double damp(double p, double r) {
        double clamped = Math.clamp(p, config.probabilityFloor(), 1 - config.probabilityFloor());
        return config.refractory() ? clamped * Math.exp(-r) : clamped;
    }

    private double decide(Trajectory run, double p, double delta, int t, int e) {
        boolean rounds =
                config.decision() == QlifConfig.Decision.SIGMOID && config.sampling() == QlifConfig.Sampling.ROUND;
        if (config.decision() == QlifConfig.Decision.THRESHOLD) {
            return above(run, delta, 0) || delta == 0 ? 1 : 0;
        }
        if (rounds) {
            return above(run, p, 0.5) ? 1 : 0;
        }
        double bound = (1 - config.quantumThreshold()) / 2;
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
        boolean multi =
                config.decision() == QlifConfig.Decision.QUBIT && config.readout() == QlifConfig.Readout.MULTI_QUBIT;
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

    private static boolean above(Trajectory run, double value, double bound) {
        run.ambiguous |= Math.abs(value - bound) < MARGIN;
        return value > bound;
    }

    private double surrogate(double delta) {
        double a = config.surrogateAlpha();
        return switch (config.surrogate()) {
            case HEAVISIDE -> Math.max(0, 1 - a * Math.abs(delta));
            case FAST_SIGMOID -> Math.pow(1 + a * Math.abs(delta), -2);
            case GAUSSIAN -> Math.exp(-delta * delta / (2 * a * a));
            case ARCTAN -> 1 / (1 + a * delta * a * delta);
        };
    }

    private double transform(double m) {
        NeuromodTransform transform = config.neuromodTransform();
        if (transform == NeuromodTransform.SIGMOID) {
            return 1 / (1 + Math.exp(-m));
        }
        return transform == RandomConfigs.RATIONAL ? m / (1 + Math.abs(m)) : m;
    }

    private double parameter(double[] point, QlifParameter parameter, int e) {
        int length = scenario.parameters().get(parameter.ordinal()).length;
        return point[parameterAt(parameter) + (length == 1 ? 0 : e % shape.neurons())];
    }

    /** The index of the modulation's value at (t, e), by the rules of broadcasting. */
    private int modulationIndex(int t, int e) {
        List<Integer> at = List.of(t, e / shape.neurons(), e % shape.neurons());
        long[] own = scenario.modulation().shape();
        int index = 0;
        for (int axis = 0; axis < own.length; axis++) {
            index = (int) (index * own[axis]) + (own[axis] == 1 ? 0 : at.get(3 - own.length + axis));
        }
        return index;
    }
}
