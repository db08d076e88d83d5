// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;

import java.util.Arrays;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import org.qlif.spi.host.Philox;

/**
 * Philox4x32-10 for the elements of a tile under one key. Not thread-safe.
 *
 * <p>Only the element part of the counter differs between lanes, and only the pair of steps between calls. So the first two rounds reduce
 * to three words per element, computed once for a tile, and a few scalars per pair of steps; eight rounds remain.
 */
final class SimdPhilox {
    private static final long LOW = 0xFFFFFFFFL;
    private static final long FACTOR0 = Philox.M0 & LOW;
    private static final long FACTOR1 = Philox.M1 & LOW;
    private static final VectorMask<Integer> ODD = VectorMask.fromLong(Lanes.I, 0xAAAAAAAAAAAAAAAAL);

    /** Words 0, 1 and 2 after two rounds, without the scalars of the pair of steps. */
    private final int[] element = new int[3 * Lanes.TILE];

    /** The words drawn, four lines. */
    final int[] words = new int[4 * Lanes.TILE];

    /** Runs of lanes whose elements have the same high word: their first lanes, and that word. Usually there is one run. */
    private int[] starts = new int[2];

    private int[] highs = new int[2];
    private int runs;

    /** The words of runs after the first; allocated only if there are any. */
    private int[] further;

    private int k0;
    private int k1;
    private int stream;

    /** Starts a tile under {@code key}; {@link #elements} must then set its elements, from the first lane on. */
    void start(long key, int stream) {
        k0 = (int) key;
        k1 = (int) (key >>> 32);
        this.stream = stream;
        runs = 0;
    }

    /** Sets the elements of lanes {@code from} to {@code to}: {@code number}, {@code number + 1}, ... modulo 2^64. */
    void elements(int from, int to, long number) {
        for (int i = from; i < to; i++) {
            long first = FACTOR0 * ((number + i - from) & LOW);
            int w2 = (int) (first >>> 32) ^ stream ^ k1;
            long second = FACTOR1 * (w2 & LOW);
            element[i] = (int) (second >>> 32) ^ (k0 + Philox.W0);
            element[Lanes.TILE + i] = (int) second;
            element[2 * Lanes.TILE + i] = (int) first ^ (k1 + Philox.W1);
        }
        int high = (int) (number >>> 32);
        run(from, high);
        long carry = (1L << 32) - (number & LOW);
        if (carry < to - from) {
            run(from + (int) carry, high + 1);
        }
    }

    private void run(int start, int high) {
        if (runs > 0 && highs[runs - 1] == high) {
            return;
        }
        if (runs == starts.length) {
            starts = Arrays.copyOf(starts, Lanes.TILE);
            highs = Arrays.copyOf(highs, Lanes.TILE);
        }
        starts[runs] = start;
        highs[runs++] = high;
    }

    /** Fills {@link #words} of the first {@code lanes} lanes for the pair of steps {@code pair}. */
    void draw(long pair, int lanes) {
        draw((int) pair, highs[0], words, 0, lanes);
        for (int run = 1; run < runs; run++) {
            if (further == null) {
                further = new int[words.length];
            }
            int from = starts[run];
            int to = run + 1 < runs ? starts[run + 1] : lanes;
            draw((int) pair, highs[run], further, from - from % Lanes.LENGTH, to);
            for (int line = 0; line < words.length; line += Lanes.TILE) {
                System.arraycopy(further, line + from, words, line + from, to - from);
            }
        }
    }

    private void draw(int pair, int elementHigh, int[] to, int from, int lanes) {
        long first = FACTOR1 * (pair & LOW);
        int w0 = (int) (first >>> 32) ^ elementHigh ^ k0;
        long second = FACTOR0 * (w0 & LOW);
        rounds(element, to, (int) first, (int) (second >>> 32), (int) second, k0, k1, from, lanes);
    }

