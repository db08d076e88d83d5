// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import org.qlif.NeuromodTransform;
import org.qlif.QlifConfig;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.QlifVariable;
import org.qlif.Trace;
import org.qlif.spi.host.QlifConstants;

/**
 * The QLIF model, docs/model.md, sections 1 to 6.
 *
 * <p>Clamps are written as compare and select, so that a NaN stays a NaN.
 */
final class QlifNeuron extends ScalarNeuron<QlifNeuron.Step> {
    // State and adjoints, docs/model.md, section 2.
    private static final int V = QlifVariable.MEMBRANE.ordinal();
    private static final int A = QlifVariable.ADAPTATION.ordinal();
    private static final int S = QlifVariable.EFFICIENCY.ordinal();
    private static final int REFRACTORY = QlifVariable.REFRACTORY.ordinal();
    private static final int AHP = QlifVariable.AHP.ordinal();
    private static final int D = QlifVariable.DYNAMIC_PROBABILITY.ordinal();
    private static final int O = QlifVariable.THRESHOLD_OFFSET.ordinal();
    private static final int RATE = QlifVariable.RATE.ordinal();
    private static final int HOMEOSTASIS = QlifVariable.HOMEOSTASIS.ordinal();
    private static final int M = QlifVariable.MODULATION.ordinal();
    private static final int Y = QlifVariable.SPIKE_VALUE.ordinal();

    // Parameters and their gradients.
    private static final int V_TH = QlifParameter.V_TH.ordinal();
    private static final int TAU = QlifParameter.TAU.ordinal();
    private static final int ETA = QlifParameter.ETA.ordinal();
    private static final int Q_SCALE = QlifParameter.Q_SCALE.ordinal();
    private static final int Q_BIAS = QlifParameter.Q_BIAS.ordinal();

    private final QlifConfig config;
    private final QlifConstants k;

    // Parameters of this neuron.
    /** V_th. */
    private float vTh;
    /** dt / tau. */
    private float leak;

    private float tau;
    private float eta;
    private float alpha;
    /** beta - quantum leak: the angle at a gap of 0. */
    private float restAngle;

    QlifNeuron(QlifConfig config) {
        super(config);
        this.config = config;
        this.k = QlifConstants.of(config);
    }

    /** What a step computes, in the names of docs/model.md. */
    static final class Step extends ScalarStep {
        /** I. */
        float input;
        /** M at the step. */
        float m;
        /** m, if an external modulation was given. */
        float external;
        /** S before the step. */
        float efficiency;
        /** g. */
        float gain;
        /** V_th + o. */
        float rawBase;
        /** Theta: V_th + o, clamped if the threshold adapts. */
        float base;
        /** I' - V. */
        float drive;

        float theta;
        float delta;
        /** max(1 + D, 1e-6), or 1. */
        float divisor;
        /** The slope's numerator over the divisor: alpha c (1 + kappa M), or the SIGMOID slope before its clamp. */
        float slope;
        /** phi. */
        float angle;
        /** tanh(x), in the TANH angle map. */
        float tanh;
        /** p before clamp and damping. */
        float rawP;
        /** exp(-R). */
        float damping;

        float p;
    }

    @Override
    Step newStep() {
        return new Step();
    }

    @Override
    void parameters(float[] values) {
        vTh = values[V_TH];
        tau = values[TAU];
        leak = k.dt() / tau;
        eta = values[ETA];
        alpha = values[Q_SCALE];
        restAngle = values[Q_BIAS] - k.quantumLeak();
    }

    // ---------------------------------------------------------------- forward, docs/model.md, section 3

    @Override
    void modulate(Step x, float external) {
        NeuromodTransform transform = config.neuromodulation().transform();
        x.external = external;
        state[M] = transform == NeuromodTransform.SIGMOID ? ScalarMath.sigmoid(external) : transform.apply(external);
    }

    @Override
    void integrate(Step x, float input) {
        x.input = input;
        x.m = state[M];
        x.efficiency = state[S];
        x.gain = switch (config.neuromodulation().mode()) {
            case GAIN -> Math.fma(k.kappa(), x.m, 1f);
            case THRESHOLD, PROB_SLOPE, OFF -> 1f;
        };
        x.drive = effectiveCurrent(x) - state[V];
        x.vPre = Math.fma(leak, x.drive, state[V]);
    }

