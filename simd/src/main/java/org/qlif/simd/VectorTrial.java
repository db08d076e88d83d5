// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static org.qlif.simd.Lanes.F;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.qlif.spi.host.HostJvm;

/**
 * Measures whether vector code is compiled to vector instructions, by timing it against scalar code that no compiler can vectorize.
 * Compiled, it takes at most a tenth of the scalar code's time per element; with vectors as objects, at least three times as much, from the
 * first call on. So the first sample in which it is faster is proof, and a busy machine only delays it.
 */
final class VectorTrial {
    private static final int ELEMENTS = 1024;

    /** The share of the scalar code's time below which vector code must be compiled: the geometric middle of a tenth and three. */
    private static final double SHOWS = 0.5;

    /**
     * In CPU time of this thread, not elapsed time: on a busy machine the compilers get as little of the processor as this thread does.
     * They need a tenth to a fifth of it.
     */
    private static final long PATIENCE_NANOS = 3_000_000_000L;

    /** Samples between checks of the CPU time. */
    private static final int BETWEEN_LOOKS = 20;

    private VectorTrial() {}

    /** Returns almost at once if vector code is fast, and after {@link #PATIENCE_NANOS} if it is not. */
    static boolean isFast() {
        float[] from = new float[ELEMENTS];
        float[] to = new float[ELEMENTS];
        for (int i = 0; i < ELEMENTS; i++) {
            from[i] = i / (float) ELEMENTS;
        }
        long start = HostJvm.workNanos();
        long scalar = Long.MAX_VALUE;
        long vector = Long.MAX_VALUE;
        // Scalar code is compiled first: otherwise compiled vector code would be compared with interpreted scalar code.
        for (int i = 0; i < 1000; i++) {
            scalar = Math.min(scalar, timeScalar(from, to));
        }
        do {
            for (int i = 0; i < BETWEEN_LOOKS; i++) {
                scalar = Math.min(scalar, timeScalar(from, to));
                vector = Math.min(vector, timeVector(from, to));
                if (vector < scalar * SHOWS) {
                    return true;
                }
            }
        } while (HostJvm.workNanos() - start < PATIENCE_NANOS);
        return false;
    }

    private static long timeScalar(float[] from, float[] to) {
        long start = System.nanoTime();
        scalar(from, to);
        return System.nanoTime() - start;
    }

    private static long timeVector(float[] from, float[] to) {
        long start = System.nanoTime();
        vector(from, to);
        return System.nanoTime() - start;
    }

    private static void vector(float[] from, float[] to) {
        for (int i = 0; i < ELEMENTS; i += Lanes.LENGTH) {
            FloatVector x = FloatVector.fromArray(F, from, i);
            FloatVector y = x.fma(FloatVector.broadcast(F, 0.5f), FloatVector.broadcast(F, 0.25f));
            y = y.blend(x, y.compare(VectorOperators.GT, 1f));
            IntVector bits =
                    y.reinterpretAsInts().lanewise(VectorOperators.LSHR, 1).and(0x3fffffff);
            bits.reinterpretAsFloats().mul(x).intoArray(to, i);
        }
    }

    /** The same arithmetic for each element, where each depends on the one before it. */
    private static void scalar(float[] from, float[] to) {
        float carry = 0;
        for (int i = 0; i < ELEMENTS; i++) {
            float x = from[i] + carry;
            float y = Math.fma(x, 0.5f, 0.25f);
            y = y > 1f ? x : y;
            int bits = Float.floatToRawIntBits(y) >>> 1 & 0x3fffffff;
            carry = Float.intBitsToFloat(bits) * x;
            to[i] = carry;
        }
    }
}
