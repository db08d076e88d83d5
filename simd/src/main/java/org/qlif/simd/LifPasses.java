package org.qlif.simd;

import org.qlif.LifParameter;
import org.qlif.LifTrace;
import org.qlif.NeuronParameter;
import org.qlif.Trace;

/** The passes of the LIF step, and their order. Not the program's own affair: a hidden class can't refer to its methods. */
interface LifPasses extends Program {
    /** From tau_syn_inv or tau_mem_inv in line OUT to dt times it. */
    void rate(Tile tile);

    /** From the gradient of that in line AUX to that of the parameter in line OUT. */
    void rateBackward(Tile tile);

    /** From the input to the spikes' bits and the state after the step. */
    void step(Tile tile);

    /** As many steps as the tile says, from their inputs to their bits and the state after the last. */
    void steps(Tile tile);

    /** The gap, to line OUT; after {@link #step}. */
    void traceDelta(Tile tile);

    /** A step again, from its bits, keeping what its adjoint reads. */
    void stepAgain(Tile tile);

    /** The adjoint of {@link #step}; the input's gradient goes to line OUT. */
    void stepBackward(Tile tile);

    @Override
    default Pass[] derive(NeuronParameter parameter) {
        return switch ((LifParameter) parameter) {
            case TAU_SYN_INV, TAU_MEM_INV -> new Pass[] {this::rate};
            case V_TH -> NONE;
        };
    }

    @Override
    default Pass[] deriveBackward(NeuronParameter parameter) {
        return switch ((LifParameter) parameter) {
            case TAU_SYN_INV, TAU_MEM_INV -> new Pass[] {this::rateBackward};
            case V_TH -> NONE;
        };
    }

    @Override
    default Pass[] rise() {
        return NONE;
    }

    @Override
    default Pass[] fire() {
        return new Pass[] {this::step};
    }

    @Override
    default Pass[] settle() {
        return NONE;
    }

    @Override
    default Pass[] steps() {
        return new Pass[] {this::steps};
    }

    @Override
    default Pass[] replay() {
        return new Pass[] {this::stepAgain};
    }

    @Override
    default Pass[] backward() {
        return new Pass[] {this::stepBackward};
    }

    @Override
    default Traced traced(Trace trace) {
        return switch ((LifTrace) trace) {
            case DELTA -> Traced.by(this::traceDelta);
            case CURRENT -> throw new IllegalArgumentException("trace: got " + trace + ", a state variable's");
        };
    }
}
