// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromArray;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LE;
import static jdk.incubator.vector.VectorOperators.LT;
import static org.qlif.simd.Lanes.F;

import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import org.qlif.QlifConfig.AngleMap;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifConfig.NeuromodMode;
import org.qlif.QlifConfig.Readout;
import org.qlif.spi.host.QlifConstants;

/**
 * The QLIF model over vectors of neurons: the only place of its arithmetic in the Vector API, in the order and with the names of
 * docs/model.md. Each operation is the same as in the scalar backend, so the bits are the same.
 *
 * <p>Never used directly: {@link ProgramClasses} defines this class anew for every specialization. Keep each pass small; {@link Pass} says
 * why.
 */
final class QlifProgram implements QlifPasses {
    private static final Specialisation MADE_FOR = ProgramClasses.madeFor(MethodHandles.lookup(), Specialisation.class);
    private static final QlifStructure C = MADE_FOR == null ? null : (QlifStructure) MADE_FOR.structure();
    private static final boolean RECORDS = MADE_FOR != null && MADE_FOR.mode() != Mode.RUN;
    /** Whether a replay comes by p, so that the backward step finds in the frame what it would have to compute again. */
    private static final boolean RECORDS_P = RECORDS && C.expected();

    /** Whether the gap is stored; else a forward run only needs the angle that follows from it. */
    private static final boolean STORES_GAP = RECORDS || C == null || !C.turnsLinearly();

    private static final boolean KEEPS_V_PRE = MADE_FOR != null && MADE_FOR.mode() == Mode.REPLAY_VOLTAGES;

    private static final SimdSurrogate SURROGATE = C == null ? null : SimdSurrogate.of(C.surrogate());

    private final QlifConstants k;

    QlifProgram(QlifConstants constants) {
        this.k = constants;
    }

    @Override
    public QlifStructure structure() {
        return C;
    }

    // ---------------------------------------------------------------- parameters, docs/model.md, section 1

