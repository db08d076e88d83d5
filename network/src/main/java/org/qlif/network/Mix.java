// SPDX-License-Identifier: Apache-2.0
package org.qlif.network;

/** Independent 64-bit keys and random bits from a key and a counter: SplitMix64 (Steele, Lea, Flood 2014). */
final class Mix {
    /** 2^64 / golden ratio, odd: the step of the counter. */
    private static final long GAMMA = 0x9E3779B97F4A7C15L;

    private Mix() {}

    /** Element {@code counter} of the sequence that starts at {@code key}. */
    static long bits(long key, long counter) {
        long z = key + counter * GAMMA;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /** An independent key for number {@code index} of a purpose. */
    static long key(long seed, long purpose, long index) {
        return bits(bits(seed, purpose + 1), index);
    }

    /** A whole number from 0 to {@code bound} - 1; each is as likely as any other to within 2^-32. */
    static int below(long bits, int bound) {
        return (int) Math.unsignedMultiplyHigh(bits, bound);
    }

    /** A float in [-1, 1), a multiple of 2^-23. */
    static float symmetric(long bits) {
        return ((bits >>> 40) - (1 << 23)) * 0x1p-23f;
    }
}
