// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.LifParameter;
import org.qlif.LifTrace;
import org.qlif.NeuronParameter;
import org.qlif.Trace;

/** The order of {@link LifProgram}'s passes. */
interface LifPasses extends Program {
    @Override
    default Pass[] derive(NeuronParameter parameter) {
        return switch ((LifParameter) parameter) {
            case TAU_SYN_INV, TAU_MEM_INV -> passes("rate");
            case V_TH -> NONE;
        };
    }

    @Override
    default Pass[] deriveBackward(NeuronParameter parameter) {
        return switch ((LifParameter) parameter) {
            case TAU_SYN_INV, TAU_MEM_INV -> passes("rateBackward");
            case V_TH -> NONE;
        };
    }

    @Override
    default Pass[] rise() {
        return NONE;
    }

    @Override
    default Pass[] fire() {
        return passes("step");
    }

    @Override
    default Pass[] settle() {
        return NONE;
    }

    @Override
    default Pass[] steps() {
        return passes("steps");
    }

    @Override
    default Pass[] replay() {
        return passes("stepAgain");
    }

    @Override
    default Pass[] backward() {
        return passes("stepBackward");
    }

    @Override
    default Traced traced(Trace trace) {
        return switch ((LifTrace) trace) {
            case DELTA -> Traced.by(passes("traceDelta"));
            case CURRENT -> throw new IllegalArgumentException("trace: got " + trace + ", a state variable's");
        };
    }
}