    /**
     * Rounds 3 to 10, unrolled: in a loop the compiler would not see that the factors have 32 bits, and a method for a round would not be
     * inlined eight times. Even and odd lanes are multiplied separately; the constant is masked like the word, so that the compiler sees
     * that both have 32 bits. Calls no helper of our own, since none would be inlined this late.
     */
    private static void rounds(int[] element, int[] to, int t0, int t2, int t3, int k0, int k1, int from, int lanes) {
        LongVector m0 = LongVector.broadcast(Lanes.L, FACTOR0).and(LOW);
        LongVector m1 = LongVector.broadcast(Lanes.L, FACTOR1).and(LOW);
        for (int i = from; i < lanes; i += Lanes.LENGTH) {
            IntVector c0 = IntVector.fromArray(Lanes.I, element, i).lanewise(XOR, t0);
            IntVector c1 = IntVector.fromArray(Lanes.I, element, i + Lanes.TILE);
            IntVector c2 =
                    IntVector.fromArray(Lanes.I, element, i + 2 * Lanes.TILE).lanewise(XOR, t2);
            IntVector c3 = IntVector.broadcast(Lanes.I, t3);
            // round 3
            LongVector x3 = c0.reinterpretAsLongs();
            LongVector y3 = c2.reinterpretAsLongs();
            LongVector p3 = x3.and(LOW).mul(m0);
            LongVector q3 = y3.and(LOW).mul(m1);
            IntVector h3 = p3.lanewise(LSHR, 32).reinterpretAsInts();
            IntVector g3 = q3.lanewise(LSHR, 32).reinterpretAsInts();
            h3 = h3.blend(x3.lanewise(LSHR, 32).mul(m0).reinterpretAsInts(), ODD);
            g3 = g3.blend(y3.lanewise(LSHR, 32).mul(m1).reinterpretAsInts(), ODD);
            IntVector l3 = c2.mul(Philox.M1);
            c3 = c3.lanewise(XOR, k1 + 2 * Philox.W1);
            c2 = h3.lanewise(XOR, c3);
            c3 = c0.mul(Philox.M0);
            c0 = g3.lanewise(XOR, c1.lanewise(XOR, k0 + 2 * Philox.W0));
            c1 = l3;
            // round 4
            LongVector x4 = c0.reinterpretAsLongs();
            LongVector y4 = c2.reinterpretAsLongs();
            LongVector p4 = x4.and(LOW).mul(m0);
            LongVector q4 = y4.and(LOW).mul(m1);
            IntVector h4 = p4.lanewise(LSHR, 32).reinterpretAsInts();
            IntVector g4 = q4.lanewise(LSHR, 32).reinterpretAsInts();
            h4 = h4.blend(x4.lanewise(LSHR, 32).mul(m0).reinterpretAsInts(), ODD);
            g4 = g4.blend(y4.lanewise(LSHR, 32).mul(m1).reinterpretAsInts(), ODD);
            IntVector l4 = c2.mul(Philox.M1);
            c3 = c3.lanewise(XOR, k1 + 3 * Philox.W1);
            c2 = h4.lanewise(XOR, c3);
            c3 = c0.mul(Philox.M0);
            c0 = g4.lanewise(XOR, c1.lanewise(XOR, k0 + 3 * Philox.W0));
            c1 = l4;
            // round 5
            LongVector x5 = c0.reinterpretAsLongs();
            LongVector y5 = c2.reinterpretAsLongs();
            LongVector p5 = x5.and(LOW).mul(m0);
            LongVector q5 = y5.and(LOW).mul(m1);
            IntVector h5 = p5.lanewise(LSHR, 32).reinterpretAsInts();
            IntVector g5 = q5.lanewise(LSHR, 32).reinterpretAsInts();
            h5 = h5.blend(x5.lanewise(LSHR, 32).mul(m0).reinterpretAsInts(), ODD);
            g5 = g5.blend(y5.lanewise(LSHR, 32).mul(m1).reinterpretAsInts(), ODD);
            IntVector l5 = c2.mul(Philox.M1);
            c3 = c3.lanewise(XOR, k1 + 4 * Philox.W1);
            c2 = h5.lanewise(XOR, c3);
            c3 = c0.mul(Philox.M0);
            c0 = g5.lanewise(XOR, c1.lanewise(XOR, k0 + 4 * Philox.W0));
            c1 = l5;
            // round 6
            LongVector x6 = c0.reinterpretAsLongs();
            LongVector y6 = c2.reinterpretAsLongs();
            LongVector p6 = x6.and(LOW).mul(m0);
            LongVector q6 = y6.and(LOW).mul(m1);
            IntVector h6 = p6.lanewise(LSHR, 32).reinterpretAsInts();
            IntVector g6 = q6.lanewise(LSHR, 32).reinterpretAsInts();
            h6 = h6.blend(x6.lanewise(LSHR, 32).mul(m0).reinterpretAsInts(), ODD);
            g6 = g6.blend(y6.lanewise(LSHR, 32).mul(m1).reinterpretAsInts(), ODD);
            IntVector l6 = c2.mul(Philox.M1);
            c3 = c3.lanewise(XOR, k1 + 5 * Philox.W1);
            c2 = h6.lanewise(XOR, c3);
            c3 = c0.mul(Philox.M0);
            c0 = g6.lanewise(XOR, c1.lanewise(XOR, k0 + 5 * Philox.W0));
            c1 = l6;
            // round 7
            LongVector x7 = c0.reinterpretAsLongs();
            LongVector y7 = c2.reinterpretAsLongs();
            LongVector p7 = x7.and(LOW).mul(m0);
            LongVector q7 = y7.and(LOW).mul(m1);
            IntVector h7 = p7.lanewise(LSHR, 32).reinterpretAsInts();
            IntVector g7 = q7.lanewise(LSHR, 32).reinterpretAsInts();
            h7 = h7.blend(x7.lanewise(LSHR, 32).mul(m0).reinterpretAsInts(), ODD);
            g7 = g7.blend(y7.lanewise(LSHR, 32).mul(m1).reinterpretAsInts(), ODD);
            IntVector l7 = c2.mul(Philox.M1);
            c3 = c3.lanewise(XOR, k1 + 6 * Philox.W1);
            c2 = h7.lanewise(XOR, c3);
            c3 = c0.mul(Philox.M0);
            c0 = g7.lanewise(XOR, c1.lanewise(XOR, k0 + 6 * Philox.W0));
            c1 = l7;
            // round 8
            LongVector x8 = c0.reinterpretAsLongs();
            LongVector y8 = c2.reinterpretAsLongs();
            LongVector p8 = x8.and(LOW).mul(m0);
            LongVector q8 = y8.and(LOW).mul(m1);
            IntVector h8 = p8.lanewise(LSHR, 32).reinterpretAsInts();
            IntVector g8 = q8.lanewise(LSHR, 32).reinterpretAsInts();
            h8 = h8.blend(x8.lanewise(LSHR, 32).mul(m0).reinterpretAsInts(), ODD);
            g8 = g8.blend(y8.lanewise(LSHR, 32).mul(m1).reinterpretAsInts(), ODD);
            IntVector l8 = c2.mul(Philox.M1);
            c3 = c3.lanewise(XOR, k1 + 7 * Philox.W1);
            c2 = h8.lanewise(XOR, c3);
            c3 = c0.mul(Philox.M0);
            c0 = g8.lanewise(XOR, c1.lanewise(XOR, k0 + 7 * Philox.W0));
            c1 = l8;
            // round 9
            LongVector x9 = c0.reinterpretAsLongs();
            LongVector y9 = c2.reinterpretAsLongs();
            LongVector p9 = x9.and(LOW).mul(m0);
            LongVector q9 = y9.and(LOW).mul(m1);
            IntVector h9 = p9.lanewise(LSHR, 32).reinterpretAsInts();
            IntVector g9 = q9.lanewise(LSHR, 32).reinterpretAsInts();
            h9 = h9.blend(x9.lanewise(LSHR, 32).mul(m0).reinterpretAsInts(), ODD);
            g9 = g9.blend(y9.lanewise(LSHR, 32).mul(m1).reinterpretAsInts(), ODD);
            IntVector l9 = c2.mul(Philox.M1);
            c3 = c3.lanewise(XOR, k1 + 8 * Philox.W1);
            c2 = h9.lanewise(XOR, c3);
            c3 = c0.mul(Philox.M0);
            c0 = g9.lanewise(XOR, c1.lanewise(XOR, k0 + 8 * Philox.W0));
            c1 = l9;
            // round 10
            LongVector x10 = c0.reinterpretAsLongs();
            LongVector y10 = c2.reinterpretAsLongs();
            LongVector p10 = x10.and(LOW).mul(m0);
            LongVector q10 = y10.and(LOW).mul(m1);
            IntVector h10 = p10.lanewise(LSHR, 32).reinterpretAsInts();
            IntVector g10 = q10.lanewise(LSHR, 32).reinterpretAsInts();
            h10 = h10.blend(x10.lanewise(LSHR, 32).mul(m0).reinterpretAsInts(), ODD);
            g10 = g10.blend(y10.lanewise(LSHR, 32).mul(m1).reinterpretAsInts(), ODD);
            IntVector l10 = c2.mul(Philox.M1);
            c3 = c3.lanewise(XOR, k1 + 9 * Philox.W1);
            c2 = h10.lanewise(XOR, c3);
            c3 = c0.mul(Philox.M0);
            c0 = g10.lanewise(XOR, c1.lanewise(XOR, k0 + 9 * Philox.W0));
            c1 = l10;
            c0.intoArray(to, i);
            c1.intoArray(to, i + Lanes.TILE);
            c2.intoArray(to, i + 2 * Lanes.TILE);
            c3.intoArray(to, i + 3 * Lanes.TILE);
        }
    }
}