    /** I'. */
    private float effectiveCurrent(Step x) {
        float current = x.gain * x.input;
        if (config.depression().enabled()) {
            current = current * state[S];
        }
        if (config.ahp().enabled()) {
            return current
                    - (config.adaptation().enabled()
                            ? Math.fma(k.gAhp(), state[AHP], state[A])
                            : k.gAhp() * state[AHP]);
        }
        return config.adaptation().enabled() ? current - state[A] : current;
    }

    @Override
    void addNoise(Step x, float xi) {
        x.vPre = Math.fma(k.sigma(), xi, x.vPre);
    }

    /** Computes the probability p; in THRESHOLD mode only the gap and D. */
    @Override
    void decide(Step x) {
        x.rawBase = vTh + state[O];
        x.base = x.rawBase;
        if (config.adaptiveThreshold().enabled()) {
            x.base = clamp(x.base, k.minThreshold(), k.maxThreshold());
        }
        x.theta = x.base + state[HOMEOSTASIS];
        if (config.neuromodulation().mode() == NeuromodMode.THRESHOLD) {
            x.theta = Math.fma(k.kappa(), x.m, x.theta);
        }
        x.delta = x.vPre - x.theta;
        x.divisor = 1f;
        if (config.dynamicProbability().enabled()) {
            state[D] = Math.fma(k.dspDecay(), state[D], k.dspJump() * state[Y]);
            x.divisor = 1f + state[D];
            x.divisor = x.divisor < QlifConstants.MIN_SLOPE_DIVISOR ? QlifConstants.MIN_SLOPE_DIVISOR : x.divisor;
        }
        if (config.decision() == Decision.THRESHOLD) {
            x.slope = 0f;
            return;
        }
        x.slope = slopeFactor();
        if (config.neuromodulation().mode() == NeuromodMode.PROB_SLOPE) {
            x.slope = x.slope * Math.fma(k.kappa(), x.m, 1f);
        }
        if (config.dynamicProbability().enabled()) {
            x.slope = x.slope / x.divisor;
        }
        if (config.decision() == Decision.QUBIT) {
            x.angle = switch (config.qubit().angleMap()) {
                case LINEAR -> Math.fma(x.slope, x.delta, restAngle);
                case TANH -> {
                    x.tanh = ScalarMath.tanh(x.slope * x.delta);
                    yield Math.fma(k.thetaMax(), x.tanh, restAngle);
                }
            };
            x.rawP = ScalarMath.versin(x.angle);
        } else {
            x.rawP = ScalarMath.sigmoid(sigmoidSlope(x) * x.delta);
        }
        x.p = clamp(x.rawP, k.floor(), k.ceiling());
        if (config.refractoriness().enabled()) {
            x.damping = ScalarMath.decay(state[REFRACTORY]);
            x.p = x.p * x.damping;
        }
    }

    /** The factor of p's slope before modulation and the division by 1 + D: alpha, or the SIGMOID slope. */
    private float slopeFactor() {
        return config.decision() == Decision.QUBIT
                ? alpha
                : config.dynamicProbability().enabled() ? k.baseAlpha() : 1f;
    }

    /** a of the SIGMOID, clamped only if the spike history changes it. */
    private float sigmoidSlope(Step x) {
        return config.dynamicProbability().enabled() ? clamp(x.slope, k.minAlpha(), k.maxAlpha()) : x.slope;
    }

    @Override
    boolean fires(Step x, StepDraws draws) {
        return switch (config.decision()) {
            case THRESHOLD -> x.delta >= 0f;
            case SIGMOID ->
                switch (config.sigmoid().sampling()) {
                    case DRAW -> draws.uniform(0) < x.p;
                    case ROUND -> x.p > 0.5f;
                };
            case QUBIT ->
                switch (config.qubit().readout()) {
                    case SINGLE_QUBIT -> draws.uniform(0) < x.p;
                    case MULTI_QUBIT -> wiresBelow(x.p, draws) >= k.minCount();
                    case EXPECTATION -> x.p > k.expectedAbove();
                };
        };
    }

    private int wiresBelow(float p, StepDraws draws) {
        int count = 0;
        for (int wire = 0; wire < config.qubit().wires(); wire++) {
            if (draws.uniform(wire) < p) {
                count++;
            }
        }
        return count;
    }

