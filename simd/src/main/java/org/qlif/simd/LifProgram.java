// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromArray;
import static jdk.incubator.vector.VectorOperators.GT;
import static org.qlif.simd.Lanes.F;

import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import org.qlif.spi.host.LifConstants;

/**
 * The LIF model's arithmetic over vectors of neurons, in the order and with the names of docs/model.md, section 11. A step is one pass.
 *
 * <p>Never used directly: {@link ProgramClasses} defines this class anew for every specialization.
 */
final class LifProgram implements LifPasses {
    private static final Specialisation MADE_FOR = ProgramClasses.madeFor(MethodHandles.lookup(), Specialisation.class);
    private static final SimdSurrogate SURROGATE =
            MADE_FOR == null ? null : SimdSurrogate.of(((LifStructure) MADE_FOR.structure()).surrogate());

    private final LifConstants k;

    LifProgram(LifConstants constants) {
        this.k = constants;
    }

    /** Multiplies tau_syn_inv or tau_mem_inv in line OUT by dt. */
    void rate(Tile tile) {
        scale(tile, Layout.OUT);
    }

    /** The adjoint of {@link #rate}: from line AUX to line OUT. */
    void rateBackward(Tile tile) {
        scale(tile, Layout.AUX);
    }

    private void scale(Tile tile, int from) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int j = v * Lanes.LENGTH;
            fromArray(F, m, from + j).mul(k.dt()).intoArray(m, Layout.OUT + j);
        }
    }

    // ---------------------------------------------------------------- forward

    /** i' = i + I. */
    private static FloatVector current(float[] m, int i, FloatVector input) {
        return fromArray(F, m, i + LifLayout.I).add(input);
    }

    /** (V_leak - V) + i'. */
    private FloatVector drive(FloatVector potential, FloatVector current) {
        return broadcast(F, k.vLeak()).sub(potential).add(current);
    }

    /** i after the step, from i'. */
    private static FloatVector decayed(FloatVector current, FloatVector synRate) {
        return current.neg().fma(synRate, current);
    }

    /** Computes the state after the step from i'. */
    private void settle(float[] m, int i, FloatVector current, FloatVector vPre, VectorMask<Float> fired) {
        decayed(current, fromArray(F, m, i + LifLayout.SYN_RATE)).intoArray(m, i + LifLayout.I);
        vPre.blend(k.vReset(), fired).intoArray(m, i + LifLayout.V);
    }

    private static FloatVector delta(float[] m, int i, FloatVector vPre) {
        return vPre.sub(fromArray(F, m, i + LifLayout.V_TH));
    }

    private static VectorMask<Float> fires(FloatVector delta) {
        return delta.compare(GT, 0f);
    }

    /** Computes the spikes' bits and the state after the step. */
    void step(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        float[] inputs = tile.inputs;
        int input = tile.input;
        long[] bits = tile.bits;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * LifLayout.STRIDE;
            int lane = v * Lanes.LENGTH;
            FloatVector current = current(m, i, fromArray(F, inputs, input + lane));
            FloatVector potential = fromArray(F, m, i + LifLayout.V);
            FloatVector vPre = drive(potential, current).fma(fromArray(F, m, i + LifLayout.MEM_RATE), potential);
            vPre.intoArray(m, at + lane + LifLayout.FRAME_V_PRE);
            VectorMask<Float> fired = fires(delta(m, i, vPre));
            settle(m, i, current, vPre, fired);
            long word = (lane & 63) == 0 ? 0 : bits[lane >>> 6];
            bits[lane >>> 6] = word | fired.toLong() << (lane & 63);
        }
    }

    /**
     * Does {@link Tile#steps} steps: computes their spikes' bits and the state after the last one. Works on two vectors at a time, since a
     * step depends on the one before it. If the number of vectors is odd, lanes past the tile's last one are computed and dropped.
     */
    void steps(Tile tile) {
        float[] m = tile.m;
        float[] inputs = tile.inputs;
        int firstInput = tile.input;
        int inputStride = tile.inputStride;
        int steps = tile.steps;
        long[] bits = tile.bits;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v += 2) {
            int i = v * LifLayout.STRIDE;
            int j = i + LifLayout.STRIDE;
            int lane = v * Lanes.LENGTH;
            FloatVector synRate0 = fromArray(F, m, i + LifLayout.SYN_RATE);
            FloatVector synRate1 = fromArray(F, m, j + LifLayout.SYN_RATE);
            FloatVector memRate0 = fromArray(F, m, i + LifLayout.MEM_RATE);
            FloatVector memRate1 = fromArray(F, m, j + LifLayout.MEM_RATE);
            FloatVector current0 = fromArray(F, m, i + LifLayout.I);
            FloatVector current1 = fromArray(F, m, j + LifLayout.I);
            FloatVector potential0 = fromArray(F, m, i + LifLayout.V);
            FloatVector potential1 = fromArray(F, m, j + LifLayout.V);
            for (int s = 0; s < steps; s++) {
                int input = firstInput + s * inputStride + lane;
                current0 = current0.add(fromArray(F, inputs, input));
                current1 = current1.add(fromArray(F, inputs, input + Lanes.LENGTH));
                potential0 = drive(potential0, current0).fma(memRate0, potential0);
                potential1 = drive(potential1, current1).fma(memRate1, potential1);
                VectorMask<Float> fired0 = fires(delta(m, i, potential0));
                VectorMask<Float> fired1 = fires(delta(m, j, potential1));
                current0 = decayed(current0, synRate0);
                current1 = decayed(current1, synRate1);
                potential0 = potential0.blend(k.vReset(), fired0);
                potential1 = potential1.blend(k.vReset(), fired1);
                long both = fired0.toLong() | fired1.toLong() << Lanes.LENGTH;
                int word = (lane >>> 6) + s * Layout.WORDS;
                bits[word] = ((lane & 63) == 0 ? 0 : bits[word]) | both << (lane & 63);
            }
            current0.intoArray(m, i + LifLayout.I);
            current1.intoArray(m, j + LifLayout.I);
            potential0.intoArray(m, i + LifLayout.V);
            potential1.intoArray(m, j + LifLayout.V);
        }
    }

    /** Writes the gap to line OUT; runs after {@link #step}. */
    void traceDelta(Tile tile) {
        float[] m = tile.m;
        int at = tile.frame;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int lane = v * Lanes.LENGTH;
            delta(m, v * LifLayout.STRIDE, fromArray(F, m, at + lane + LifLayout.FRAME_V_PRE))
                    .intoArray(m, Layout.OUT + lane);
        }
    }

    // ---------------------------------------------------------------- backward

    /** Repeats a step from its spikes' bits, and stores in the frame what its adjoint reads. */
    void stepAgain(Tile tile) {
        float[] m = tile.m;
        float[] inputs = tile.inputs;
        int input = tile.input;
        int at = tile.frame;
        long[] bits = tile.bits;
        int word = tile.word;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * LifLayout.STRIDE;
            int lane = v * Lanes.LENGTH;
            int j = at + lane;
            FloatVector current = current(m, i, fromArray(F, inputs, input + lane));
            FloatVector potential = fromArray(F, m, i + LifLayout.V);
            FloatVector drive = drive(potential, current);
            FloatVector vPre = drive.fma(fromArray(F, m, i + LifLayout.MEM_RATE), potential);
            current.intoArray(m, j + LifLayout.FRAME_CURRENT);
            drive.intoArray(m, j + LifLayout.FRAME_DRIVE);
            vPre.intoArray(m, j + LifLayout.FRAME_V_PRE);
            settle(m, i, current, vPre, Block.fired(bits, word, v));
        }
    }

    /** The adjoint of {@link #step}. */
    void stepBackward(Tile tile) {
        float[] m = tile.m;
        float[] gradYs = tile.gradYs;
        float[] gradInputs = tile.gradInputs;
        int at = tile.frame;
        int gradY = tile.gradY;
        int gradInput = tile.gradInput;
        long[] bits = tile.bits;
        int word = tile.word;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * LifLayout.STRIDE;
            int b = v * LifLayout.ADJOINT_STRIDE;
            int lane = v * Lanes.LENGTH;
            int j = at + lane;
            FloatVector vPre = fromArray(F, m, j + LifLayout.FRAME_V_PRE);
            FloatVector bV = fromArray(F, m, b + LifLayout.ADJ_V).add(fromArray(F, m, Layout.GRAD_V_OUT + lane));
            FloatVector bY = bV.fma(broadcast(F, k.vReset()).sub(vPre), fromArray(F, gradYs, gradY + lane));
            FloatVector bDelta = bY.mul(SURROGATE.derivative(delta(m, i, vPre), k.surrogateScale()));
            FloatVector bVPre = bV.blend(0f, Block.fired(bits, word, v)).add(bDelta);
            fromArray(F, m, b + LifLayout.GRAD_V_TH).sub(bDelta).intoArray(m, b + LifLayout.GRAD_V_TH);
            bVPre.fma(fromArray(F, m, j + LifLayout.FRAME_DRIVE), fromArray(F, m, b + LifLayout.GRAD_MEM_RATE))
                    .intoArray(m, b + LifLayout.GRAD_MEM_RATE);
            FloatVector bDrive = fromArray(F, m, i + LifLayout.MEM_RATE).mul(bVPre);
            FloatVector adjI = fromArray(F, m, b + LifLayout.ADJ_I);
            adjI.neg()
                    .fma(fromArray(F, m, j + LifLayout.FRAME_CURRENT), fromArray(F, m, b + LifLayout.GRAD_SYN_RATE))
                    .intoArray(m, b + LifLayout.GRAD_SYN_RATE);
            FloatVector bI = adjI.neg()
                    .fma(fromArray(F, m, i + LifLayout.SYN_RATE), adjI)
                    .add(bDrive);
            bVPre.sub(bDrive).intoArray(m, b + LifLayout.ADJ_V);
            bI.intoArray(m, b + LifLayout.ADJ_I);
            bI.intoArray(gradInputs, gradInput + lane);
        }
    }
}
