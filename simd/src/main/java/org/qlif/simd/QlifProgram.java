package org.qlif.simd;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.ConcurrentHashMap;
import org.qlif.spi.host.QlifConstants;

/**
 * The passes of the QLIF step over a tile. The one implementation, {@link SpecialisedProgram}, is defined anew as a hidden class
 * for each {@link Specialisation}, which its code sees as a constant: the compiler then folds every option away, as a C++ compiler
 * would for a template argument.
 *
 * <p>Every pass takes the block {@code x}, the frames {@code f} with the offset {@code at} of the step's frame, and the number of
 * vectors; see {@link Layout}.
 */
interface QlifProgram {
    /** Section 10: states below 2^-64 become 0. */
    void flushState(float[] x, int vectors);

    /** The SIGMOID transform: M and its slope from the external modulation in plain line {@code from} of {@code lines}. */
    void modulate(float[] x, float[] lines, int from, int vectors);

    /** From the input to V', Theta and the gap; normals come from line {@code normals} of {@code draws}. */
    void integrate(float[] x, float[] f, int at, float[] draws, int normals, int vectors);

    /** theta, to plain line {@code to} of {@code lines}; after {@link #integrate}. */
    void traceThreshold(float[] x, float[] f, int at, float[] lines, int to, int vectors);

    /** D, the slope, and p before refractory damping. */
    void decide(float[] x, float[] f, int at, int vectors);

    /** The slope as it is traced, to plain line {@code to} of {@code lines}; after {@link #decide}. */
    void traceSlope(float[] x, float[] lines, int to, int vectors);

    /** Damps p by exp(-R). */
    void damp(float[] x, float[] f, int at, int vectors);

    /** Spikes and their bits; uniforms, or counts of wires, come from line {@code uniforms} of {@code draws}. */
    void fire(float[] f, int at, float[] draws, int uniforms, long[] bits, int vectors);

    /** Spikes from their bits. */
    void unpack(float[] f, int at, long[] bits, int vectors);

    /** From the spike to the state after the step. */
    void settle(float[] x, float[] f, int at, int vectors);

    /** The adjoint of {@link #settle}; upstream gradients stand in lines {@code gradY} and {@code gradV} of {@code lines}. */
    void settleBackward(float[] x, float[] f, int at, float[] lines, int gradY, int gradV, int vectors);

    /** exp(-R), in place of R in the frame. */
    void dampBackward(float[] f, int at, int vectors);

    /** The adjoint of {@link #decide} and {@link #damp}. */
    void decideBackward(float[] x, float[] f, int at, int vectors);

    /** The adjoint of {@link #integrate}; the input's gradient goes to line {@code gradInput} of {@code lines}. */
    void integrateBackward(float[] x, float[] f, int at, float[] lines, int gradInput, int vectors);

    /** The adjoint of the modulation's transform: its gradient goes to line {@code to} of {@code lines} and is summed. */
    void modulateBackward(float[] x, float[] lines, int to, int vectors);

    /** Section 10: adjoints below 2^-100 become 0. */
    void flushAdjoints(float[] x, int vectors);

    /** A program of this specialisation, its class made on first use. */
    static QlifProgram of(Specialisation specialisation, QlifConstants constants) {
        try {
            return (QlifProgram)
                    Classes.MADE.computeIfAbsent(specialisation, Classes::make).invoke(constants);
        } catch (Throwable impossible) {
            throw new LinkageError("can't make a program for " + specialisation, impossible);
        }
    }

    /** The classes made so far. */
    final class Classes {
        private static final ConcurrentHashMap<Specialisation, MethodHandle> MADE = new ConcurrentHashMap<>();

        private Classes() {}

        private static MethodHandle make(Specialisation specialisation) {
            String name = SpecialisedProgram.class.getSimpleName() + ".class";
            try (InputStream in = SpecialisedProgram.class.getResourceAsStream(name)) {
                MethodHandles.Lookup lookup =
                        MethodHandles.lookup().defineHiddenClassWithClassData(in.readAllBytes(), specialisation, true);
                return lookup.findConstructor(
                        lookup.lookupClass(), MethodType.methodType(void.class, QlifConstants.class));
            } catch (IOException failure) {
                throw new UncheckedIOException("can't read " + name, failure);
            } catch (ReflectiveOperationException failure) {
                throw new LinkageError("can't define " + name + " for " + specialisation, failure);
            }
        }
    }
}
