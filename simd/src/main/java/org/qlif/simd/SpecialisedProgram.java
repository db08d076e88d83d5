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
 * The QLIF model over vectors of neurons: the arithmetic's only place in the Vector API, in the specification's order and names.
 * Each operation is the scalar backend's, so the bits are.
 *
 * <p>Never used by its own name: {@link QlifProgram} defines this class anew for every specialisation. Keep each pass under about
 * fifty vector operations: past a fixed count of bytecodes the compiler inlines no further helper, and vectors become objects.
 */
final class SpecialisedProgram implements QlifProgram {
    private static final Specialisation MADE_FOR = madeFor();
    private static final Structure C = MADE_FOR == null ? null : MADE_FOR.structure();
    private static final boolean RECORDS = MADE_FOR != null && MADE_FOR.mode() != Mode.RUN;
    private static final boolean KEEPS_V_PRE = MADE_FOR != null && MADE_FOR.mode() == Mode.REPLAY_VOLTAGES;

    private final QlifConstants k;

    SpecialisedProgram(QlifConstants constants) {
        this.k = constants;
    }

    @Override
    public Structure structure() {
        return C;
    }

    private static Specialisation madeFor() {
        try {
            return MethodHandles.classData(MethodHandles.lookup(), "_", Specialisation.class);
        } catch (IllegalAccessException impossible) {
            throw new LinkageError("class data", impossible);
        }
    }

    // ---------------------------------------------------------------- forward, section 3

