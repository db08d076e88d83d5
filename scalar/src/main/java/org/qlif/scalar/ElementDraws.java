// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import org.qlif.spi.host.Philox;

/**
 * The numbers that one element draws, step by step: docs/model.md, section 8. Not thread-safe.
 */
final class ElementDraws {
    private final Philox philox = new Philox();
    /** One generator for each pair of wires after the first. */
    private final Philox[] wires;

    private final long[] wireKeys;
    private long seed;
    private int stream;
    private long element;
    /** The pair of steps whose words are held, or -1. */
    private long pair;

    ElementDraws(int wireCount) {
        wires = new Philox[wireCount / 2];
        wireKeys = new long[wires.length];
        for (int i = 0; i < wires.length; i++) {
            wires[i] = new Philox();
        }
    }

    void stream(long seed, int stream) {
        this.seed = seed;
        this.stream = stream;
        for (int i = 0; i < wires.length; i++) {
            wireKeys[i] = Philox.wireKey(seed, i + 1);
        }
    }

    void element(long element) {
        this.element = element;
        pair = -1;
    }

    /** Draws the words of {@code step}, unless they were drawn with the other step of its pair. */
    private void prepare(long step) {
        if (step >>> 1 != pair) {
            pair = step >>> 1;
            philox.generate(element, step, stream, seed);
            for (int i = 0; i < wires.length; i++) {
                wires[i].generate(element, step, stream, wireKeys[i]);
            }
        }
    }

    /** The decision uniform of {@code wire} at {@code step}. */
    float uniform(long step, int wire) {
        prepare(step);
        boolean odd = (step & 1) != 0;
        if (wire == 0) {
            return Philox.uniform(odd ? philox.w1 : philox.w0);
        }
        Philox block = wires[(wire - 1) / 2];
        boolean second = (wire - 1) % 2 != 0;
        return Philox.uniform(odd ? (second ? block.w3 : block.w1) : (second ? block.w2 : block.w0));
    }

    /** The standard normal at {@code step}: Box-Muller, cosine at even steps and sine at odd ones. */
    float normal(long step) {
        prepare(step);
        float radius = (float) Math.sqrt(ScalarMath.minusTwoLog(Philox.uniformAboveZero(philox.w2)));
        float turn = Philox.uniform(philox.w3);
        return radius * ((step & 1) == 0 ? ScalarMath.cos2pi(turn) : ScalarMath.sin2pi(turn));
    }
}
