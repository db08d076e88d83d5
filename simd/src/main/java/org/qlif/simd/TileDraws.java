// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static jdk.incubator.vector.FloatVector.fromArray;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static org.qlif.simd.Lanes.F;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import org.qlif.Forward;
import org.qlif.Tensor;
import org.qlif.spi.host.ElementNumbers;
import org.qlif.spi.host.Philox;

/** The random numbers of a tile: docs/model.md, section 8. Not thread-safe. */
final class TileDraws {
    private final SimdPhilox philox = new SimdPhilox();
    /** One generator for each pair of wires after the first; see {@link Philox#wireKey}. */
    private final SimdPhilox[] blocks;

    private final long[] wireKeys;
    private final int wires;
    private long seed;
    private int stream;

    private long pair = -1;

    private final Tile tile;
    private final int counted;
    private final Pass[] uniformPasses = {TileDraws::uniforms};
    private final Pass[] normalPasses = {TileDraws::radius, TileDraws::normals};
    private final Pass[] countPasses = {this::count};

    /**
     * Creates the draws of {@code tile}, with this many wires.
     *
     * @param counted the frame's line of the probability with which wires are compared, if they are counted
     */
    TileDraws(Tile tile, int wires, int counted) {
        this.tile = tile;
        this.counted = counted;
        this.wires = wires;
        blocks = new SimdPhilox[wires / 2];
        wireKeys = new long[blocks.length];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = new SimdPhilox();
        }
    }

    void stream(long seed, int stream) {
        this.seed = seed;
        this.stream = stream;
        for (int i = 0; i < blocks.length; i++) {
            wireKeys[i] = Philox.wireKey(seed, i + 1);
        }
    }

    /** Starts the elements of {@code call} from {@code e} on. */
    void start(Forward call, long e) {
        start(call.rowIndex(), call.draws().elementOffset(), call.neurons(), e);
    }

    /** Starts the elements from {@code e} on, numbered by {@link ElementNumbers}. */
    void start(Tensor rowIndex, long offset, long neurons, long e) {
        start();
        for (int i = 0; i < tile.lanes; ) {
            int end = rowIndex == null ? tile.lanes : (int) Math.min(tile.lanes, i + (neurons - (e + i) % neurons));
            elements(i, end, ElementNumbers.of(rowIndex, offset, neurons, e + i));
            i = end;
        }
    }

    /** Starts a tile; {@link #elements} must then set its elements, from the first lane on. */
    private void start() {
        pair = -1;
        philox.start(seed, stream);
        for (int i = 0; i < blocks.length; i++) {
            blocks[i].start(wireKeys[i], stream);
        }
    }

    /** Sets the elements of lanes {@code from} to {@code to}: {@code number}, {@code number + 1}, ... */
    private void elements(int from, int to, long number) {
        philox.elements(from, to, number);
        for (SimdPhilox block : blocks) {
            block.elements(from, to, number);
        }
    }

    /** Draws the numbers of {@code step} into the tile's lines, unless they were drawn with the other step of its pair. */
    void step(long step, boolean uniforms, boolean normals) {
        if (step >>> 1 == pair) {
            return;
        }
        pair = step >>> 1;
        philox.draw(pair, tile.lanes);
        tile.words = philox.words;
        if (uniforms) {
            for (SimdPhilox block : blocks) {
                block.draw(pair, tile.lanes);
            }
            Pass.all(uniformPasses, tile);
        }
        if (normals) {
            Pass.all(normalPasses, tile);
        }
    }

    /** Writes the decision uniforms of {@code wire} at {@code step}, already drawn, to a plain line. */
    void uniforms(long step, int wire, int to) {
        int odd = (int) (step & 1);
        int line = wire == 0 ? odd : (wire - 1) % 2 * 2 + odd;
        int[] words = (wire == 0 ? philox : blocks[(wire - 1) / 2]).words;
        for (int i = 0; i < tile.lanes; i += Lanes.LENGTH) {
            unit(words, line * Lanes.TILE + i).intoArray(tile.m, to + i);
        }
    }

    /** Counts in line COUNT the wires whose uniform at {@code step}, already drawn, is below p. */
    void countWires(long step) {
        for (int wire = 0; wire < wires; wire++) {
            uniforms(step, wire, Layout.LENT_UNIFORM);
            countWire(wire);
        }
    }

    /** Adds to line COUNT whether the uniforms in line LENT_UNIFORM, those of {@code wire}, are below p. */
    void countWire(int wire) {
        if (wire == 0) {
            Arrays.fill(tile.m, Layout.COUNT, Layout.COUNT + Lanes.TILE, 0f);
        }
        Pass.all(countPasses, tile);
    }

    private void count(Tile tile) {
        float[] m = tile.m;
        int p = tile.frame + counted;
        for (int i = 0; i < tile.lanes; i += Lanes.LENGTH) {
            fromArray(F, m, Layout.COUNT + i)
                    .add(1f, fromArray(F, m, Layout.LENT_UNIFORM + i).compare(LT, fromArray(F, m, p + i)))
                    .intoArray(m, Layout.COUNT + i);
        }
    }

    private static void uniforms(Tile tile) {
        int[] words = tile.words;
        float[] to = tile.m;
        int lanes = tile.lanes;
        for (int i = 0; i < lanes; i += Lanes.LENGTH) {
            unit(words, i).intoArray(to, Layout.UNIFORM + i);
            unit(words, i + Lanes.TILE).intoArray(to, Layout.UNIFORM + Lanes.TILE + i);
        }
    }

    /** The words from {@code at} on, 24 bits of each, as numbers in [0, 1). */
    private static FloatVector unit(int[] words, int at) {
        return ((FloatVector) IntVector.fromArray(Lanes.I, words, at)
                        .lanewise(LSHR, 8)
                        .convert(I2F, 0))
                .mul(Philox.UNIT);
    }

    /** Computes the radius of each Box-Muller pair from word 2, into the line of the even step's normals. */
    private static void radius(Tile tile) {
        int[] words = tile.words;
        float[] to = tile.m;
        int lanes = tile.lanes;
        for (int i = 0; i < lanes; i += Lanes.LENGTH) {
            FloatVector aboveZero = ((FloatVector) IntVector.fromArray(Lanes.I, words, i + 2 * Lanes.TILE)
                            .lanewise(LSHR, 8)
                            .add(1)
                            .convert(I2F, 0))
                    .mul(Philox.UNIT);
            SimdMath.minusTwoLog(aboveZero).sqrt().intoArray(to, Layout.NORMAL + i);
        }
    }

    /** Computes the normals of both steps from the radius and from the angle in word 3. */
    private static void normals(Tile tile) {
        int[] words = tile.words;
        float[] to = tile.m;
        int lanes = tile.lanes;
        for (int i = 0; i < lanes; i += Lanes.LENGTH) {
            FloatVector turn = unit(words, i + 3 * Lanes.TILE);
            IntVector sign = SimdMath.turnSign(turn);
            FloatVector reduced = SimdMath.turnReduced(turn, sign);
            FloatVector cos = SimdMath.cosOfTurn(reduced);
            FloatVector sin = SimdMath.sinOfTurn(reduced, sign);
            FloatVector radius = fromArray(F, to, Layout.NORMAL + i);
            radius.mul(cos).intoArray(to, Layout.NORMAL + i);
            radius.mul(sin).intoArray(to, Layout.NORMAL + Lanes.TILE + i);
        }
    }
}
