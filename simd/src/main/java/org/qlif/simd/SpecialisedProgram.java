package org.qlif.simd;

import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LE;
import static jdk.incubator.vector.VectorOperators.LT;
import static org.qlif.simd.Lanes.load;

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

    private static Specialisation madeFor() {
        try {
            return MethodHandles.classData(MethodHandles.lookup(), "_", Specialisation.class);
        } catch (IllegalAccessException impossible) {
            throw new LinkageError("class data", impossible);
        }
    }

    // ---------------------------------------------------------------- forward, section 3

    @Override
    public void flushState(float[] x, int vectors) {
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
        FloatVector value = load(x, i);
        value.blend(0f, value.abs().compare(LT, limit)).intoArray(x, i);
    }

    @Override
    public void modulate(float[] x, float[] lines, int from, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            FloatVector m = SimdMath.sigmoid(load(lines, from + v * Lanes.LENGTH));
            m.intoArray(x, i + Layout.M);
            m.mul(Lanes.of(1f).sub(m)).intoArray(x, i + Layout.M_SLOPE);
        }
    }

    /** 1 + kappa M. */
    private FloatVector modulation(float[] x, int i) {
        return load(x, i + Layout.M).fma(Lanes.of(k.kappa()), Lanes.of(1f));
    }

    @Override
    public void integrate(float[] x, float[] f, int at, float[] draws, int normals, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector input = load(f, j + Layout.FRAME_INPUT);
            if (C.neuromod() == NeuromodMode.GAIN) {
                input = modulation(x, i).mul(input);
            }
            FloatVector efficiency = load(x, i + Layout.S);
            FloatVector outflow = load(x, i + Layout.A);
            if (C.ahp()) {
                outflow = load(x, i + Layout.H).fma(Lanes.of(k.gAhp()), outflow);
            }
            FloatVector potential = load(x, i + Layout.V);
            FloatVector drive = input.mul(efficiency).sub(outflow).sub(potential);
            FloatVector vPre;
            if (KEEPS_V_PRE) {
                vPre = load(f, j + Layout.FRAME_V_PRE);
            } else {
                vPre = drive.fma(load(x, i + Layout.LEAK), potential);
                if (C.noise()) {
                    vPre = load(draws, normals + v * Lanes.LENGTH).fma(Lanes.of(k.sigma()), vPre);
                }
                vPre.intoArray(f, j + Layout.FRAME_V_PRE);
            }
            FloatVector rawBase = load(x, i + Layout.V_TH).add(load(x, i + Layout.O));
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
        FloatVector theta = base.add(load(x, i + Layout.HOMEOSTASIS));
        return C.neuromod() == NeuromodMode.THRESHOLD ? load(x, i + Layout.M).fma(Lanes.of(k.kappa()), theta) : theta;
    }

    @Override
    public void traceThreshold(float[] x, float[] f, int at, float[] lines, int to, int vectors) {
        for (int v = 0; v < vectors; v++) {
            FloatVector rawBase = load(f, at + v * Lanes.LENGTH + Layout.FRAME_RAW_BASE);
            theta(x, v * Layout.STRIDE, base(rawBase)).intoArray(lines, to + v * Lanes.LENGTH);
        }
    }

    @Override
    public void decide(float[] x, float[] f, int at, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            if (C.dynamicProbability()) {
                load(x, i + Layout.D)
                        .fma(Lanes.of(k.dspDecay()), load(x, i + Layout.Y).mul(k.dspJump()))
                        .intoArray(x, i + Layout.D);
            }
            if (RECORDS) {
                load(x, i + Layout.R).intoArray(f, j + Layout.FRAME_REFRACTORY);
            }
            if (C.decision() != Decision.THRESHOLD) {
                FloatVector divisor = divisor(x, i);
                FloatVector slope = slope(x, i, divisor);
                if (RECORDS) {
                    divisor.intoArray(f, j + Layout.FRAME_DIVISOR);
                    slope.intoArray(f, j + Layout.FRAME_SLOPE);
                }
                if (!RECORDS || C.replaysProbability()) {
                    FloatVector p = rawProbability(x, i, slope, load(f, j + Layout.FRAME_DELTA));
                    clampProbability(p).intoArray(f, j + Layout.FRAME_P);
                }
            }
        }
    }

    /** max(1 + D, 1e-6), with the D of this step. */
    private static FloatVector divisor(float[] x, int i) {
        if (!C.dynamicProbability()) {
            return Lanes.of(1f);
        }
        FloatVector divisor = load(x, i + Layout.D).add(1f);
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
                ? load(x, i + Layout.ALPHA)
                : Lanes.of(C.dynamicProbability() ? k.baseAlpha() : 1f);
    }

    /** a of the SIGMOID, clamped only where the spike history moves it. */
    private FloatVector sigmoidSlope(FloatVector slope) {
        return C.dynamicProbability() ? SimdMath.clamp(slope, k.minAlpha(), k.maxAlpha()) : slope;
    }

    private FloatVector rawProbability(float[] x, int i, FloatVector slope, FloatVector delta) {
        if (C.decision() == Decision.QUBIT) {
            return SimdMath.versinOfPhase(SimdMath.reducePhase(angle(x, i, slope, delta)));
        }
        return SimdMath.sigmoid(sigmoidSlope(slope).mul(delta));
    }

    private FloatVector angle(float[] x, int i, FloatVector slope, FloatVector delta) {
        FloatVector rest = load(x, i + Layout.REST_ANGLE);
        return C.angleMap() == AngleMap.TANH
                ? SimdMath.tanh(slope.mul(delta)).fma(Lanes.of(k.thetaMax()), rest)
                : slope.fma(delta, rest);
    }

    /** Without a floor p is in [0, 1] already. */
    private FloatVector clampProbability(FloatVector p) {
        return C.clampsProbability() ? SimdMath.clamp(p, k.floor(), k.ceiling()) : p;
    }

    @Override
    public void traceSlope(float[] x, float[] lines, int to, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            FloatVector traced = Lanes.of(0f);
            if (C.decision() != Decision.THRESHOLD) {
                traced = slope(x, i, divisor(x, i));
                if (C.decision() == Decision.SIGMOID) {
                    traced = sigmoidSlope(traced);
                }
            }
            traced.intoArray(lines, to + v * Lanes.LENGTH);
        }
    }

    @Override
    public void damp(float[] x, float[] f, int at, int vectors) {
        if (!C.refractory() || C.decision() == Decision.THRESHOLD) {
            return;
        }
        for (int v = 0; v < vectors; v++) {
            int j = at + v * Lanes.LENGTH + Layout.FRAME_P;
            FloatVector damping =
                    SimdMath.exp(load(x, v * Layout.STRIDE + Layout.R).neg());
            load(f, j).mul(damping).intoArray(f, j);
        }
    }

    @Override
    public void fire(float[] f, int at, float[] draws, int uniforms, long[] bits, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int lane = v * Lanes.LENGTH;
            int j = at + lane;
            VectorMask<Float> fired = fired(f, j, draws, uniforms + lane);
            FloatVector spike = Lanes.of(0f).blend(1f, fired);
            spike.intoArray(f, j + Layout.FRAME_SPIKE);
            if (C.decision() == Decision.THRESHOLD) {
                spike.intoArray(f, j + Layout.FRAME_P);
            }
            long word = (lane & 63) == 0 ? 0 : bits[lane >>> 6];
            bits[lane >>> 6] = word | fired.toLong() << (lane & 63);
        }
    }

    private VectorMask<Float> fired(float[] f, int j, float[] draws, int lane) {
        if (C.decision() == Decision.THRESHOLD) {
            return load(f, j + Layout.FRAME_DELTA).compare(GE, 0f);
        }
        FloatVector p = load(f, j + Layout.FRAME_P);
        if (C.decision() == Decision.SIGMOID && C.rounds()) {
            return p.compare(GT, 0.5f);
        }
        if (C.readout() == Readout.EXPECTATION) {
            return p.compare(GT, k.expectedAbove());
        }
        if (C.readout() == Readout.MULTI_QUBIT) {
            return load(draws, lane).compare(GE, (float) k.minCount());
        }
        return load(draws, lane).compare(LT, p);
    }

    @Override
    public void unpack(float[] f, int at, long[] bits, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int lane = v * Lanes.LENGTH;
            VectorMask<Float> fired = VectorMask.fromLong(Lanes.F, bits[lane >>> 6] >>> (lane & 63));
            Lanes.of(0f).blend(1f, fired).intoArray(f, at + lane + Layout.FRAME_SPIKE);
        }
    }

    /** y: the spike or p. */
    private static FloatVector spikeValue(float[] f, int j) {
        return load(f, j + (C.expected() ? Layout.FRAME_P : Layout.FRAME_SPIKE));
    }

    @Override
    public void settle(float[] x, float[] f, int at, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector spike = load(f, j + Layout.FRAME_SPIKE);
            FloatVector y = spikeValue(f, j);
            y.intoArray(x, i + Layout.Y);
            FloatVector vPre = load(f, j + Layout.FRAME_V_PRE);
            y.mul(k.resetFraction()).fma(Lanes.of(k.vReset()).sub(vPre), vPre).intoArray(x, i + Layout.V);
            if (C.refractory()) {
                load(x, i + Layout.R)
                        .fma(Lanes.of(k.refractoryDecay()), y.mul(k.rJump()))
                        .intoArray(x, i + Layout.R);
            }
            if (C.ahp()) {
                FloatVector h = load(x, i + Layout.H).fma(Lanes.of(k.ahpDecay()), spike.mul(k.ahpJump()));
                h.blend(k.ahpMax(), h.compare(GT, k.ahpMax())).intoArray(x, i + Layout.H);
            }
            load(x, i + Layout.A)
                    .fma(Lanes.of(k.adaptationDecay()), y.mul(k.spikeIncrease()))
                    .intoArray(x, i + Layout.A);
            FloatVector s = load(x, i + Layout.S);
            s.fma(
                            y.fma(Lanes.of(-k.depressionRate()), Lanes.of(1f)),
                            s.fma(Lanes.of(-k.recoveryRate()), Lanes.of(k.recoveryRate())))
                    .intoArray(x, i + Layout.S);
            if (C.adaptiveThreshold()) {
                FloatVector vTh = load(x, i + Layout.V_TH);
                FloatVector base = base(load(f, j + Layout.FRAME_RAW_BASE));
                SimdMath.clamp(
                                movedThreshold(x, i, base, thresholdMove(y, base, vTh)),
                                k.minThreshold(),
                                k.maxThreshold())
                        .sub(vTh)
                        .intoArray(x, i + Layout.O);
            }
            if (C.homeostasis()) {
                FloatVector rate = load(x, i + Layout.RATE);
                rate = spike.sub(rate).fma(Lanes.of(k.rateStep()), rate);
                rate.intoArray(x, i + Layout.RATE);
                rate.sub(k.targetRate())
                        .fma(Lanes.of(k.homeostasisLr()), load(x, i + Layout.HOMEOSTASIS))
                        .intoArray(x, i + Layout.HOMEOSTASIS);
            }
        }
    }

    /** Section 4, before the clamp. */
    private static FloatVector movedThreshold(float[] x, int i, FloatVector base, FloatVector move) {
        return move.fma(load(x, i + Layout.ETA), base);
    }

    /** y - (1 - y)(Theta - V_th). */
    private static FloatVector thresholdMove(FloatVector y, FloatVector base, FloatVector vTh) {
        return y.sub(1f).fma(base.sub(vTh), y);
    }

    // ---------------------------------------------------------------- backward, section 6

    @Override
    public void settleBackward(float[] x, float[] f, int at, float[] lines, int gradY, int gradV, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector bV = load(x, i + Layout.ADJ_V).add(load(lines, gradV + v * Lanes.LENGTH));
            FloatVector bY = load(x, i + Layout.ADJ_Y).add(load(lines, gradY + v * Lanes.LENGTH));
            FloatVector y = spikeValue(f, j);
            if (C.adaptiveThreshold()) {
                FloatVector vTh = load(x, i + Layout.V_TH);
                FloatVector base = base(load(f, j + Layout.FRAME_RAW_BASE));
                FloatVector move = thresholdMove(y, base, vTh);
                FloatVector adjO = load(x, i + Layout.ADJ_O);
                FloatVector bMoved = within(adjO, movedThreshold(x, i, base, move), k.minThreshold(), k.maxThreshold());
                bMoved.fma(move, load(x, i + Layout.GRAD_ETA)).intoArray(x, i + Layout.GRAD_ETA);
                FloatVector bEta = bMoved.mul(load(x, i + Layout.ETA));
                load(x, i + Layout.GRAD_V_TH).sub(bEta.fma(y.sub(1f), adjO)).intoArray(x, i + Layout.GRAD_V_TH);
                bEta.fma(y.sub(1f), bMoved).intoArray(x, i + Layout.B_BASE);
                bY = bEta.fma(base.sub(vTh).add(1f), bY);
            }
            FloatVector adjS = load(x, i + Layout.ADJ_S);
            bY = load(f, j + Layout.FRAME_EFFICIENCY).mul(-k.depressionRate()).fma(adjS, bY);
            adjS.mul(y.fma(Lanes.of(-k.depressionRate()), Lanes.of(1f)).sub(k.recoveryRate()))
                    .intoArray(x, i + Layout.ADJ_S);
            FloatVector adjA = load(x, i + Layout.ADJ_A);
            bY = adjA.fma(Lanes.of(k.spikeIncrease()), bY);
            adjA.mul(k.adaptationDecay()).intoArray(x, i + Layout.ADJ_A);
            if (C.refractory()) {
                FloatVector adjR = load(x, i + Layout.ADJ_R);
                if (!C.detachReset()) {
                    bY = adjR.fma(Lanes.of(k.rJump()), bY);
                }
                adjR.mul(k.refractoryDecay()).intoArray(x, i + Layout.ADJ_R);
            }
            if (!C.detachReset()) {
                FloatVector vPre = load(f, j + Layout.FRAME_V_PRE);
                bY = bV.fma(Lanes.of(k.vReset()).sub(vPre).mul(k.resetFraction()), bY);
            }
            bY.intoArray(x, i + Layout.B_Y);
            bV.mul(y.fma(Lanes.of(-k.resetFraction()), Lanes.of(1f))).intoArray(x, i + Layout.B_V_PRE);
        }
    }

    /** {@code value} where {@code x} is within the bounds, else 0. */
    private static FloatVector within(FloatVector value, FloatVector x, float low, float high) {
        return Lanes.of(0f).blend(value, x.compare(GE, low).and(x.compare(LE, high)));
    }

    @Override
    public void dampBackward(float[] f, int at, int vectors) {
        if (!C.refractory() || C.decision() == Decision.THRESHOLD) {
            return;
        }
        for (int v = 0; v < vectors; v++) {
            int j = at + v * Lanes.LENGTH + Layout.FRAME_REFRACTORY;
            SimdMath.exp(load(f, j).neg()).intoArray(f, j);
        }
    }

    @Override
    public void decideBackward(float[] x, float[] f, int at, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector delta = load(f, j + Layout.FRAME_DELTA);
            FloatVector bY = load(x, i + Layout.B_Y);
            if (C.decision() == Decision.THRESHOLD) {
                bY.mul(surrogate(delta)).intoArray(x, i + Layout.B_DELTA);
            } else if (C.decision() == Decision.QUBIT) {
                qubitBackward(x, f, i, j, delta, bY);
            } else {
                sigmoidBackward(x, f, i, j, delta, bY);
            }
        }
    }

    private void qubitBackward(float[] x, float[] f, int i, int j, FloatVector delta, FloatVector bY) {
        FloatVector slope = load(f, j + Layout.FRAME_SLOPE);
        FloatVector rest = load(x, i + Layout.REST_ANGLE);
        FloatVector tanh = C.angleMap() == AngleMap.TANH ? SimdMath.tanh(slope.mul(delta)) : delta;
        FloatVector angle =
                C.angleMap() == AngleMap.TANH ? tanh.fma(Lanes.of(k.thetaMax()), rest) : slope.fma(delta, rest);
        FloatVector phase = SimdMath.reducePhase(angle);
        FloatVector bX =
                dampedBackward(x, f, i, j, SimdMath.versinOfPhase(phase), bY).mul(SimdMath.halfSinOfPhase(phase));
        load(x, i + Layout.GRAD_BIAS).add(bX).intoArray(x, i + Layout.GRAD_BIAS);
        if (C.angleMap() == AngleMap.TANH) {
            bX = bX.mul(tanh.neg().fma(tanh, Lanes.of(1f)).mul(k.thetaMax()));
        }
        bX.mul(slope).intoArray(x, i + Layout.B_DELTA);
        FloatVector bNumerator = quotientBackward(x, f, i, j, slope, bX.mul(delta));
        FloatVector gradAlpha = load(x, i + Layout.GRAD_ALPHA);
        gradAlpha = C.neuromod() == NeuromodMode.PROB_SLOPE
                ? bNumerator.fma(modulation(x, i), gradAlpha)
                : bNumerator.add(gradAlpha);
        gradAlpha.intoArray(x, i + Layout.GRAD_ALPHA);
    }

    private void sigmoidBackward(float[] x, float[] f, int i, int j, FloatVector delta, FloatVector bY) {
        FloatVector slope = load(f, j + Layout.FRAME_SLOPE);
        FloatVector a = sigmoidSlope(slope);
        FloatVector rawP = SimdMath.sigmoid(a.mul(delta));
        FloatVector bX =
                dampedBackward(x, f, i, j, rawP, bY).mul(rawP.mul(Lanes.of(1f).sub(rawP)));
        bX.mul(a).intoArray(x, i + Layout.B_DELTA);
        FloatVector bSlope = bX.mul(delta);
        if (C.dynamicProbability()) {
            bSlope = within(bSlope, slope, k.minAlpha(), k.maxAlpha());
        }
        quotientBackward(x, f, i, j, slope, bSlope);
    }

    /** From the adjoint of p to that of p before damping and clamp; the frame's R is exp(-R) by now. */
    private FloatVector dampedBackward(float[] x, float[] f, int i, int j, FloatVector rawP, FloatVector bP) {
        if (C.refractory()) {
            FloatVector damping = load(f, j + Layout.FRAME_REFRACTORY);
            FloatVector p = clampProbability(rawP).mul(damping);
            bP.neg().fma(p, load(x, i + Layout.ADJ_R)).intoArray(x, i + Layout.ADJ_R);
            bP = bP.mul(damping);
        }
        return C.clampsProbability() ? within(bP, rawP, k.floor(), k.ceiling()) : bP;
    }

    /** From the adjoint of the slope to that of its numerator, which is returned, of D and of M. */
    private FloatVector quotientBackward(float[] x, float[] f, int i, int j, FloatVector slope, FloatVector bSlope) {
        FloatVector bNumerator = bSlope;
        if (C.dynamicProbability()) {
            FloatVector divisor = load(f, j + Layout.FRAME_DIVISOR);
            bNumerator = bSlope.div(divisor);
            FloatVector bDivisor = Lanes.of(0f)
                    .blend(bNumerator.mul(slope).neg(), divisor.compare(GT, QlifConstants.MIN_SLOPE_DIVISOR));
            load(x, i + Layout.ADJ_D).add(bDivisor).intoArray(x, i + Layout.ADJ_D);
        }
        if (C.neuromod() == NeuromodMode.PROB_SLOPE) {
            bNumerator
                    .fma(slopeFactor(x, i).mul(k.kappa()), load(x, i + Layout.ADJ_M))
                    .intoArray(x, i + Layout.ADJ_M);
        }
        return bNumerator;
    }

    /** The derivative that stands in for that of the step. */
    private FloatVector surrogate(FloatVector delta) {
        FloatVector gap = delta.abs();
        FloatVector a = Lanes.of(k.surrogateScale());
        return switch (C.surrogate()) {
            case HEAVISIDE -> {
                FloatVector tent = gap.fma(a.neg(), Lanes.of(1f));
                yield tent.blend(0f, tent.compare(LT, 0f));
            }
            case FAST_SIGMOID -> {
                FloatVector q = gap.fma(a, Lanes.of(1f));
                yield Lanes.of(1f).div(q.mul(q));
            }
            case GAUSSIAN -> SimdMath.exp(gap.mul(gap).mul(a));
            case ARCTAN -> {
                FloatVector q = gap.mul(a);
                yield Lanes.of(1f).div(q.fma(q, Lanes.of(1f)));
            }
        };
    }

    @Override
    public void integrateBackward(float[] x, float[] f, int at, float[] lines, int gradInput, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            int j = at + v * Lanes.LENGTH;
            FloatVector adjY = Lanes.of(0f);
            if (C.dynamicProbability()) {
                FloatVector adjD = load(x, i + Layout.ADJ_D);
                adjY = adjD.mul(k.dspJump());
                adjD.mul(k.dspDecay()).intoArray(x, i + Layout.ADJ_D);
            }
            adjY.intoArray(x, i + Layout.ADJ_Y);
            FloatVector bDelta = load(x, i + Layout.B_DELTA);
            FloatVector bVPre = load(x, i + Layout.B_V_PRE).add(bDelta);
            FloatVector adjM = load(x, i + Layout.ADJ_M);
            if (C.neuromod() == NeuromodMode.THRESHOLD) {
                bDelta.fma(Lanes.of(-k.kappa()), adjM).intoArray(x, i + Layout.ADJ_M);
            }
            bVPre.fma(load(f, j + Layout.FRAME_DRIVE), load(x, i + Layout.GRAD_LEAK))
                    .intoArray(x, i + Layout.GRAD_LEAK);
            FloatVector bIEff = load(x, i + Layout.LEAK).mul(bVPre);
            bVPre.sub(bIEff).intoArray(x, i + Layout.ADJ_V);
            FloatVector input = load(f, j + Layout.FRAME_INPUT);
            FloatVector bInput = bIEff.mul(load(f, j + Layout.FRAME_EFFICIENCY));
            FloatVector gained = input;
            if (C.neuromod() == NeuromodMode.GAIN) {
                input.mul(k.kappa()).fma(bInput, adjM).intoArray(x, i + Layout.ADJ_M);
                FloatVector gain = modulation(x, i);
                gained = gain.mul(input);
                bInput = gain.mul(bInput);
            }
            bInput.intoArray(lines, gradInput + v * Lanes.LENGTH);
            bIEff.fma(gained, load(x, i + Layout.ADJ_S)).intoArray(x, i + Layout.ADJ_S);
            load(x, i + Layout.ADJ_A).sub(bIEff).intoArray(x, i + Layout.ADJ_A);
            FloatVector bBase;
            if (C.adaptiveThreshold()) {
                bBase = load(x, i + Layout.B_BASE).sub(bDelta);
                bBase = within(bBase, load(f, j + Layout.FRAME_RAW_BASE), k.minThreshold(), k.maxThreshold());
                bBase.intoArray(x, i + Layout.ADJ_O);
            } else {
                bBase = Lanes.of(0f).sub(bDelta);
                load(x, i + Layout.ADJ_O).add(bBase).intoArray(x, i + Layout.ADJ_O);
            }
            load(x, i + Layout.GRAD_V_TH).add(bBase).intoArray(x, i + Layout.GRAD_V_TH);
        }
    }

    @Override
    public void modulateBackward(float[] x, float[] lines, int to, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            FloatVector gradient = load(x, i + Layout.ADJ_M).mul(load(x, i + Layout.M_SLOPE));
            Lanes.of(0f).intoArray(x, i + Layout.ADJ_M);
            load(x, i + Layout.GRAD_M).add(gradient).intoArray(x, i + Layout.GRAD_M);
            gradient.intoArray(lines, to + v * Lanes.LENGTH);
        }
    }

    @Override
    public void flushAdjoints(float[] x, int vectors) {
        for (int v = 0; v < vectors; v++) {
            int i = v * Layout.STRIDE;
            for (int line = Layout.ADJ_V; line <= Layout.ADJ_Y; line += Lanes.LENGTH) {
                flush(x, i + line, QlifConstants.FLUSH_ADJOINT);
            }
        }
    }
}
