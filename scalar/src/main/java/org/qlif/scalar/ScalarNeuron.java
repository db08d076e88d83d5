package org.qlif.scalar;

import org.qlif.QlifConfig;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifConfig.SpikeValue;
import org.qlif.QlifVariable;
import org.qlif.spi.host.Denormals;
import org.qlif.spi.host.QlifConstants;

/**
 * The QLIF model for one neuron: state, one step forward, one step backward. What a step computes is left in a {@link Step}, from
 * which the backward step reads. This is the arithmetic's only place in scalar
 * Java, in the order and names of docs/model.md. Which operations are fused multiply-adds, and in which order terms are added, is
 * part of the definition: every backend does the same and gets the same bits.
 *
 * <p>Clamps are written as compare and select, so that a NaN stays a NaN.
 */
final class ScalarNeuron {
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

    // State, docs/model.md, section 2.
    float v;
    float a;
    float s;
    float r;
    float h;
    float d;
    float o;
    float rate;
    float homeostasis;
    float m;
    float y;

    // Adjoints of the state after the step that the backward pass stands at.
    float adjV;
    float adjA;
    float adjS;
    float adjR;
    float adjD;
    float adjO;
    float adjM;
    float adjY;

    // Sums over time of the parameters' gradients.
    float gradVTh;
    float gradLeak;
    float gradEta;
    float gradAlpha;
    float gradBias;
    /** The gradient of this step's input. */
    float gradInput;

    ScalarNeuron(QlifConfig config, QlifConstants constants) {
        this.config = config;
        this.k = constants;
    }

    void parameters(float vTh, float tau, float eta, float qScale, float qBias) {
        this.vTh = vTh;
        this.tau = tau;
        this.leak = k.dt() / tau;
        this.eta = eta;
        this.alpha = qScale;
        this.restAngle = qBias - k.quantumLeak();
    }

    // ---------------------------------------------------------------- forward, docs/model.md, section 3

    /** docs/model.md, section 10: before a step whose absolute index is a multiple of 64. */
    void flushState() {
        v = flush(v, Denormals.STATE);
        a = flush(a, Denormals.STATE);
        r = flush(r, Denormals.STATE);
        h = flush(h, Denormals.STATE);
        d = flush(d, Denormals.STATE);
        o = flush(o, Denormals.STATE);
        rate = flush(rate, Denormals.STATE);
        homeostasis = flush(homeostasis, Denormals.STATE);
    }

    /** From the input to V', without the noise. */
    void integrate(Step x, float current) {
        x.input = current;
        x.m = m;
        x.efficiency = s;
        x.gain = config.neuromodMode() == NeuromodMode.GAIN ? Math.fma(k.kappa(), m, 1f) : 1f;
        x.drive = effectiveCurrent(x) - v;
        x.vPre = Math.fma(leak, x.drive, v);
    }

    /** I'. */
    private float effectiveCurrent(Step x) {
        float current = x.gain * x.input;
        if (config.useDepression()) {
            current = current * s;
        }
        if (config.useAhp()) {
            return current - (config.useAdaptation() ? Math.fma(k.gAhp(), h, a) : k.gAhp() * h);
        }
        return config.useAdaptation() ? current - a : current;
    }

    void addNoise(Step x, float xi) {
        x.vPre = Math.fma(k.sigma(), xi, x.vPre);
    }

    /** From V' to the probability p; in THRESHOLD mode only the gap and D. */
    void decide(Step x) {
        x.rawBase = vTh + o;
        x.base = x.rawBase;
        if (config.useAdaptiveThreshold()) {
            x.base = clamp(x.base, k.minThreshold(), k.maxThreshold());
        }
        x.theta = x.base + homeostasis;
        if (config.neuromodMode() == NeuromodMode.THRESHOLD) {
            x.theta = Math.fma(k.kappa(), m, x.theta);
        }
        x.delta = x.vPre - x.theta;
        x.divisor = 1f;
        if (config.dynamicProbability()) {
            d = Math.fma(k.dspDecay(), d, k.dspJump() * y);
            x.divisor = 1f + d;
            x.divisor = x.divisor < QlifConstants.MIN_SLOPE_DIVISOR ? QlifConstants.MIN_SLOPE_DIVISOR : x.divisor;
        }
        if (config.decision() == Decision.THRESHOLD) {
            x.slope = 0f;
            return;
        }
        x.slope = slopeNumerator(x.m);
        if (config.dynamicProbability()) {
            x.slope = x.slope / x.divisor;
        }
        if (config.decision() == Decision.QUBIT) {
            if (config.angleMap() == AngleMap.TANH) {
                x.tanh = ScalarMath.tanh(x.slope * x.delta);
                x.angle = Math.fma(k.thetaMax(), x.tanh, restAngle);
            } else {
                x.angle = Math.fma(x.slope, x.delta, restAngle);
            }
            x.rawP = ScalarMath.versin(x.angle);
        } else {
            x.rawP = ScalarMath.sigmoid(sigmoidSlope(x) * x.delta);
        }
        x.p = clamp(x.rawP, k.floor(), k.ceiling());
        if (config.refractory()) {
            x.damping = ScalarMath.decay(r);
            x.p = x.p * x.damping;
        }
    }

