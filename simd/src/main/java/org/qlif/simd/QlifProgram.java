package org.qlif.simd;

import java.lang.invoke.MethodHandle;
import org.qlif.QlifConfig.Decision;
import org.qlif.spi.host.QlifConstants;

/**
 * The passes of the QLIF step. The one implementation, {@link SpecialisedProgram}, is defined anew as a hidden class for each
 * {@link Specialisation}, which its code sees as a constant: the compiler then folds every option away, as a C++ compiler would for
 * a template argument.
 */
interface QlifProgram {
    /** What the class was made for. */
    Specialisation specialisation();

    private Structure structure() {
        return specialisation().structure();
    }

    /** docs/model.md, section 10: states below 2^-64 become 0. */
    void flushState(Tile tile);

    /** The SIGMOID transform: M and its slope from the external modulation in line OUT. */
    void modulate(Tile tile);

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

    /** Spikes and their bits; damps p first where nothing else reads it. */
    void fire(Tile tile);

    /** Spikes as floats, from their bits, to line OUT. */
    void unpack(Tile tile);

    /** From the spike to the state after the step. */
    void settle(Tile tile);

    /** The adjoint of {@link #settle}. */
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
    void modulateBackward(Tile tile);

    /** docs/model.md, section 10: adjoints below 2^-100 become 0. */
    void flushAdjoints(Tile tile);

    /** The passes of a forward step up to the decision. */
    default Pass[] rise() {
        Structure structure = structure();
        Pass[] upToTheSlope = Pass.concat(
                new Pass[] {this::integrate},
                structure.dynamicProbability() || structure.movesSlope() ? new Pass[] {this::decide} : new Pass[] {});
        if (structure.decision() == Decision.THRESHOLD) {
            return upToTheSlope;
        }
        return Pass.concat(
                upToTheSlope,
                turn(),
                new Pass[] {this::chance},
                structure.refractory() && !structure.dampsWhereItFires() ? new Pass[] {this::damp} : new Pass[] {});
    }

    /** The passes that do a step again whose spikes stand in the tile's bits. */
    default Pass[] replay() {
        Structure structure = structure();
        return Pass.concat(
                new Pass[] {this::integrate},
                structure.dynamicProbability() || structure.movesSlope() || structure.damps()
                        ? new Pass[] {this::decide}
                        : new Pass[] {},
                structure.expected() ? Pass.concat(turn(), new Pass[] {this::chance}) : new Pass[] {},
                structure.expected() && structure.refractory() ? new Pass[] {this::damp} : new Pass[] {},
                new Pass[] {this::settle});
    }

    /** The passes of a backward step. */
    default Pass[] backward() {
        Structure structure = structure();
        Pass[] first = {this::settleBackward};
        if (structure.decision() == Decision.THRESHOLD) {
            return Pass.concat(first, new Pass[] {this::decideBackward, this::integrateBackward});
        }
        Pass[] last = structure.movesSlope()
                ? new Pass[] {this::decideBackward, this::integrateBackward}
                : new Pass[] {this::integrateBackward};
        Pass[] turnAgain = structure.expected() ? new Pass[] {} : turn();
        return Pass.concat(first, turnAgain, new Pass[] {this::chanceBackward, this::turnBackward}, last);
    }

    private Pass[] turn() {
        return structure().turnsLinearly() ? new Pass[] {} : new Pass[] {this::turn};
    }

    /** A program of this specialisation, its class made unless there is one. */
    static QlifProgram of(Specialisation specialisation, QlifConstants constants) {
        MethodHandle constructor = ProgramClasses.constructor(specialisation);
        try {
            return (QlifProgram) constructor.invoke(constants);
        } catch (RuntimeException | Error failure) {
            throw failure;
        } catch (Throwable impossible) {
            throw new LinkageError("can't make a program for " + specialisation, impossible);
        }
    }
}