    @Override
    void settle(Step x, boolean fired) {
        x.spike = fired ? 1f : 0f;
        if (config.decision() == Decision.THRESHOLD) {
            x.p = x.spike;
        }
        x.y = switch (config.spikeValue()) {
            case SAMPLE -> x.spike;
            case EXPECTED -> x.p;
        };
        state[Y] = x.y;
        state[V] = Math.fma(x.y * k.resetFraction(), k.vReset() - x.vPre, x.vPre);
        if (config.refractoriness().enabled()) {
            state[REFRACTORY] = Math.fma(k.refractoryDecay(), state[REFRACTORY], k.rJump() * x.y);
        }
        if (config.ahp().enabled()) {
            float h = Math.fma(k.ahpDecay(), state[AHP], k.ahpJump() * x.spike);
            state[AHP] = h > k.ahpMax() ? k.ahpMax() : h;
        }
        if (config.adaptation().enabled()) {
            state[A] = Math.fma(k.adaptationDecay(), state[A], k.spikeIncrease() * x.y);
        }
        if (config.depression().enabled()) {
            state[S] = Math.fma(
                    state[S],
                    Math.fma(-k.depressionRate(), x.y, 1f),
                    Math.fma(-k.recoveryRate(), state[S], k.recoveryRate()));
        }
        if (config.adaptiveThreshold().enabled()) {
            state[O] = clamp(movedThreshold(x), k.minThreshold(), k.maxThreshold()) - vTh;
        }
        if (config.homeostasis().enabled()) {
            state[RATE] = Math.fma(k.rateStep(), x.spike - state[RATE], state[RATE]);
            state[HOMEOSTASIS] = Math.fma(k.homeostasisLr(), state[RATE] - k.targetRate(), state[HOMEOSTASIS]);
        }
    }

    /** The threshold after the step, before the clamp: docs/model.md, section 4. */
    private float movedThreshold(Step x) {
        return Math.fma(eta, thresholdMove(x), x.base);
    }

    /** y - (1 - y)(Theta - V_th). */
    private float thresholdMove(Step x) {
        return Math.fma(x.y - 1f, x.base - vTh, x.y);
    }

    @Override
    float voltage() {
        return state[V];
    }

    @Override
    float traced(Trace trace, Step x) {
        return switch ((QlifTrace) trace) {
            case PROBABILITY -> x.p;
            case DELTA -> x.delta;
            case THRESHOLD -> x.theta;
            case SLOPE -> config.decision() == Decision.SIGMOID ? sigmoidSlope(x) : x.slope;
            case ADAPTATION,
                    EFFICIENCY,
                    REFRACTORY,
                    AHP,
                    DYNAMIC_PROBABILITY,
                    HOMEOSTASIS,
                    THRESHOLD_OFFSET,
                    RATE,
                    MODULATION -> state(trace);
        };
    }

    // ---------------------------------------------------------------- backward, docs/model.md, section 6

    @Override
    float backward(Step x, float gradY, float gradV) {
        float bV = adjoint[V] + gradV;
        float bY = adjoint[Y] + gradY;
        float bBase = 0f;
        if (config.adaptiveThreshold().enabled()) {
            float bMoved = within(movedThreshold(x), k.minThreshold(), k.maxThreshold()) ? adjoint[O] : 0f;
            gradient[ETA] = Math.fma(bMoved, thresholdMove(x), gradient[ETA]);
            float bEta = bMoved * eta;
            gradient[V_TH] = gradient[V_TH] - Math.fma(bEta, x.y - 1f, adjoint[O]);
            bBase = Math.fma(bEta, x.y - 1f, bMoved);
            bY = Math.fma(bEta, 1f + (x.base - vTh), bY);
        }
        if (config.depression().enabled()) {
            bY = Math.fma(-k.depressionRate() * x.efficiency, adjoint[S], bY);
            adjoint[S] = adjoint[S] * (Math.fma(-k.depressionRate(), x.y, 1f) - k.recoveryRate());
        }
        if (config.adaptation().enabled()) {
            bY = Math.fma(k.spikeIncrease(), adjoint[A], bY);
            adjoint[A] = k.adaptationDecay() * adjoint[A];
        }
        if (config.refractoriness().enabled()) {
            if (!config.reset().detached()) {
                bY = Math.fma(k.rJump(), adjoint[REFRACTORY], bY);
            }
            adjoint[REFRACTORY] = k.refractoryDecay() * adjoint[REFRACTORY];
        }
        if (!config.reset().detached()) {
            bY = Math.fma(bV, k.resetFraction() * (k.vReset() - x.vPre), bY);
        }
        float bVPre = bV * Math.fma(-k.resetFraction(), x.y, 1f);

        float bDelta = decisionBackward(x, bY);

        adjoint[Y] = 0f;
        if (config.dynamicProbability().enabled()) {
            adjoint[Y] = k.dspJump() * adjoint[D];
            adjoint[D] = k.dspDecay() * adjoint[D];
        }
        bVPre = bVPre + bDelta;
        bBase = bBase - bDelta;
        if (config.neuromodulation().mode() == NeuromodMode.THRESHOLD) {
            adjoint[M] = Math.fma(-k.kappa(), bDelta, adjoint[M]);
        }
        gradient[TAU] = Math.fma(bVPre, x.drive, gradient[TAU]);
        float bIEff = leak * bVPre;
        adjoint[V] = bVPre - bIEff;
        float bGained = config.depression().enabled() ? bIEff * x.efficiency : bIEff;
        if (config.neuromodulation().mode() == NeuromodMode.GAIN) {
            adjoint[M] = Math.fma(k.kappa() * x.input, bGained, adjoint[M]);
        }
        if (config.depression().enabled()) {
            adjoint[S] = Math.fma(bIEff, x.gain * x.input, adjoint[S]);
        }
        if (config.adaptation().enabled()) {
            adjoint[A] = adjoint[A] - bIEff;
        }
        if (config.adaptiveThreshold().enabled()) {
            bBase = within(x.rawBase, k.minThreshold(), k.maxThreshold()) ? bBase : 0f;
            adjoint[O] = bBase;
        } else {
            adjoint[O] = adjoint[O] + bBase;
        }
        gradient[V_TH] = gradient[V_TH] + bBase;
        return x.gain * bGained;
    }