    /** alpha, or the SIGMOID slope, times 1 + kappa M in PROB_SLOPE mode; before the division by 1 + D. */
    private float slopeNumerator(float m) {
        float numerator =
                config.decision() == Decision.QUBIT ? alpha : config.dynamicProbability() ? k.baseAlpha() : 1f;
        return config.neuromodMode() == NeuromodMode.PROB_SLOPE ? numerator * Math.fma(k.kappa(), m, 1f) : numerator;
    }

    /** a of the SIGMOID, clamped only where the spike history moves it. */
    private float sigmoidSlope(Step x) {
        return config.dynamicProbability() ? clamp(x.slope, k.minAlpha(), k.maxAlpha()) : x.slope;
    }

    /** The slope that is traced. */
    float tracedSlope(Step x) {
        return config.decision() == Decision.SIGMOID ? sigmoidSlope(x) : x.slope;
    }

    /** From the spike to the state after the step. */
    void settle(Step x, boolean fired) {
        x.spike = fired ? 1f : 0f;
        if (config.decision() == Decision.THRESHOLD) {
            x.p = x.spike;
        }
        x.y = config.spikeValue() == SpikeValue.EXPECTED ? x.p : x.spike;
        y = x.y;
        v = Math.fma(y * k.resetFraction(), k.vReset() - x.vPre, x.vPre);
        if (config.refractory()) {
            r = Math.fma(k.refractoryDecay(), r, k.rJump() * y);
        }
        if (config.useAhp()) {
            h = Math.fma(k.ahpDecay(), h, k.ahpJump() * x.spike);
            h = h > k.ahpMax() ? k.ahpMax() : h;
        }
        if (config.useAdaptation()) {
            a = Math.fma(k.adaptationDecay(), a, k.spikeIncrease() * y);
        }
        if (config.useDepression()) {
            s = Math.fma(s, Math.fma(-k.depressionRate(), y, 1f), Math.fma(-k.recoveryRate(), s, k.recoveryRate()));
        }
        if (config.useAdaptiveThreshold()) {
            o = clamp(movedThreshold(x), k.minThreshold(), k.maxThreshold()) - vTh;
        }
        if (config.homeostasisEnabled()) {
            rate = Math.fma(k.rateStep(), x.spike - rate, rate);
            homeostasis = Math.fma(k.homeostasisLr(), rate - k.targetRate(), homeostasis);
        }
    }

    /** docs/model.md, section 4, before the clamp. */
    private float movedThreshold(Step x) {
        return Math.fma(eta, thresholdMove(x), x.base);
    }

    /** y - (1 - y)(Theta - V_th). */
    private float thresholdMove(Step x) {
        return Math.fma(x.y - 1f, x.base - vTh, x.y);
    }

    // ---------------------------------------------------------------- backward, docs/model.md, section 6

    void clearGradients() {
        gradVTh = 0f;
        gradLeak = 0f;
        gradEta = 0f;
        gradAlpha = 0f;
        gradBias = 0f;
    }

    /** The gradient of tau from that of dt / tau. */
    float gradTau() {
        return gradLeak * (-leak / tau);
    }