    /** From tau in line OUT to dt / tau. */
    void leak(Tile tile) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = Layout.OUT + v * Lanes.LENGTH;
            broadcast(F, k.dt()).div(fromArray(F, m, j)).intoArray(m, j);
        }
    }

    /** From the gradient of dt / tau in line AUX, and tau in line OUT, to that of tau: times -(dt / tau) / tau. */
    void leakBackward(Tile tile) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = v * Lanes.LENGTH;
            FloatVector tau = fromArray(F, m, Layout.OUT + j);
            FloatVector leak = broadcast(F, k.dt()).div(tau);
            fromArray(F, m, Layout.AUX + j).mul(leak.neg().div(tau)).intoArray(m, Layout.OUT + j);
        }
    }

    /** From beta in line OUT to beta - l. */
    void restAngle(Tile tile) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = Layout.OUT + v * Lanes.LENGTH;
            fromArray(F, m, j).sub(k.quantumLeak()).intoArray(m, j);
        }
    }

    // ---------------------------------------------------------------- forward, docs/model.md, section 3

    /** The SIGMOID transform: M of some steps from their external modulation. */
    void transform(Tile tile) {
        float[] m = tile.m;
        float[] externals = tile.externals;
        int from = tile.firstExternal;
        int stride = tile.externalStride;
        int to = tile.modulation;
        int steps = tile.steps;
        int lanes = tile.vectors * Lanes.LENGTH;
        // All steps of one vector before the next vector: their rows are far apart, so their cache misses overlap.
        for (int lane = 0; lane < lanes; lane += Lanes.LENGTH) {
            for (int step = 0; step < steps; step++) {
                SimdMath.sigmoid(fromArray(F, externals, from + lane + step * stride))
                        .intoArray(m, to + lane + step * Lanes.TILE);
            }
        }
    }

    /** 1 + kappa M, with the M at {@code at}. */
    private FloatVector modulation(float[] m, int at) {
        return fromArray(F, m, at).fma(broadcast(F, k.kappa()), broadcast(F, 1f));
    }

    /** From the input to V', Theta and the gap; in a forward run also to the slope, or the angle if it is linear. */
    void integrate(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        float[] inputs = tile.inputs;
        int in = tile.input;
        int normals = tile.normals;
        int modulations = tile.modulation;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * QlifLayout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector input = fromArray(F, inputs, in + v * Lanes.LENGTH);
            if (C.neuromod() == NeuromodMode.GAIN) {
                input = modulation(m, modulations + v * Lanes.LENGTH).mul(input);
            }
            FloatVector potential = fromArray(F, m, i + QlifLayout.V);
            FloatVector drive = effectiveCurrent(m, i, input).sub(potential);
            FloatVector vPre;
            if (KEEPS_V_PRE) {
                vPre = fromArray(F, m, j + QlifLayout.FRAME_V_PRE);
            } else {
                vPre = drive.fma(fromArray(F, m, i + QlifLayout.LEAK), potential);
                if (C.noise()) {
                    vPre = fromArray(F, m, normals + v * Lanes.LENGTH).fma(broadcast(F, k.sigma()), vPre);
                }
                vPre.intoArray(m, j + QlifLayout.FRAME_V_PRE);
            }
            FloatVector rawBase = rawBase(m, i);
            FloatVector delta = vPre.sub(theta(m, i, modulations + v * Lanes.LENGTH, base(rawBase)));
            if (STORES_GAP) {
                delta.intoArray(m, j + QlifLayout.FRAME_DELTA);
            }
            if (RECORDS) {
                if (C.adaptiveThreshold()) {
                    rawBase.intoArray(m, j + QlifLayout.FRAME_RAW_BASE);
                }
                if (C.depression()) {
                    fromArray(F, m, i + QlifLayout.S).intoArray(m, j + QlifLayout.FRAME_EFFICIENCY);
                }
                drive.intoArray(m, j + QlifLayout.FRAME_DRIVE);
            } else {
                decide(m, v, j, modulations + v * Lanes.LENGTH, delta);
            }
        }
    }

    /** In a backward run, what {@link #integrate} does besides in a forward run, and exp(-R). Left out where there is none of them. */
    void decide(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        int modulations = tile.modulation;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = at + v * Lanes.LENGTH;
            if (C.damps()) {
                SimdMath.decay(fromArray(F, m, v * QlifLayout.STRIDE + QlifLayout.REFRACTORY))
                        .intoArray(m, j + QlifLayout.FRAME_DAMPING);
            }
            decide(m, v, j, modulations + v * Lanes.LENGTH, null);
        }
    }

    /** D, the slope's quotient, and the angle if it is linear. */
    private void decide(float[] m, int v, int j, int modulation, FloatVector delta) {
        int i = v * QlifLayout.STRIDE;
        if (C.dynamicProbability()) {
            fromArray(F, m, i + QlifLayout.D)
                    .fma(
                            broadcast(F, k.dspDecay()),
                            fromArray(F, m, i + QlifLayout.Y).mul(k.dspJump()))
                    .intoArray(m, i + QlifLayout.D);
        }
        FloatVector slope = null;
        if (C.movesSlope()) {
            FloatVector divisor = divisor(m, i);
            slope = slope(m, i, modulation, divisor);
            if (STORES_GAP) {
                slope.intoArray(m, j + QlifLayout.FRAME_SLOPE);
            }
            if (RECORDS && C.dynamicProbability()) {
                divisor.intoArray(m, j + QlifLayout.FRAME_DIVISOR);
            }
        }
        if (!STORES_GAP) {
            linearAngle(m, i, C.movesSlope() ? slope : slopeFactor(m, i), delta)
                    .intoArray(m, QlifLayout.ANGLE + v * Lanes.LENGTH);
        }
    }

    /** I' from the gained input. */
    private FloatVector effectiveCurrent(float[] m, int i, FloatVector gained) {
        FloatVector current = C.depression() ? gained.mul(fromArray(F, m, i + QlifLayout.S)) : gained;
        if (C.ahp()) {
            FloatVector ahp = fromArray(F, m, i + QlifLayout.AHP);
            return current.sub(
                    C.adaptation()
                            ? ahp.fma(broadcast(F, k.gAhp()), fromArray(F, m, i + QlifLayout.A))
                            : ahp.mul(k.gAhp()));
        }
        return C.adaptation() ? current.sub(fromArray(F, m, i + QlifLayout.A)) : current;
    }

    /** V_th + o. */
    private static FloatVector rawBase(float[] m, int i) {
        return fromArray(F, m, i + QlifLayout.V_TH).add(fromArray(F, m, i + QlifLayout.O));
    }

    /** Theta from V_th + o. */
    private FloatVector base(FloatVector rawBase) {
        return C.adaptiveThreshold() ? SimdMath.clamp(rawBase, k.minThreshold(), k.maxThreshold()) : rawBase;
    }

    private FloatVector theta(float[] m, int i, int modulation, FloatVector base) {
        FloatVector theta = base.add(fromArray(F, m, i + QlifLayout.HOMEOSTASIS));
        return C.neuromod() == NeuromodMode.THRESHOLD
                ? fromArray(F, m, modulation).fma(broadcast(F, k.kappa()), theta)
                : theta;
    }

    /** The gap, to line OUT; after {@link #integrate}. */
    void traceGap(Tile tile) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * QlifLayout.STRIDE;
            fromArray(F, m, tile.frame + v * Lanes.LENGTH + QlifLayout.FRAME_V_PRE)
                    .sub(theta(m, i, tile.modulation + v * Lanes.LENGTH, base(rawBase(m, i))))
                    .intoArray(m, Layout.OUT + v * Lanes.LENGTH);
        }
    }

    /** theta, to line OUT; after {@link #integrate}. */
    void traceThreshold(Tile tile) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * QlifLayout.STRIDE;
            theta(m, i, tile.modulation + v * Lanes.LENGTH, base(rawBase(m, i)))
                    .intoArray(m, Layout.OUT + v * Lanes.LENGTH);
        }
    }

    /** phi, or the SIGMOID's argument, unless it is a linear angle. */
    void turn(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = at + v * Lanes.LENGTH;
            FloatVector slope = slopeOfStep(m, v, j);
            FloatVector delta = fromArray(F, m, j + QlifLayout.FRAME_DELTA);
            FloatVector angle;
            if (C.decision() == Decision.SIGMOID) {
                angle = sigmoidSlope(slope).mul(delta);
            } else {
                FloatVector tanh = SimdMath.tanh(slope.mul(delta));
                if (RECORDS) {
                    tanh.intoArray(m, tanhLine(v, j));
                }
                angle = tanh.fma(
                        broadcast(F, k.thetaMax()), fromArray(F, m, v * QlifLayout.STRIDE + QlifLayout.REST_ANGLE));
            }
            angle.intoArray(m, QlifLayout.ANGLE + v * Lanes.LENGTH);
        }
    }

    private static int tanhLine(int v, int j) {
        return RECORDS_P ? j + QlifLayout.FRAME_TANH : QlifLayout.TANH + v * Lanes.LENGTH;
    }

    /** The slope of vector {@code v} in the step whose frame this is. */
    private FloatVector slopeOfStep(float[] m, int v, int j) {
        return C.movesSlope() ? fromArray(F, m, j + QlifLayout.FRAME_SLOPE) : slopeFactor(m, v * QlifLayout.STRIDE);
    }

    private static FloatVector linearAngle(float[] m, int i, FloatVector slope, FloatVector delta) {
        return slope.fma(delta, fromArray(F, m, i + QlifLayout.REST_ANGLE));
    }

    /** phi, or the SIGMOID's argument, of vector {@code v}. */
    private FloatVector angle(float[] m, int v, int j) {
        return C.turnsLinearly() && RECORDS
                ? linearAngle(
                        m, v * QlifLayout.STRIDE, slopeOfStep(m, v, j), fromArray(F, m, j + QlifLayout.FRAME_DELTA))
                : fromArray(F, m, QlifLayout.ANGLE + v * Lanes.LENGTH);
    }

    /** p before refractory damping. */
    void chance(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = at + v * Lanes.LENGTH;
            FloatVector rawP = rawProbability(m, v, j);
            if (RECORDS_P) {
                rawP.intoArray(m, j + QlifLayout.FRAME_RAW_P);
            }
            clampProbability(rawP).intoArray(m, j + QlifLayout.FRAME_P);
        }
    }

    /** p from phi, or from the SIGMOID's argument, which stands in its place. */
    private FloatVector rawProbability(float[] m, int v, int j) {
        FloatVector angle = angle(m, v, j);
        if (C.decision() == Decision.SIGMOID) {
            return SimdMath.sigmoid(angle);
        }
        FloatVector phase = SimdMath.reducePhase(angle);
        if (RECORDS_P) {
            phase.intoArray(m, j + QlifLayout.FRAME_PHASE);
        }
        return SimdMath.versinOfPhase(phase);
    }

    /** max(1 + D, 1e-6), with the D of this step. */
    private static FloatVector divisor(float[] m, int i) {
        if (!C.dynamicProbability()) {
            return broadcast(F, 1f);
        }
        FloatVector divisor = fromArray(F, m, i + QlifLayout.D).add(1f);
        return divisor.blend(QlifConstants.MIN_SLOPE_DIVISOR, divisor.compare(LT, QlifConstants.MIN_SLOPE_DIVISOR));
    }

    /** alpha, or the SIGMOID slope, over the divisor; times 1 + kappa M in PROB_SLOPE mode. */
    private FloatVector slope(float[] m, int i, int modulation, FloatVector divisor) {
        FloatVector numerator = slopeFactor(m, i);
        if (C.neuromod() == NeuromodMode.PROB_SLOPE) {
            numerator = numerator.mul(modulation(m, modulation));
        }
        return C.dynamicProbability() ? numerator.div(divisor) : numerator;
    }

    private FloatVector slopeFactor(float[] m, int i) {
        return C.decision() == Decision.QUBIT
                ? fromArray(F, m, i + QlifLayout.ALPHA)
                : broadcast(F, C.dynamicProbability() ? k.baseAlpha() : 1f);
    }

    /** a of the SIGMOID, clamped only where the spike history moves it. */
    private FloatVector sigmoidSlope(FloatVector slope) {
        return C.dynamicProbability() ? SimdMath.clamp(slope, k.minAlpha(), k.maxAlpha()) : slope;
    }

    /** Without a floor p is in [0, 1] already. */
    private FloatVector clampProbability(FloatVector p) {
        return C.clampsProbability() ? SimdMath.clamp(p, k.floor(), k.ceiling()) : p;
    }

    /** The slope as it is traced, to line OUT; after {@link #integrate}. */
    void traceSlope(Tile tile) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * QlifLayout.STRIDE;
            FloatVector traced = broadcast(F, 0f);
            if (C.decision() != Decision.THRESHOLD) {
                traced = slope(m, i, tile.modulation + v * Lanes.LENGTH, divisor(m, i));
                if (C.decision() == Decision.SIGMOID) {
                    traced = sigmoidSlope(traced);
                }
            }
            traced.intoArray(m, Layout.OUT + v * Lanes.LENGTH);
        }
    }

    /** Damps p by exp(-R). */
    void damp(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            dampedProbability(m, v * QlifLayout.STRIDE, at + v * Lanes.LENGTH)
                    .intoArray(m, at + v * Lanes.LENGTH + QlifLayout.FRAME_P);
        }
    }

    private static FloatVector dampedProbability(float[] m, int i, int j) {
        FloatVector damping = RECORDS
                ? fromArray(F, m, j + QlifLayout.FRAME_DAMPING)
                : SimdMath.decay(fromArray(F, m, i + QlifLayout.REFRACTORY));
        return fromArray(F, m, j + QlifLayout.FRAME_P).mul(damping);
    }

    /** The damped p as it is traced, to line OUT; after {@link #decideSpikes}. */
    void traceProbability(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            probability(m, v, at + v * Lanes.LENGTH).intoArray(m, Layout.OUT + v * Lanes.LENGTH);
        }
    }

    /** p, damped. */
    private FloatVector probability(float[] m, int v, int j) {
        FloatVector p = clampProbability(rawProbability(m, v, j));
        return C.refractory()
                ? p.mul(SimdMath.decay(fromArray(F, m, v * QlifLayout.STRIDE + QlifLayout.REFRACTORY)))
                : p;
    }

    /** The spikes' bits; computes p first where nothing else reads it. */
    void decideSpikes(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        long[] bits = tile.bits;
        int uniforms = tile.uniforms;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int lane = v * Lanes.LENGTH;
            int j = at + lane;
            VectorMask<Float> fired = fired(m, v, j, uniforms + lane);
            long word = (lane & 63) == 0 ? 0 : bits[lane >>> 6];
            bits[lane >>> 6] = word | fired.toLong() << (lane & 63);
        }
    }

    private VectorMask<Float> fired(float[] m, int v, int j, int lane) {
        if (C.decision() == Decision.THRESHOLD) {
            return fromArray(F, m, j + QlifLayout.FRAME_DELTA).compare(GE, 0f);
        }
        if (C.readout() == Readout.MULTI_QUBIT) {
            return fromArray(F, m, lane).compare(GE, (float) k.minCount());
        }
        FloatVector p = probability(m, v, j);
        if (C.expected()) {
            p.intoArray(m, j + QlifLayout.FRAME_P);
        }
        if (C.decision() == Decision.SIGMOID && C.rounds()) {
            return p.compare(GT, 0.5f);
        }
        if (C.readout() == Readout.EXPECTATION) {
            return p.compare(GT, k.expectedAbove());
        }
        return fromArray(F, m, lane).compare(LT, p);
    }

    /** From the spike to the state after the step. */
    void settle(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        long[] bits = tile.bits;
        int word = tile.word;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * QlifLayout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector spike = Block.spike(bits, word, v);
            FloatVector y = C.expected() ? fromArray(F, m, j + QlifLayout.FRAME_P) : spike;
            if (C.adaptiveThreshold()) {
                FloatVector vTh = fromArray(F, m, i + QlifLayout.V_TH);
                FloatVector base = base(
                        RECORDS
                                ? fromArray(F, m, j + QlifLayout.FRAME_RAW_BASE)
                                : vTh.add(fromArray(F, m, i + QlifLayout.O)));
                SimdMath.clamp(
                                movedThreshold(m, i, base, thresholdMove(y, base, vTh)),
                                k.minThreshold(),
                                k.maxThreshold())
                        .sub(vTh)
                        .intoArray(m, i + QlifLayout.O);
            }
            y.intoArray(m, i + QlifLayout.Y);
            FloatVector vPre = fromArray(F, m, j + QlifLayout.FRAME_V_PRE);
            y.mul(k.resetFraction())
                    .fma(broadcast(F, k.vReset()).sub(vPre), vPre)
                    .intoArray(m, i + QlifLayout.V);
            if (C.refractory()) {
                fromArray(F, m, i + QlifLayout.REFRACTORY)
                        .fma(broadcast(F, k.refractoryDecay()), y.mul(k.rJump()))
                        .intoArray(m, i + QlifLayout.REFRACTORY);
            }
            if (C.ahp()) {
                FloatVector h =
                        fromArray(F, m, i + QlifLayout.AHP).fma(broadcast(F, k.ahpDecay()), spike.mul(k.ahpJump()));
                h.blend(k.ahpMax(), h.compare(GT, k.ahpMax())).intoArray(m, i + QlifLayout.AHP);
            }
            if (C.adaptation()) {
                fromArray(F, m, i + QlifLayout.A)
                        .fma(broadcast(F, k.adaptationDecay()), y.mul(k.spikeIncrease()))
                        .intoArray(m, i + QlifLayout.A);
            }
            if (C.depression()) {
                FloatVector s = fromArray(F, m, i + QlifLayout.S);
                s.fma(
                                y.fma(broadcast(F, -k.depressionRate()), broadcast(F, 1f)),
                                s.fma(broadcast(F, -k.recoveryRate()), broadcast(F, k.recoveryRate())))
                        .intoArray(m, i + QlifLayout.S);
            }
            if (C.homeostasis()) {
                FloatVector rate = fromArray(F, m, i + QlifLayout.RATE);
                rate = spike.sub(rate).fma(broadcast(F, k.rateStep()), rate);
                rate.intoArray(m, i + QlifLayout.RATE);
                rate.sub(k.targetRate())
                        .fma(broadcast(F, k.homeostasisLr()), fromArray(F, m, i + QlifLayout.HOMEOSTASIS))
                        .intoArray(m, i + QlifLayout.HOMEOSTASIS);
            }
        }
    }

    /** docs/model.md, section 4, before the clamp. */
    private static FloatVector movedThreshold(float[] m, int i, FloatVector base, FloatVector move) {
        return move.fma(fromArray(F, m, i + QlifLayout.ETA), base);
    }

    /** y - (1 - y)(Theta - V_th). */
    private static FloatVector thresholdMove(FloatVector y, FloatVector base, FloatVector vTh) {
        return y.sub(1f).fma(base.sub(vTh), y);
    }

    // ---------------------------------------------------------------- backward, docs/model.md, section 6

    /** The adjoint of {@link #settle(Tile)}. */
    void settleBackward(Tile tile) {
        float[] m = tile.m;
        float[] gradYs = tile.gradYs;
        int at = tile.frame;
        int gradY = tile.gradY;
        long[] bits = tile.bits;
        int word = tile.word;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * QlifLayout.STRIDE;
            int b = v * QlifLayout.ADJOINT_STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector bV =
                    fromArray(F, m, b + QlifLayout.ADJ_V).add(fromArray(F, m, Layout.GRAD_V_OUT + v * Lanes.LENGTH));
            FloatVector bY = fromArray(F, m, b + QlifLayout.ADJ_Y).add(fromArray(F, gradYs, gradY + v * Lanes.LENGTH));
            FloatVector y = C.expected() ? fromArray(F, m, j + QlifLayout.FRAME_P) : Block.spike(bits, word, v);
            if (C.adaptiveThreshold()) {
                FloatVector vTh = fromArray(F, m, i + QlifLayout.V_TH);
                FloatVector base = base(fromArray(F, m, j + QlifLayout.FRAME_RAW_BASE));
                FloatVector move = thresholdMove(y, base, vTh);
                FloatVector adjO = fromArray(F, m, b + QlifLayout.ADJ_O);
                FloatVector bMoved = within(adjO, movedThreshold(m, i, base, move), k.minThreshold(), k.maxThreshold());
                bMoved.fma(move, fromArray(F, m, b + QlifLayout.GRAD_ETA)).intoArray(m, b + QlifLayout.GRAD_ETA);
                FloatVector bEta = bMoved.mul(fromArray(F, m, i + QlifLayout.ETA));
                fromArray(F, m, b + QlifLayout.GRAD_V_TH)
                        .sub(bEta.fma(y.sub(1f), adjO))
                        .intoArray(m, b + QlifLayout.GRAD_V_TH);
                bEta.fma(y.sub(1f), bMoved).intoArray(m, b + QlifLayout.B_BASE);
                bY = bEta.fma(base.sub(vTh).add(1f), bY);
            }
            if (C.depression()) {
                FloatVector adjS = fromArray(F, m, b + QlifLayout.ADJ_S);
                bY = fromArray(F, m, j + QlifLayout.FRAME_EFFICIENCY)
                        .mul(-k.depressionRate())
                        .fma(adjS, bY);
                adjS.mul(y.fma(broadcast(F, -k.depressionRate()), broadcast(F, 1f))
                                .sub(k.recoveryRate()))
                        .intoArray(m, b + QlifLayout.ADJ_S);
            }
            if (C.adaptation()) {
                FloatVector adjA = fromArray(F, m, b + QlifLayout.ADJ_A);
                bY = adjA.fma(broadcast(F, k.spikeIncrease()), bY);
                adjA.mul(k.adaptationDecay()).intoArray(m, b + QlifLayout.ADJ_A);
            }
            if (C.refractory()) {
                FloatVector adjR = fromArray(F, m, b + QlifLayout.ADJ_REFRACTORY);
                if (!C.detachReset()) {
                    bY = adjR.fma(broadcast(F, k.rJump()), bY);
                }
                adjR.mul(k.refractoryDecay()).intoArray(m, b + QlifLayout.ADJ_REFRACTORY);
            }
            if (!C.detachReset()) {
                FloatVector vPre = fromArray(F, m, j + QlifLayout.FRAME_V_PRE);
                bY = bV.fma(broadcast(F, k.vReset()).sub(vPre).mul(k.resetFraction()), bY);
            }
            bY.intoArray(m, b + QlifLayout.B_Y);
            bV.mul(y.fma(broadcast(F, -k.resetFraction()), broadcast(F, 1f))).intoArray(m, b + QlifLayout.B_V_PRE);
        }
    }

    /** {@code value} where {@code x} is within the bounds, else 0. */
    private static FloatVector within(FloatVector value, FloatVector x, float low, float high) {
        return broadcast(F, 0f).blend(value, within(x, low, high));
    }

    private static VectorMask<Float> within(FloatVector x, float low, float high) {
        return x.compare(GE, low).and(x.compare(LE, high));
    }

    /** The adjoint of a threshold's decision. */
    void thresholdBackward(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int b = v * QlifLayout.ADJOINT_STRIDE;
            FloatVector delta = fromArray(F, m, at + v * Lanes.LENGTH + QlifLayout.FRAME_DELTA);
            fromArray(F, m, b + QlifLayout.B_Y)
                    .mul(SURROGATE.derivative(delta, k.surrogateScale()))
                    .intoArray(m, b + QlifLayout.B_DELTA);
        }
    }

    /** The adjoint of {@link #decide}, {@link #turn}, {@link #chance} and {@link #damp}. */
    void chanceBackward(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        int modulations = tile.modulation;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int b = v * QlifLayout.ADJOINT_STRIDE;
            int j = at + v * Lanes.LENGTH;
            boolean qubit = C.decision() == Decision.QUBIT;
            boolean modulated = C.neuromod() == NeuromodMode.PROB_SLOPE;
            FloatVector slope = slopeOfStep(m, v, j);
            FloatVector gain = modulated ? modulation(m, modulations + v * Lanes.LENGTH) : null;
            FloatVector factor = modulated ? slopeFactor(m, v * QlifLayout.STRIDE) : null;
            FloatVector phase = qubit ? phase(m, v, j) : null;
            FloatVector rawP = RECORDS_P
                    ? fromArray(F, m, j + QlifLayout.FRAME_RAW_P)
                    : qubit ? SimdMath.versinOfPhase(phase) : SimdMath.sigmoid(angle(m, v, j));
            VectorMask<Float> unclamped = C.clampsProbability() ? within(rawP, k.floor(), k.ceiling()) : null;
            FloatVector p = RECORDS_P ? fromArray(F, m, j + QlifLayout.FRAME_P) : clampProbability(rawP);
            FloatVector turned = qubit ? SimdMath.halfSinOfPhase(phase) : sigmoidSlope(slope);
            boolean bounded = !qubit && C.dynamicProbability();
            VectorMask<Float> between = bounded ? within(slope, k.minAlpha(), k.maxAlpha()) : null;

            FloatVector bP = fromArray(F, m, b + QlifLayout.B_Y);
            if (C.refractory()) {
                FloatVector damping = fromArray(F, m, j + QlifLayout.FRAME_DAMPING);
                bP.neg()
                        .fma(RECORDS_P ? p : p.mul(damping), fromArray(F, m, b + QlifLayout.ADJ_REFRACTORY))
                        .intoArray(m, b + QlifLayout.ADJ_REFRACTORY);
                bP = bP.mul(damping);
            }
            if (C.clampsProbability()) {
                bP = broadcast(F, 0f).blend(bP, unclamped);
            }
            FloatVector bX;
            if (qubit) {
                bX = bP.mul(turned);
                fromArray(F, m, b + QlifLayout.GRAD_BIAS).add(bX).intoArray(m, b + QlifLayout.GRAD_BIAS);
                if (C.angleMap() == AngleMap.TANH) {
                    FloatVector tanh = fromArray(F, m, tanhLine(v, j));
                    bX = bX.mul(tanh.neg().fma(tanh, broadcast(F, 1f)).mul(k.thetaMax()));
                }
                bX.mul(slope).intoArray(m, b + QlifLayout.B_DELTA);
            } else {
                bX = bP.mul(rawP.mul(broadcast(F, 1f).sub(rawP)));
                bX.mul(turned).intoArray(m, b + QlifLayout.B_DELTA);
            }
            FloatVector bNumerator = bX.mul(fromArray(F, m, j + QlifLayout.FRAME_DELTA));
            if (bounded) {
                bNumerator = broadcast(F, 0f).blend(bNumerator, between);
            }
            if (C.dynamicProbability()) {
                FloatVector divisor = fromArray(F, m, j + QlifLayout.FRAME_DIVISOR);
                bNumerator = bNumerator.div(divisor);
                FloatVector bDivisor = broadcast(F, 0f)
                        .blend(bNumerator.mul(slope).neg(), divisor.compare(GT, QlifConstants.MIN_SLOPE_DIVISOR));
                fromArray(F, m, b + QlifLayout.ADJ_D).add(bDivisor).intoArray(m, b + QlifLayout.ADJ_D);
            }
            if (qubit) {
                FloatVector gradAlpha = fromArray(F, m, b + QlifLayout.GRAD_ALPHA);
                gradAlpha = modulated ? bNumerator.fma(gain, gradAlpha) : bNumerator.add(gradAlpha);
                gradAlpha.intoArray(m, b + QlifLayout.GRAD_ALPHA);
            }
            if (modulated) {
                bNumerator
                        .fma(factor.mul(k.kappa()), fromArray(F, m, b + QlifLayout.ADJ_M))
                        .intoArray(m, b + QlifLayout.ADJ_M);
            }
        }
    }

    private FloatVector phase(float[] m, int v, int j) {
        return RECORDS_P ? fromArray(F, m, j + QlifLayout.FRAME_PHASE) : SimdMath.reducePhase(angle(m, v, j));
    }

    /** The adjoint of {@link #integrate}. */
    void integrateBackward(Tile tile) {
        float[] m = tile.m;
        float[] inputs = tile.inputs;
        float[] gradInputs = tile.gradInputs;
        int in = tile.input;
        int out = tile.gradInput;
        int at = tile.frame;
        int modulations = tile.modulation;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * QlifLayout.STRIDE;
            int b = v * QlifLayout.ADJOINT_STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector adjY = broadcast(F, 0f);
            if (C.dynamicProbability()) {
                FloatVector adjD = fromArray(F, m, b + QlifLayout.ADJ_D);
                adjY = adjD.mul(k.dspJump());
                adjD.mul(k.dspDecay()).intoArray(m, b + QlifLayout.ADJ_D);
            }
            adjY.intoArray(m, b + QlifLayout.ADJ_Y);
            FloatVector bDelta = fromArray(F, m, b + QlifLayout.B_DELTA);
            FloatVector bVPre = fromArray(F, m, b + QlifLayout.B_V_PRE).add(bDelta);
            FloatVector adjM = fromArray(F, m, b + QlifLayout.ADJ_M);
            if (C.neuromod() == NeuromodMode.THRESHOLD) {
                bDelta.fma(broadcast(F, -k.kappa()), adjM).intoArray(m, b + QlifLayout.ADJ_M);
            }
            bVPre.fma(fromArray(F, m, j + QlifLayout.FRAME_DRIVE), fromArray(F, m, b + QlifLayout.GRAD_LEAK))
                    .intoArray(m, b + QlifLayout.GRAD_LEAK);
            FloatVector bIEff = fromArray(F, m, i + QlifLayout.LEAK).mul(bVPre);
            bVPre.sub(bIEff).intoArray(m, b + QlifLayout.ADJ_V);
            FloatVector input = fromArray(F, inputs, in + v * Lanes.LENGTH);
            FloatVector bInput = C.depression() ? bIEff.mul(fromArray(F, m, j + QlifLayout.FRAME_EFFICIENCY)) : bIEff;
            FloatVector gained = input;
            if (C.neuromod() == NeuromodMode.GAIN) {
                input.mul(k.kappa()).fma(bInput, adjM).intoArray(m, b + QlifLayout.ADJ_M);
                FloatVector gain = modulation(m, modulations + v * Lanes.LENGTH);
                gained = gain.mul(input);
                bInput = gain.mul(bInput);
            }
            bInput.intoArray(gradInputs, out + v * Lanes.LENGTH);
            if (C.depression()) {
                bIEff.fma(gained, fromArray(F, m, b + QlifLayout.ADJ_S)).intoArray(m, b + QlifLayout.ADJ_S);
            }
            if (C.adaptation()) {
                fromArray(F, m, b + QlifLayout.ADJ_A).sub(bIEff).intoArray(m, b + QlifLayout.ADJ_A);
            }
            FloatVector bBase;
            if (C.adaptiveThreshold()) {
                bBase = fromArray(F, m, b + QlifLayout.B_BASE).sub(bDelta);
                bBase = within(
                        bBase, fromArray(F, m, j + QlifLayout.FRAME_RAW_BASE), k.minThreshold(), k.maxThreshold());
                bBase.intoArray(m, b + QlifLayout.ADJ_O);
            } else {
                bBase = broadcast(F, 0f).sub(bDelta);
                fromArray(F, m, b + QlifLayout.ADJ_O).add(bBase).intoArray(m, b + QlifLayout.ADJ_O);
            }
            fromArray(F, m, b + QlifLayout.GRAD_V_TH).add(bBase).intoArray(m, b + QlifLayout.GRAD_V_TH);
        }
    }

    /** The adjoint of the modulation's transform: its gradient goes to line OUT and is summed. */
    void transformBackward(Tile tile) {
        float[] m = tile.m;
        int modulations = tile.modulation;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * QlifLayout.STRIDE;
            int b = v * QlifLayout.ADJOINT_STRIDE;
            FloatVector gradient =
                    fromArray(F, m, b + QlifLayout.ADJ_M).mul(modulationSlope(m, i, modulations + v * Lanes.LENGTH));
            broadcast(F, 0f).intoArray(m, b + QlifLayout.ADJ_M);
            fromArray(F, m, b + QlifLayout.GRAD_M).add(gradient).intoArray(m, b + QlifLayout.GRAD_M);
            gradient.intoArray(m, Layout.OUT + v * Lanes.LENGTH);
        }
    }

    /** The derivative of the transform at the M of a step, which is at {@code at}. */
    private static FloatVector modulationSlope(float[] m, int i, int at) {
        if (!C.sigmoidModulation()) {
            return fromArray(F, m, i + QlifLayout.M_SLOPE);
        }
        FloatVector modulation = fromArray(F, m, at);
        return modulation.mul(broadcast(F, 1f).sub(modulation));
    }
}