    @Override
    public void flushState(Tile tile) {
        float[] x = tile.x;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            flush(x, i + Layout.V, QlifConstants.FLUSH_STATE);
            flush(x, i + Layout.A, QlifConstants.FLUSH_STATE);
            flush(x, i + Layout.R, QlifConstants.FLUSH_STATE);
            flush(x, i + Layout.H, QlifConstants.FLUSH_STATE);
            flush(x, i + Layout.D, QlifConstants.FLUSH_STATE);
            flush(x, i + Layout.O, QlifConstants.FLUSH_STATE);
            flush(x, i + Layout.RATE, QlifConstants.FLUSH_STATE);
            flush(x, i + Layout.HOMEOSTASIS, QlifConstants.FLUSH_STATE);
        }
    }

    private static void flush(float[] x, int i, float limit) {
        FloatVector value = fromArray(F, x, i);
        value.blend(0f, value.abs().compare(LT, limit)).intoArray(x, i);
    }

    @Override
    public void modulate(Tile tile) {
        float[] x = tile.x;
        float[] lines = tile.lines;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            FloatVector m = SimdMath.sigmoid(fromArray(F, lines, Layout.OUT + v * Lanes.LENGTH));
            m.intoArray(x, i + Layout.M);
            m.mul(broadcast(F, 1f).sub(m)).intoArray(x, i + Layout.M_SLOPE);
        }
    }

    /** 1 + kappa M. */
    private FloatVector modulation(float[] x, int i) {
        return fromArray(F, x, i + Layout.M).fma(broadcast(F, k.kappa()), broadcast(F, 1f));
    }

    @Override
    public void integrate(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        int at = tile.frame;
        float[] lines = tile.lines;
        int normals = tile.normals;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector input = fromArray(F, f, j + Layout.FRAME_INPUT);
            if (C.neuromod() == NeuromodMode.GAIN) {
                input = modulation(x, i).mul(input);
            }
            FloatVector efficiency = fromArray(F, x, i + Layout.S);
            FloatVector outflow = fromArray(F, x, i + Layout.A);
            if (C.ahp()) {
                outflow = fromArray(F, x, i + Layout.H).fma(broadcast(F, k.gAhp()), outflow);
            }
            FloatVector potential = fromArray(F, x, i + Layout.V);
            FloatVector drive = input.mul(efficiency).sub(outflow).sub(potential);
            FloatVector vPre;
            if (KEEPS_V_PRE) {
                vPre = fromArray(F, f, j + Layout.FRAME_V_PRE);
            } else {
                vPre = drive.fma(fromArray(F, x, i + Layout.LEAK), potential);
                if (C.noise()) {
                    vPre = fromArray(F, lines, normals + v * Lanes.LENGTH).fma(broadcast(F, k.sigma()), vPre);
                }
                vPre.intoArray(f, j + Layout.FRAME_V_PRE);
            }
            FloatVector rawBase = fromArray(F, x, i + Layout.V_TH).add(fromArray(F, x, i + Layout.O));
            vPre.sub(theta(x, i, base(rawBase))).intoArray(f, j + Layout.FRAME_DELTA);
            rawBase.intoArray(f, j + Layout.FRAME_RAW_BASE);
            if (RECORDS) {
                efficiency.intoArray(f, j + Layout.FRAME_EFFICIENCY);
                drive.intoArray(f, j + Layout.FRAME_DRIVE);
            }
        }
    }

    /** Theta from V_th + o. */
    private FloatVector base(FloatVector rawBase) {
        return C.adaptiveThreshold() ? SimdMath.clamp(rawBase, k.minThreshold(), k.maxThreshold()) : rawBase;
    }

    private FloatVector theta(float[] x, int i, FloatVector base) {
        FloatVector theta = base.add(fromArray(F, x, i + Layout.HOMEOSTASIS));
        return C.neuromod() == NeuromodMode.THRESHOLD
                ? fromArray(F, x, i + Layout.M).fma(broadcast(F, k.kappa()), theta)
                : theta;
    }

    @Override
    public void traceThreshold(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        int at = tile.frame;
        float[] lines = tile.lines;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            FloatVector rawBase = fromArray(F, f, at + v * Lanes.LENGTH + Layout.FRAME_RAW_BASE);
            theta(x, v * Layout.STRIDE, base(rawBase)).intoArray(lines, Layout.OUT + v * Lanes.LENGTH);
        }
    }

    @Override
    public void decide(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            if (RECORDS) {
                fromArray(F, x, i + Layout.R).intoArray(f, j + Layout.FRAME_REFRACTORY);
            }
            if (C.dynamicProbability()) {
                fromArray(F, x, i + Layout.D)
                        .fma(
                                broadcast(F, k.dspDecay()),
                                fromArray(F, x, i + Layout.Y).mul(k.dspJump()))
                        .intoArray(x, i + Layout.D);
            }
            if (C.decision() != Decision.THRESHOLD) {
                FloatVector divisor = divisor(x, i);
                slope(x, i, divisor).intoArray(f, j + Layout.FRAME_SLOPE);
                if (RECORDS) {
                    divisor.intoArray(f, j + Layout.FRAME_DIVISOR);
                }
            }
        }
    }

    @Override
    public void turn(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        float[] lines = tile.lines;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = at + v * Lanes.LENGTH;
            FloatVector slope = fromArray(F, f, j + Layout.FRAME_SLOPE);
            FloatVector delta = fromArray(F, f, j + Layout.FRAME_DELTA);
            FloatVector angle;
            if (C.decision() == Decision.SIGMOID) {
                angle = sigmoidSlope(slope).mul(delta);
            } else {
                FloatVector rest = fromArray(F, x, v * Layout.STRIDE + Layout.REST_ANGLE);
                if (C.angleMap() == AngleMap.TANH) {
                    FloatVector tanh = SimdMath.tanh(slope.mul(delta));
                    tanh.intoArray(lines, Layout.TANH + v * Lanes.LENGTH);
                    angle = tanh.fma(broadcast(F, k.thetaMax()), rest);
                } else {
                    angle = slope.fma(delta, rest);
                }
            }
            angle.intoArray(lines, Layout.ANGLE + v * Lanes.LENGTH);
        }
    }

    @Override
    public void chance(Tile tile) {
        float[] f = tile.frames;
        float[] lines = tile.lines;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            FloatVector p = rawProbability(fromArray(F, lines, Layout.ANGLE + v * Lanes.LENGTH));
            clampProbability(p).intoArray(f, at + v * Lanes.LENGTH + Layout.FRAME_P);
        }
    }

    /** p from phi, or from the SIGMOID's argument, which stands in its place. */
    private static FloatVector rawProbability(FloatVector angle) {
        return C.decision() == Decision.QUBIT
                ? SimdMath.versinOfPhase(SimdMath.reducePhase(angle))
                : SimdMath.sigmoid(angle);
    }

    /** max(1 + D, 1e-6), with the D of this step. */
    private static FloatVector divisor(float[] x, int i) {
        if (!C.dynamicProbability()) {
            return broadcast(F, 1f);
        }
        FloatVector divisor = fromArray(F, x, i + Layout.D).add(1f);
        return divisor.blend(QlifConstants.MIN_SLOPE_DIVISOR, divisor.compare(LT, QlifConstants.MIN_SLOPE_DIVISOR));
    }

    /** alpha, or the SIGMOID slope, over the divisor; times 1 + kappa M in PROB_SLOPE mode. */
    private FloatVector slope(float[] x, int i, FloatVector divisor) {
        FloatVector numerator = slopeFactor(x, i);
        if (C.neuromod() == NeuromodMode.PROB_SLOPE) {
            numerator = numerator.mul(modulation(x, i));
        }
        return C.dynamicProbability() ? numerator.div(divisor) : numerator;
    }

    private FloatVector slopeFactor(float[] x, int i) {
        return C.decision() == Decision.QUBIT
                ? fromArray(F, x, i + Layout.ALPHA)
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

    @Override
    public void traceSlope(Tile tile) {
        float[] x = tile.x;
        float[] lines = tile.lines;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            FloatVector traced = broadcast(F, 0f);
            if (C.decision() != Decision.THRESHOLD) {
                traced = slope(x, i, divisor(x, i));
                if (C.decision() == Decision.SIGMOID) {
                    traced = sigmoidSlope(traced);
                }
            }
            traced.intoArray(lines, Layout.OUT + v * Lanes.LENGTH);
        }
    }

    @Override
    public void damp(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = at + v * Lanes.LENGTH + Layout.FRAME_P;
            FloatVector damping =
                    SimdMath.exp(fromArray(F, x, v * Layout.STRIDE + Layout.R).neg());
            fromArray(F, f, j).mul(damping).intoArray(f, j);
        }
    }

    @Override
    public void fire(Tile tile) {
        float[] f = tile.frames;
        int at = tile.frame;
        float[] lines = tile.lines;
        long[] bits = tile.bits;
        int uniforms = tile.uniforms;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int lane = v * Lanes.LENGTH;
            int j = at + lane;
            VectorMask<Float> fired = fired(f, j, lines, uniforms + lane);
            FloatVector spike = broadcast(F, 0f).blend(1f, fired);
            spike.intoArray(f, j + Layout.FRAME_SPIKE);
            if (C.decision() == Decision.THRESHOLD) {
                spike.intoArray(f, j + Layout.FRAME_P);
            }
            long word = (lane & 63) == 0 ? 0 : bits[lane >>> 6];
            bits[lane >>> 6] = word | fired.toLong() << (lane & 63);
        }
    }

    private VectorMask<Float> fired(float[] f, int j, float[] lines, int lane) {
        if (C.decision() == Decision.THRESHOLD) {
            return fromArray(F, f, j + Layout.FRAME_DELTA).compare(GE, 0f);
        }
        FloatVector p = fromArray(F, f, j + Layout.FRAME_P);
        if (C.decision() == Decision.SIGMOID && C.rounds()) {
            return p.compare(GT, 0.5f);
        }
        if (C.readout() == Readout.EXPECTATION) {
            return p.compare(GT, k.expectedAbove());
        }
        if (C.readout() == Readout.MULTI_QUBIT) {
            return fromArray(F, lines, lane).compare(GE, (float) k.minCount());
        }
        return fromArray(F, lines, lane).compare(LT, p);
    }

    @Override
    public void unpack(Tile tile) {
        float[] f = tile.frames;
        int at = tile.frame;
        long[] bits = tile.bits;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int lane = v * Lanes.LENGTH;
            VectorMask<Float> fired = VectorMask.fromLong(F, bits[lane >>> 6] >>> (lane & 63));
            broadcast(F, 0f).blend(1f, fired).intoArray(f, at + lane + Layout.FRAME_SPIKE);
        }
    }

    /** y: the spike or p. */
    private static FloatVector spikeValue(float[] f, int j) {
        return fromArray(F, f, j + (C.expected() ? Layout.FRAME_P : Layout.FRAME_SPIKE));
    }

    @Override
    public void settle(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector spike = fromArray(F, f, j + Layout.FRAME_SPIKE);
            FloatVector y = spikeValue(f, j);
            y.intoArray(x, i + Layout.Y);
            FloatVector vPre = fromArray(F, f, j + Layout.FRAME_V_PRE);
            y.mul(k.resetFraction())
                    .fma(broadcast(F, k.vReset()).sub(vPre), vPre)
                    .intoArray(x, i + Layout.V);
            if (C.refractory()) {
                fromArray(F, x, i + Layout.R)
                        .fma(broadcast(F, k.refractoryDecay()), y.mul(k.rJump()))
                        .intoArray(x, i + Layout.R);
            }
            if (C.ahp()) {
                FloatVector h = fromArray(F, x, i + Layout.H).fma(broadcast(F, k.ahpDecay()), spike.mul(k.ahpJump()));
                h.blend(k.ahpMax(), h.compare(GT, k.ahpMax())).intoArray(x, i + Layout.H);
            }
            fromArray(F, x, i + Layout.A)
                    .fma(broadcast(F, k.adaptationDecay()), y.mul(k.spikeIncrease()))
                    .intoArray(x, i + Layout.A);
            FloatVector s = fromArray(F, x, i + Layout.S);
            s.fma(
                            y.fma(broadcast(F, -k.depressionRate()), broadcast(F, 1f)),
                            s.fma(broadcast(F, -k.recoveryRate()), broadcast(F, k.recoveryRate())))
                    .intoArray(x, i + Layout.S);
            if (C.adaptiveThreshold()) {
                FloatVector vTh = fromArray(F, x, i + Layout.V_TH);
                FloatVector base = base(fromArray(F, f, j + Layout.FRAME_RAW_BASE));
                SimdMath.clamp(
                                movedThreshold(x, i, base, thresholdMove(y, base, vTh)),
                                k.minThreshold(),
                                k.maxThreshold())
                        .sub(vTh)
                        .intoArray(x, i + Layout.O);
            }
            if (C.homeostasis()) {
                FloatVector rate = fromArray(F, x, i + Layout.RATE);
                rate = spike.sub(rate).fma(broadcast(F, k.rateStep()), rate);
                rate.intoArray(x, i + Layout.RATE);
                rate.sub(k.targetRate())
                        .fma(broadcast(F, k.homeostasisLr()), fromArray(F, x, i + Layout.HOMEOSTASIS))
                        .intoArray(x, i + Layout.HOMEOSTASIS);
            }
        }
    }

    /** Section 4, before the clamp. */
    private static FloatVector movedThreshold(float[] x, int i, FloatVector base, FloatVector move) {
        return move.fma(fromArray(F, x, i + Layout.ETA), base);
    }

    /** y - (1 - y)(Theta - V_th). */
    private static FloatVector thresholdMove(FloatVector y, FloatVector base, FloatVector vTh) {
        return y.sub(1f).fma(base.sub(vTh), y);
    }

    // ---------------------------------------------------------------- backward, section 6

    @Override
    public void settleBackward(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        int at = tile.frame;
        float[] lines = tile.lines;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector bV =
                    fromArray(F, x, i + Layout.ADJ_V).add(fromArray(F, lines, Layout.GRAD_V_OUT + v * Lanes.LENGTH));
            FloatVector bY =
                    fromArray(F, x, i + Layout.ADJ_Y).add(fromArray(F, lines, Layout.GRAD_Y + v * Lanes.LENGTH));
            FloatVector y = spikeValue(f, j);
            if (C.adaptiveThreshold()) {
                FloatVector vTh = fromArray(F, x, i + Layout.V_TH);
                FloatVector base = base(fromArray(F, f, j + Layout.FRAME_RAW_BASE));
                FloatVector move = thresholdMove(y, base, vTh);
                FloatVector adjO = fromArray(F, x, i + Layout.ADJ_O);
                FloatVector bMoved = within(adjO, movedThreshold(x, i, base, move), k.minThreshold(), k.maxThreshold());
                bMoved.fma(move, fromArray(F, x, i + Layout.GRAD_ETA)).intoArray(x, i + Layout.GRAD_ETA);
                FloatVector bEta = bMoved.mul(fromArray(F, x, i + Layout.ETA));
                fromArray(F, x, i + Layout.GRAD_V_TH)
                        .sub(bEta.fma(y.sub(1f), adjO))
                        .intoArray(x, i + Layout.GRAD_V_TH);
                bEta.fma(y.sub(1f), bMoved).intoArray(x, i + Layout.B_BASE);
                bY = bEta.fma(base.sub(vTh).add(1f), bY);
            }
            FloatVector adjS = fromArray(F, x, i + Layout.ADJ_S);
            bY = fromArray(F, f, j + Layout.FRAME_EFFICIENCY)
                    .mul(-k.depressionRate())
                    .fma(adjS, bY);
            adjS.mul(y.fma(broadcast(F, -k.depressionRate()), broadcast(F, 1f)).sub(k.recoveryRate()))
                    .intoArray(x, i + Layout.ADJ_S);
            FloatVector adjA = fromArray(F, x, i + Layout.ADJ_A);
            bY = adjA.fma(broadcast(F, k.spikeIncrease()), bY);
            adjA.mul(k.adaptationDecay()).intoArray(x, i + Layout.ADJ_A);
            if (C.refractory()) {
                FloatVector adjR = fromArray(F, x, i + Layout.ADJ_R);
                if (!C.detachReset()) {
                    bY = adjR.fma(broadcast(F, k.rJump()), bY);
                }
                adjR.mul(k.refractoryDecay()).intoArray(x, i + Layout.ADJ_R);
            }
            if (!C.detachReset()) {
                FloatVector vPre = fromArray(F, f, j + Layout.FRAME_V_PRE);
                bY = bV.fma(broadcast(F, k.vReset()).sub(vPre).mul(k.resetFraction()), bY);
            }
            bY.intoArray(x, i + Layout.B_Y);
            bV.mul(y.fma(broadcast(F, -k.resetFraction()), broadcast(F, 1f))).intoArray(x, i + Layout.B_V_PRE);
        }
    }

    /** {@code value} where {@code x} is within the bounds, else 0. */
    private static FloatVector within(FloatVector value, FloatVector x, float low, float high) {
        return broadcast(F, 0f).blend(value, x.compare(GE, low).and(x.compare(LE, high)));
    }

    @Override
    public void dampBackward(Tile tile) {
        float[] f = tile.frames;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = at + v * Lanes.LENGTH + Layout.FRAME_REFRACTORY;
            SimdMath.exp(fromArray(F, f, j).neg()).intoArray(f, j);
        }
    }

    @Override
    public void chanceBackward(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        float[] lines = tile.lines;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            FloatVector rawP = rawProbability(fromArray(F, lines, Layout.ANGLE + v * Lanes.LENGTH));
            FloatVector bP = fromArray(F, x, i + Layout.B_Y);
            if (C.refractory()) {
                // The frame's R is exp(-R) by now.
                FloatVector damping = fromArray(F, f, at + v * Lanes.LENGTH + Layout.FRAME_REFRACTORY);
                FloatVector p = clampProbability(rawP).mul(damping);
                bP.neg().fma(p, fromArray(F, x, i + Layout.ADJ_R)).intoArray(x, i + Layout.ADJ_R);
                bP = bP.mul(damping);
            }
            if (C.clampsProbability()) {
                bP = within(bP, rawP, k.floor(), k.ceiling());
            }
            if (C.decision() == Decision.SIGMOID) {
                bP = bP.mul(rawP.mul(broadcast(F, 1f).sub(rawP)));
            }
            bP.intoArray(x, i + Layout.B_Y);
        }
    }

    @Override
    public void turnBackward(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        float[] lines = tile.lines;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector slope = fromArray(F, f, j + Layout.FRAME_SLOPE);
            FloatVector bX = fromArray(F, x, i + Layout.B_Y);
            if (C.decision() == Decision.QUBIT) {
                FloatVector phase = SimdMath.reducePhase(fromArray(F, lines, Layout.ANGLE + v * Lanes.LENGTH));
                bX = bX.mul(SimdMath.halfSinOfPhase(phase));
                fromArray(F, x, i + Layout.GRAD_BIAS).add(bX).intoArray(x, i + Layout.GRAD_BIAS);
                if (C.angleMap() == AngleMap.TANH) {
                    FloatVector tanh = fromArray(F, lines, Layout.TANH + v * Lanes.LENGTH);
                    bX = bX.mul(tanh.neg().fma(tanh, broadcast(F, 1f)).mul(k.thetaMax()));
                }
                bX.mul(slope).intoArray(x, i + Layout.B_DELTA);
            } else {
                bX.mul(sigmoidSlope(slope)).intoArray(x, i + Layout.B_DELTA);
            }
            bX.mul(fromArray(F, f, j + Layout.FRAME_DELTA)).intoArray(x, i + Layout.B_SLOPE);
        }
    }

    @Override
    public void decideBackward(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            if (C.decision() == Decision.THRESHOLD) {
                FloatVector delta = fromArray(F, f, j + Layout.FRAME_DELTA);
                fromArray(F, x, i + Layout.B_Y).mul(surrogate(delta)).intoArray(x, i + Layout.B_DELTA);
                continue;
            }
            FloatVector slope = fromArray(F, f, j + Layout.FRAME_SLOPE);
            FloatVector bNumerator = fromArray(F, x, i + Layout.B_SLOPE);
            if (C.decision() == Decision.SIGMOID && C.dynamicProbability()) {
                bNumerator = within(bNumerator, slope, k.minAlpha(), k.maxAlpha());
            }
            if (C.dynamicProbability()) {
                FloatVector divisor = fromArray(F, f, j + Layout.FRAME_DIVISOR);
                bNumerator = bNumerator.div(divisor);
                FloatVector bDivisor = broadcast(F, 0f)
                        .blend(bNumerator.mul(slope).neg(), divisor.compare(GT, QlifConstants.MIN_SLOPE_DIVISOR));
                fromArray(F, x, i + Layout.ADJ_D).add(bDivisor).intoArray(x, i + Layout.ADJ_D);
            }
            if (C.decision() == Decision.QUBIT) {
                FloatVector gradAlpha = fromArray(F, x, i + Layout.GRAD_ALPHA);
                gradAlpha = C.neuromod() == NeuromodMode.PROB_SLOPE
                        ? bNumerator.fma(modulation(x, i), gradAlpha)
                        : bNumerator.add(gradAlpha);
                gradAlpha.intoArray(x, i + Layout.GRAD_ALPHA);
            }
            if (C.neuromod() == NeuromodMode.PROB_SLOPE) {
                bNumerator
                        .fma(slopeFactor(x, i).mul(k.kappa()), fromArray(F, x, i + Layout.ADJ_M))
                        .intoArray(x, i + Layout.ADJ_M);
            }
        }
    }

    /** The derivative that stands in for that of the step. */
    private FloatVector surrogate(FloatVector delta) {
        FloatVector gap = delta.abs();
        FloatVector a = broadcast(F, k.surrogateScale());
        return switch (C.surrogate()) {
            case HEAVISIDE -> {
                FloatVector tent = gap.fma(a.neg(), broadcast(F, 1f));
                yield tent.blend(0f, tent.compare(LT, 0f));
            }
            case FAST_SIGMOID -> {
                FloatVector q = gap.fma(a, broadcast(F, 1f));
                yield broadcast(F, 1f).div(q.mul(q));
            }
            case GAUSSIAN -> SimdMath.exp(gap.mul(gap).mul(a));
            case ARCTAN -> {
                FloatVector q = gap.mul(a);
                yield broadcast(F, 1f).div(q.fma(q, broadcast(F, 1f)));
            }
        };
    }

    @Override
    public void integrateBackward(Tile tile) {
        float[] x = tile.x;
        float[] f = tile.frames;
        int at = tile.frame;
        float[] lines = tile.lines;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector adjY = broadcast(F, 0f);
            if (C.dynamicProbability()) {
                FloatVector adjD = fromArray(F, x, i + Layout.ADJ_D);
                adjY = adjD.mul(k.dspJump());
                adjD.mul(k.dspDecay()).intoArray(x, i + Layout.ADJ_D);
            }
            adjY.intoArray(x, i + Layout.ADJ_Y);
            FloatVector bDelta = fromArray(F, x, i + Layout.B_DELTA);
            FloatVector bVPre = fromArray(F, x, i + Layout.B_V_PRE).add(bDelta);
            FloatVector adjM = fromArray(F, x, i + Layout.ADJ_M);
            if (C.neuromod() == NeuromodMode.THRESHOLD) {
                bDelta.fma(broadcast(F, -k.kappa()), adjM).intoArray(x, i + Layout.ADJ_M);
            }
            bVPre.fma(fromArray(F, f, j + Layout.FRAME_DRIVE), fromArray(F, x, i + Layout.GRAD_LEAK))
                    .intoArray(x, i + Layout.GRAD_LEAK);
            FloatVector bIEff = fromArray(F, x, i + Layout.LEAK).mul(bVPre);
            bVPre.sub(bIEff).intoArray(x, i + Layout.ADJ_V);
            FloatVector input = fromArray(F, f, j + Layout.FRAME_INPUT);
            FloatVector bInput = bIEff.mul(fromArray(F, f, j + Layout.FRAME_EFFICIENCY));
            FloatVector gained = input;
            if (C.neuromod() == NeuromodMode.GAIN) {
                input.mul(k.kappa()).fma(bInput, adjM).intoArray(x, i + Layout.ADJ_M);
                FloatVector gain = modulation(x, i);
                gained = gain.mul(input);
                bInput = gain.mul(bInput);
            }
            bInput.intoArray(lines, Layout.OUT + v * Lanes.LENGTH);
            bIEff.fma(gained, fromArray(F, x, i + Layout.ADJ_S)).intoArray(x, i + Layout.ADJ_S);
            fromArray(F, x, i + Layout.ADJ_A).sub(bIEff).intoArray(x, i + Layout.ADJ_A);
            FloatVector bBase;
            if (C.adaptiveThreshold()) {
                bBase = fromArray(F, x, i + Layout.B_BASE).sub(bDelta);
                bBase = within(bBase, fromArray(F, f, j + Layout.FRAME_RAW_BASE), k.minThreshold(), k.maxThreshold());
                bBase.intoArray(x, i + Layout.ADJ_O);
            } else {
                bBase = broadcast(F, 0f).sub(bDelta);
                fromArray(F, x, i + Layout.ADJ_O).add(bBase).intoArray(x, i + Layout.ADJ_O);
            }
            fromArray(F, x, i + Layout.GRAD_V_TH).add(bBase).intoArray(x, i + Layout.GRAD_V_TH);
        }
    }

    @Override
    public void modulateBackward(Tile tile) {
        float[] x = tile.x;
        float[] lines = tile.lines;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            FloatVector gradient = fromArray(F, x, i + Layout.ADJ_M).mul(fromArray(F, x, i + Layout.M_SLOPE));
            broadcast(F, 0f).intoArray(x, i + Layout.ADJ_M);
            fromArray(F, x, i + Layout.GRAD_M).add(gradient).intoArray(x, i + Layout.GRAD_M);
            gradient.intoArray(lines, Layout.OUT + v * Lanes.LENGTH);
        }
    }

    @Override
    public void flushAdjoints(Tile tile) {
        float[] x = tile.x;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            for (int line = Layout.ADJ_V; line <= Layout.ADJ_Y; line += Lanes.LENGTH) {
                flush(x, i + line, QlifConstants.FLUSH_ADJOINT);
            }
        }
    }
}
