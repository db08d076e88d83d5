// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.NeuronParameter;
import org.qlif.QlifConfig.Decision;
import org.qlif.QlifParameter;
import org.qlif.QlifTrace;
import org.qlif.Trace;

/** The order of {@link QlifProgram}'s passes. */
interface QlifPasses extends Program {
    /** The options that the class was defined for. */
    QlifStructure structure();

    @Override
    default Pass[] derive(NeuronParameter parameter) {
        return switch ((QlifParameter) parameter) {
            case TAU -> passes("leak");
            case Q_BIAS -> passes("restAngle");
            case V_TH, ETA, Q_SCALE -> NONE;
        };
    }

    @Override
    default Pass[] deriveBackward(NeuronParameter parameter) {
        return switch ((QlifParameter) parameter) {
            case TAU -> passes("leakBackward");
            case V_TH, ETA, Q_SCALE, Q_BIAS -> NONE;
        };
    }

    @Override
    default Pass[] modulate() {
        return structure().sigmoidModulation() ? passes("transform") : NONE;
    }

    @Override
    default Pass[] modulateBackward() {
        return passes("transformBackward");
    }

    @Override
    default Pass[] rise() {
        QlifStructure structure = structure();
        Pass[] first = passes("integrate");
        if (structure.decision() == Decision.THRESHOLD) {
            return first;
        }
        Pass[] upToTheAngle = Pass.concat(first, turn());
        if (structure.findsChanceWhereItFires()) {
            return upToTheAngle;
        }
        return Pass.concat(upToTheAngle, passes("chance"), structure.refractory() ? passes("damp") : NONE);
    }

    @Override
    default Pass[] fire() {
        return passes("decideSpikes");
    }

    @Override
    default Pass[] settle() {
        return passes("settle");
    }

    @Override
    default Pass[] replay() {
        QlifStructure structure = structure();
        return Pass.concat(
                passes("integrate"),
                structure.dynamicProbability() || structure.movesSlope() || structure.damps() ? passes("decide") : NONE,
                structure.expected() ? Pass.concat(turn(), passes("chance")) : NONE,
                structure.expected() && structure.refractory() ? passes("damp") : NONE,
                settle());
    }

    @Override
    default Pass[] backward() {
        QlifStructure structure = structure();
        Pass[] first = passes("settleBackward");
        Pass[] last = passes("integrateBackward");
        if (structure.decision() == Decision.THRESHOLD) {
            return Pass.concat(first, passes("thresholdBackward"), last);
        }
        Pass[] turnAgain = structure.expected() ? NONE : turn();
        return Pass.concat(first, turnAgain, passes("chanceBackward"), last);
    }

    private Pass[] turn() {
        return structure().turnsLinearly() ? NONE : passes("turn");
    }

    @Override
    default Traced traced(Trace trace) {
        return switch ((QlifTrace) trace) {
            case PROBABILITY -> {
                if (structure().decision() == Decision.THRESHOLD) {
                    yield Traced.by(Block::unpack);
                }
                yield structure().findsChanceWhereItFires()
                        ? Traced.by(passes("traceProbability"))
                        : Traced.frame(QlifLayout.FRAME_P);
            }
            case DELTA -> Traced.by(passes("traceGap"));
            case THRESHOLD -> Traced.by(passes("traceThreshold"));
            case SLOPE -> Traced.by(passes("traceSlope"));
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
