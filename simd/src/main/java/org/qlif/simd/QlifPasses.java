package org.qlif.simd;

import org.qlif.NeuronParameter;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.Trace;

/** The passes of the QLIF step, and their order. */
interface QlifPasses extends Program {
    /** The options that the class was made for. */
    QlifStructure structure();

    /** From tau in line OUT to dt / tau. */
    void leak(Tile tile);

    /** From the gradient of dt / tau in line AUX, and tau in line OUT, to that of tau: times -(dt / tau) / tau. */
    void leakBackward(Tile tile);

    /** From beta in line OUT to beta - l. */
    void restAngle(Tile tile);

    /** The SIGMOID transform: M and its slope from the external modulation in line OUT. */
    void transform(Tile tile);

    /** From the input to V', Theta and the gap. */
    void integrate(Tile tile);

    /** theta, to line OUT; after {@link #integrate}. */
    void traceThreshold(Tile tile);

    /** D, and the slope's quotient; in a backward run also exp(-R). Left out where there is none of them. */
    void decide(Tile tile);

    /** phi, or the SIGMOID's argument, unless it is a linear angle: that is done where it is read. */
    void turn(Tile tile);

    /** p before refractory damping. */
    void chance(Tile tile);

    /** The slope as it is traced, to line OUT; after {@link #decide}. */
    void traceSlope(Tile tile);

    /** Damps p by exp(-R). */
    void damp(Tile tile);

    /** The spikes' bits; damps p first where nothing else reads it. */
    void decideSpikes(Tile tile);

    /** From the spike to the state after the step. */
    void settle(Tile tile);

    /** The adjoint of {@link #settle(Tile)}. */
    void settleBackward(Tile tile);

    /** The adjoint of {@link #chance} and {@link #damp}. */
    void chanceBackward(Tile tile);

    /** The adjoint of {@link #turn}. */
    void turnBackward(Tile tile);

    /** The adjoint of {@link #decide}, or of a threshold's decision; a slope that never moves is {@link #turnBackward}'s. */
    void decideBackward(Tile tile);

    /** The adjoint of {@link #integrate}; the input's gradient goes to line OUT. */
    void integrateBackward(Tile tile);

    /** The adjoint of the modulation's transform: its gradient goes to line OUT and is summed. */
    void transformBackward(Tile tile);

    @Override
    default Pass[] derive(NeuronParameter parameter) {
        return switch ((QlifParameter) parameter) {
            case TAU -> new Pass[] {this::leak};
            case Q_BIAS -> new Pass[] {this::restAngle};
            case V_TH, ETA, Q_SCALE -> NONE;
        };
    }

    @Override
    default Pass[] deriveBackward(NeuronParameter parameter) {
        return switch ((QlifParameter) parameter) {
            case TAU -> new Pass[] {this::leakBackward};
            case V_TH, ETA, Q_SCALE, Q_BIAS -> NONE;
        };
    }

    @Override
    default Pass[] modulate() {
        return structure().sigmoidModulation() ? new Pass[] {this::transform} : NONE;
    }

    @Override
    default Pass[] modulateBackward() {
        return new Pass[] {this::transformBackward};
    }

    @Override
    default Pass[] rise() {
        QlifStructure structure = structure();
        Pass[] upToTheSlope = Pass.concat(
                new Pass[] {this::integrate},
                structure.dynamicProbability() || structure.movesSlope() ? new Pass[] {this::decide} : NONE);
        if (structure.decision() == Decision.THRESHOLD) {
            return upToTheSlope;
        }
        return Pass.concat(
                upToTheSlope,
                turn(),
                new Pass[] {this::chance},
                structure.refractory() && !structure.dampsWhereItFires() ? new Pass[] {this::damp} : NONE);
    }

    @Override
    default Pass[] fire() {
        return new Pass[] {this::decideSpikes};
    }

    @Override
    default Pass[] settle() {
        return new Pass[] {this::settle};
    }

    @Override
    default Pass[] replay() {
        QlifStructure structure = structure();
        return Pass.concat(
                new Pass[] {this::integrate},
                structure.dynamicProbability() || structure.movesSlope() || structure.damps()
                        ? new Pass[] {this::decide}
                        : NONE,
                structure.expected() ? Pass.concat(turn(), new Pass[] {this::chance}) : NONE,
                structure.expected() && structure.refractory() ? new Pass[] {this::damp} : NONE,
                settle());
    }

    @Override
    default Pass[] backward() {
        QlifStructure structure = structure();
        Pass[] first = {this::settleBackward};
        if (structure.decision() == Decision.THRESHOLD) {
            return Pass.concat(first, new Pass[] {this::decideBackward, this::integrateBackward});
        }
        Pass[] last = structure.movesSlope()
                ? new Pass[] {this::decideBackward, this::integrateBackward}
                : new Pass[] {this::integrateBackward};
        Pass[] turnAgain = structure.expected() ? NONE : turn();
        return Pass.concat(first, turnAgain, new Pass[] {this::chanceBackward, this::turnBackward}, last);
    }

    private Pass[] turn() {
        return structure().turnsLinearly() ? NONE : new Pass[] {this::turn};
    }

    @Override
    default Traced traced(Trace trace) {
        return switch ((QlifTrace) trace) {
            case PROBABILITY ->
                structure().decision() == Decision.THRESHOLD
                        ? Traced.by(Block::unpack)
                        : Traced.frame(QlifLayout.FRAME_P);
            case DELTA -> Traced.frame(QlifLayout.FRAME_DELTA);
            case THRESHOLD -> Traced.by(this::traceThreshold);
            case SLOPE -> Traced.by(this::traceSlope);
            case ADAPTATION,
                    EFFICIENCY,
                    REFRACTORY,
                    AHP,
                    DYNAMIC_PROBABILITY,
                    HOMEOSTASIS,
                    THRESHOLD_OFFSET,
                    RATE,
                    MODULATION -> throw new IllegalArgumentException("trace: got " + trace + ", a state variable's");
        };
    }
}