    /**
     * Turns the adjoints of the state after a step into those of the state before it, adds to the parameters' gradients and sets
     * {@link #gradInput}. Reads what the step computed.
     */
    void backward(Step x, float gradY, float gradV) {
        float bV = adjV + gradV;
        float bY = adjY + gradY;
        float bBase = 0f;
        if (config.useAdaptiveThreshold()) {
            float bMoved = within(movedThreshold(x), k.minThreshold(), k.maxThreshold()) ? adjO : 0f;
            gradEta = Math.fma(bMoved, thresholdMove(x), gradEta);
            float bEta = bMoved * eta;
            gradVTh = gradVTh - Math.fma(bEta, x.y - 1f, adjO);
            bBase = Math.fma(bEta, x.y - 1f, bMoved);
            bY = Math.fma(bEta, 1f + (x.base - vTh), bY);
        }
        if (config.useDepression()) {
            bY = Math.fma(-k.depressionRate() * x.efficiency, adjS, bY);
            adjS = adjS * (Math.fma(-k.depressionRate(), x.y, 1f) - k.recoveryRate());
        }
        if (config.useAdaptation()) {
            bY = Math.fma(k.spikeIncrease(), adjA, bY);
            adjA = k.adaptationDecay() * adjA;
        }
        if (config.refractory()) {
            if (!config.detachReset()) {
                bY = Math.fma(k.rJump(), adjR, bY);
            }
            adjR = k.refractoryDecay() * adjR;
        }
        if (!config.detachReset()) {
            bY = Math.fma(bV, k.resetFraction() * (k.vReset() - x.vPre), bY);
        }
        float bVPre = bV * Math.fma(-k.resetFraction(), x.y, 1f);

        float bDelta = decisionBackward(x, bY);

        adjY = 0f;
        if (config.dynamicProbability()) {
            adjY = k.dspJump() * adjD;
            adjD = k.dspDecay() * adjD;
        }
        bVPre = bVPre + bDelta;
        bBase = bBase - bDelta;
        if (config.neuromodMode() == NeuromodMode.THRESHOLD) {
            adjM = Math.fma(-k.kappa(), bDelta, adjM);
        }
        gradLeak = Math.fma(bVPre, x.drive, gradLeak);
        float bIEff = leak * bVPre;
        adjV = bVPre - bIEff;
        float bGained = config.useDepression() ? bIEff * x.efficiency : bIEff;
        gradInput = x.gain * bGained;
        if (config.neuromodMode() == NeuromodMode.GAIN) {
            adjM = Math.fma(k.kappa() * x.input, bGained, adjM);
        }
        if (config.useDepression()) {
            adjS = Math.fma(bIEff, x.gain * x.input, adjS);
        }
        if (config.useAdaptation()) {
            adjA = adjA - bIEff;
        }
        if (config.useAdaptiveThreshold()) {
            bBase = within(x.rawBase, k.minThreshold(), k.maxThreshold()) ? bBase : 0f;
            adjO = bBase;
        } else {
            adjO = adjO + bBase;
        }
        gradVTh += bBase;
    }

    /** From the adjoint of y to that of the gap, on the way to alpha, beta, R, D and M. */
    private float decisionBackward(Step x, float bY) {
        if (config.decision() == Decision.THRESHOLD) {
            return bY * surrogate(x.delta);
        }
        float bP = bY;
        if (config.refractory()) {
            adjR = Math.fma(-bP, x.p, adjR);
            bP = bP * x.damping;
        }
        bP = within(x.rawP, k.floor(), k.ceiling()) ? bP : 0f;
        float bSlope;
        float bDelta;
        if (config.decision() == Decision.QUBIT) {
            float bX = bP * ScalarMath.halfSin(x.angle);
            gradBias += bX;
            if (config.angleMap() == AngleMap.TANH) {
                bX = bX * (k.thetaMax() * Math.fma(-x.tanh, x.tanh, 1f));
            }
            bDelta = bX * x.slope;
            bSlope = bX * x.delta;
        } else {
            float bX = bP * (x.rawP * (1f - x.rawP));
            bDelta = bX * sigmoidSlope(x);
            bSlope = bX * x.delta;
            if (config.dynamicProbability()) {
                bSlope = within(x.slope, k.minAlpha(), k.maxAlpha()) ? bSlope : 0f;
            }
        }
        // slope = numerator / divisor
        float bNumerator = bSlope;
        if (config.dynamicProbability()) {
            bNumerator = bSlope / x.divisor;
            float bDivisor = -(bNumerator * x.slope);
            adjD = adjD + (x.divisor > QlifConstants.MIN_SLOPE_DIVISOR ? bDivisor : 0f);
        }
        boolean probSlope = config.neuromodMode() == NeuromodMode.PROB_SLOPE;
        if (config.decision() == Decision.QUBIT) {
            gradAlpha = Math.fma(bNumerator, probSlope ? Math.fma(k.kappa(), x.m, 1f) : 1f, gradAlpha);
        }
        if (probSlope) {
            float factor =
                    config.decision() == Decision.QUBIT ? alpha : config.dynamicProbability() ? k.baseAlpha() : 1f;
            adjM = Math.fma(bNumerator, k.kappa() * factor, adjM);
        }
        return bDelta;
    }

