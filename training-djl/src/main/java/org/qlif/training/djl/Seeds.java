// SPDX-License-Identifier: Apache-2.0
package org.qlif.training.djl;

/** Independent 64-bit seeds derived from the caller's seed, and the mixing function behind random bits. */
final class Seeds {
    /** What a seed is for; the order is part of what a seed reproduces. */
    enum Purpose {
        WEIGHTS,
        ORDER,
        TRAINING_SPIKES,
        TEST_SPIKES,
        TRAINING_DRAWS,
        TEST_DRAWS
    }

    /** 2^64 / golden ratio, odd: the step of SplitMix64's counter (Steele, Lea, Flood 2014). */
    private static final long GAMMA = 0x9E3779B97F4A7C15L;

    private Seeds() {}

    static long of(long seed, Purpose purpose, int index) {
        return bits(bits(seed, purpose.ordinal() + 1L), index);
    }

    /** Element {@code counter} of SplitMix64's sequence that starts at {@code key}. */
    static long bits(long key, long counter) {
        long z = key + counter * GAMMA;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