    /** Computes the gap's adjoint from that of y, and adds to those of alpha, beta, R, D and M. */
    private float decisionBackward(Step x, float bY) {
        if (config.decision() == Decision.THRESHOLD) {
            return bY * ScalarSurrogate.derivative(config.surrogate(), k.surrogateScale(), x.delta);
        }
        float bP = bY;
        if (config.refractoriness().enabled()) {
            adjoint[REFRACTORY] = Math.fma(-bP, x.p, adjoint[REFRACTORY]);
            bP = bP * x.damping;
        }
        bP = within(x.rawP, k.floor(), k.ceiling()) ? bP : 0f;
        float bSlope;
        float bDelta;
        if (config.decision() == Decision.QUBIT) {
            float bX = bP * ScalarMath.halfSin(x.angle);
            gradient[Q_BIAS] = gradient[Q_BIAS] + bX;
            bX = switch (config.qubit().angleMap()) {
                case LINEAR -> bX;
                case TANH -> bX * (k.thetaMax() * Math.fma(-x.tanh, x.tanh, 1f));
            };
            bDelta = bX * x.slope;
            bSlope = bX * x.delta;
        } else {
            float bX = bP * (x.rawP * (1f - x.rawP));
            bDelta = bX * sigmoidSlope(x);
            bSlope = bX * x.delta;
            if (config.dynamicProbability().enabled()) {
                bSlope = within(x.slope, k.minAlpha(), k.maxAlpha()) ? bSlope : 0f;
            }
        }
        // slope = numerator / divisor
        float bNumerator = bSlope;
        if (config.dynamicProbability().enabled()) {
            bNumerator = bSlope / x.divisor;
            float bDivisor = -(bNumerator * x.slope);
            adjoint[D] = adjoint[D] + (x.divisor > QlifConstants.MIN_SLOPE_DIVISOR ? bDivisor : 0f);
        }
        boolean probSlope = config.neuromodulation().mode() == NeuromodMode.PROB_SLOPE;
        if (config.decision() == Decision.QUBIT) {
            gradient[Q_SCALE] = Math.fma(bNumerator, probSlope ? Math.fma(k.kappa(), x.m, 1f) : 1f, gradient[Q_SCALE]);
        }
        if (probSlope) {
            adjoint[M] = Math.fma(bNumerator, k.kappa() * slopeFactor(), adjoint[M]);
        }
        return bDelta;
    }

    @Override
    float modulationBackward(Step x) {
        float bM = adjoint[M];
        // The step's M comes from the external modulation, not from the state before it.
        adjoint[M] = 0f;
        return bM * config.neuromodulation().transform().derivative(x.external, x.m);
    }

    /** The gradient of tau from that of dt / tau. */
    @Override
    void finishGradients() {
        gradient[TAU] = gradient[TAU] * (-leak / tau);
    }

    private static float clamp(float x, float low, float high) {
        float raised = x < low ? low : x;
        return raised > high ? high : raised;
    }

    private static boolean within(float x, float low, float high) {
        return x >= low && x <= high;
    }
}