    /** The derivative that stands in for that of the step. */
    private float surrogate(float gap) {
        float x = Math.abs(gap);
        float a = k.surrogateScale();
        return switch (config.surrogate()) {
            case HEAVISIDE -> {
                float tent = Math.fma(-a, x, 1f);
                yield tent < 0f ? 0f : tent;
            }
            case FAST_SIGMOID -> {
                float q = Math.fma(a, x, 1f);
                yield 1f / (q * q);
            }
            case GAUSSIAN -> ScalarMath.exp(a * (x * x));
            case ARCTAN -> {
                float q = a * x;
                yield 1f / Math.fma(q, q, 1f);
            }
        };
    }

    /** docs/model.md, section 10: when the start of a step whose absolute index is a multiple of 64 is reached. */
    void flushAdjoints() {
        adjV = flush(adjV, Denormals.ADJOINT);
        adjA = flush(adjA, Denormals.ADJOINT);
        adjS = flush(adjS, Denormals.ADJOINT);
        adjR = flush(adjR, Denormals.ADJOINT);
        adjD = flush(adjD, Denormals.ADJOINT);
        adjO = flush(adjO, Denormals.ADJOINT);
        adjM = flush(adjM, Denormals.ADJOINT);
        adjY = flush(adjY, Denormals.ADJOINT);
    }

    private static float flush(float x, float limit) {
        return Math.abs(x) < limit ? 0f : x;
    }

    private static float clamp(float x, float low, float high) {
        float raised = x < low ? low : x;
        return raised > high ? high : raised;
    }

    private static boolean within(float x, float low, float high) {
        return x >= low && x <= high;
    }

    // ---------------------------------------------------------------- state by name

    float get(QlifVariable variable) {
        return switch (variable) {
            case MEMBRANE -> v;
            case ADAPTATION -> a;
            case EFFICIENCY -> s;
            case REFRACTORY -> r;
            case AHP -> h;
            case DYNAMIC_PROBABILITY -> d;
            case THRESHOLD_OFFSET -> o;
            case RATE -> rate;
            case HOMEOSTASIS -> homeostasis;
            case MODULATION -> m;
            case SPIKE_VALUE -> y;
        };
    }

    void set(QlifVariable variable, float value) {
        switch (variable) {
            case MEMBRANE -> v = value;
            case ADAPTATION -> a = value;
            case EFFICIENCY -> s = value;
            case REFRACTORY -> r = value;
            case AHP -> h = value;
            case DYNAMIC_PROBABILITY -> d = value;
            case THRESHOLD_OFFSET -> o = value;
            case RATE -> rate = value;
            case HOMEOSTASIS -> homeostasis = value;
            case MODULATION -> m = value;
            case SPIKE_VALUE -> y = value;
        }
    }

    /** The adjoint of a state variable; 0 for what carries no gradient. */
    float adjoint(QlifVariable variable) {
        return switch (variable) {
            case MEMBRANE -> adjV;
            case ADAPTATION -> adjA;
            case EFFICIENCY -> adjS;
            case REFRACTORY -> adjR;
            case DYNAMIC_PROBABILITY -> adjD;
            case THRESHOLD_OFFSET -> adjO;
            case MODULATION -> adjM;
            case SPIKE_VALUE -> adjY;
            case AHP, RATE, HOMEOSTASIS -> 0f;
        };
    }

    /** Sets the adjoint of a state variable; of what carries no gradient it is ignored. */
    void setAdjoint(QlifVariable variable, float value) {
        switch (variable) {
            case MEMBRANE -> adjV = value;
            case ADAPTATION -> adjA = value;
            case EFFICIENCY -> adjS = value;
            case REFRACTORY -> adjR = value;
            case DYNAMIC_PROBABILITY -> adjD = value;
            case THRESHOLD_OFFSET -> adjO = value;
            case MODULATION -> adjM = value;
            case SPIKE_VALUE -> adjY = value;
            case AHP, RATE, HOMEOSTASIS -> {}
        }
    }
}
