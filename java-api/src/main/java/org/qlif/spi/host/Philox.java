// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

/**
 * The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011),
 * one counter at a time, and how the model uses it: docs/model.md, section 8. Not thread-safe.
 */
public final class Philox {
    /** The multiplier of word 0. */
    public static final int M0 = 0xD2511F53;

    /** The multiplier of word 2. */
    public static final int M1 = 0xCD9E8D57;

    /** The increment of the key's low word in each round. */
    public static final int W0 = 0x9E3779B9;

    /** The increment of the key's high word in each round. */
    public static final int W1 = 0xBB67AE85;

    /** The number of rounds. */
    public static final int ROUNDS = 10;

    /** 2^-24, which turns 24 random bits into a number in [0, 1). */
    public static final float UNIT = 0x1p-24f;

    /** The words of the last {@link #generate}. */
    public int w0;

    /** Word 1. */
    public int w1;

    /** Word 2. */
    public int w2;

    /** Word 3. */
    public int w3;

    /** A generator without words yet. */
    public Philox() {}

    /** Fills the words for counter (c0, c1, c2, c3) under {@code key}, whose low word is the first key word. */
    public void generate(int c0, int c1, int c2, int c3, long key) {
        int k0 = (int) key;
        int k1 = (int) (key >>> 32);
        for (int round = 0; round < ROUNDS; round++) {
            long p0 = (M0 & 0xFFFFFFFFL) * (c0 & 0xFFFFFFFFL);
            long p1 = (M1 & 0xFFFFFFFFL) * (c2 & 0xFFFFFFFFL);
            c0 = (int) (p1 >>> 32) ^ c1 ^ k0;
            c1 = (int) p1;
            c2 = (int) (p0 >>> 32) ^ c3 ^ k1;
            c3 = (int) p0;
            k0 += W0;
            k1 += W1;
        }
        w0 = c0;
        w1 = c1;
        w2 = c2;
        w3 = c3;
    }

    /** Fills the words for an element and the pair of steps {@code step div 2}. */
    public void generate(long element, long step, int stream, long key) {
        generate((int) element, (int) (element >>> 32), (int) (step >>> 1), stream, key);
    }

    /** A decision uniform in [0, 1): 24 bits of {@code word}. */
    public static float uniform(int word) {
        return (word >>> 8) * UNIT;
    }

    /** The first number of a Box-Muller pair, in (0, 1]: 24 bits of {@code word}. */
    public static float uniformAboveZero(int word) {
        return ((word >>> 8) + 1) * UNIT;
    }

    /**
     * The key under which the wires of block {@code block} >= 1 of a multi-qubit readout are drawn. Wire 0 is drawn as a
     * single qubit's uniform, under the seed itself; wires {@code 2 * block - 1} and {@code 2 * block} use the same counters
     * under this key, words 0 and 1 for the former at even and odd steps, words 2 and 3 for the latter. The key is itself
     * random, so that no other seed or stream meets it except by a 64-bit chance: words 0 and 1 of the counter (block, "WIRE",
     * "QLIF", 0) under the seed.
     */
    public static long wireKey(long seed, int block) {
        return derivedKey(block, 0x57495245, seed);
    }

    /** The key of layer {@code layer} under {@code seed}: words 0 and 1 of the counter (layer, "LAYR", "QLIF", 0). */
    public static long layerKey(long seed, int layer) {
        return derivedKey(layer, 0x4C415952, seed);
    }

    private static long derivedKey(int number, int use, long seed) {
        Philox philox = new Philox();
        philox.generate(number, use, 0x514C4946, 0, seed);
        return (philox.w0 & 0xFFFFFFFFL) | ((long) philox.w1 << 32);
    }
}
