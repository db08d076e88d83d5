package org.qlif.simd;

import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import org.qlif.spi.host.Philox;

/** The numbers that a tile draws: section 8 of the specification. Not thread-safe. */
final class TileDraws {
    private final SimdPhilox philox = new SimdPhilox();
    /** One generator for each block of two further wires; see {@link Philox#wireKey}. */
    private final SimdPhilox[] blocks;

    private final long[] wireKeys;
    private final int wires;
    private long seed;
    private int stream;

    /** Draws of the pair of steps: {@link Layout#UNIFORM} and {@link Layout#NORMAL}, even step first. */
    final float[] lines = new float[Layout.DRAWS];

    private long pair = -1;

    TileDraws(int wires) {
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

    /** Prepares for the elements of a tile. */
    void start(long element, int lanes) {
        pair = -1;
        philox.start(seed, stream, element, lanes);
        for (int i = 0; i < blocks.length; i++) {
            blocks[i].start(wireKeys[i], stream, element, lanes);
        }
    }

    /** Makes the numbers of {@code step} ready, which come with those of its pair. */
    void step(long step, int lanes, boolean uniforms, boolean normals) {
        if (step >>> 1 == pair) {
            return;
        }
        pair = step >>> 1;
        philox.draw(pair, lanes);
        if (uniforms) {
            for (SimdPhilox block : blocks) {
                block.draw(pair, lanes);
            }
            unit(philox.words, 0, lines, Layout.UNIFORM, lanes);
            unit(philox.words, Lanes.TILE, lines, Layout.UNIFORM + Lanes.TILE, lanes);
        }
        if (normals) {
            boxMuller(philox.words, lines, lanes);
        }
    }

    /** Writes the decision uniforms of {@code wire} at {@code step}, which is ready, to a plain line. */
    void uniforms(long step, int wire, float[] to, int at, int lanes) {
        int odd = (int) (step & 1);
        int line = wire == 0 ? odd : (wire - 1) % 2 * 2 + odd;
        unit((wire == 0 ? philox : blocks[(wire - 1) / 2]).words, line * Lanes.TILE, to, at, lanes);
    }

    /** Counts, to a plain line, the wires whose uniform at {@code step}, which is ready, is below p. */
    void countWires(long step, float[] p, int atP, float[] scratch, int atScratch, float[] counts, int at, int lanes) {
        for (int wire = 0; wire < wires; wire++) {
            uniforms(step, wire, scratch, atScratch, lanes);
            count(scratch, atScratch, p, atP, counts, at, wire == 0, lanes);
        }
    }

    /** Adds 1, to the counts or to 0, where the uniform is below p. */
    static void count(float[] u, int atU, float[] p, int atP, float[] counts, int at, boolean first, int lanes) {
        for (int i = 0; i < lanes; i += Lanes.LENGTH) {
            FloatVector before = first ? Lanes.of(0f) : Lanes.load(counts, at + i);
            before.add(1f, Lanes.load(u, atU + i).compare(LT, Lanes.load(p, atP + i)))
                    .intoArray(counts, at + i);
        }
    }

    /** 24 bits of each word as a number in [0, 1). */
    private static void unit(int[] words, int from, float[] to, int at, int lanes) {
        for (int i = 0; i < lanes; i += Lanes.LENGTH) {
            unit(words, from + i).intoArray(to, at + i);
        }
    }

    private static FloatVector unit(int[] words, int i) {
        return ((FloatVector)
                        IntVector.fromArray(Lanes.I, words, i).lanewise(LSHR, 8).convert(I2F, 0))
                .mul(Philox.UNIT);
    }

    /** Normals of both steps of the pair from words 2 and 3. */
    private static void boxMuller(int[] words, float[] to, int lanes) {
        for (int i = 0; i < lanes; i += Lanes.LENGTH) {
            FloatVector aboveZero = ((FloatVector) IntVector.fromArray(Lanes.I, words, i + 2 * Lanes.TILE)
                            .lanewise(LSHR, 8)
                            .add(1)
                            .convert(I2F, 0))
                    .mul(Philox.UNIT);
            FloatVector radius = SimdMath.minusTwoLog(aboveZero).sqrt();
            FloatVector turn = unit(words, i + 3 * Lanes.TILE);
            IntVector sign = SimdMath.turnSign(turn);
            FloatVector reduced = SimdMath.turnReduced(turn, sign);
            radius.mul(SimdMath.cosOfTurn(reduced)).intoArray(to, Layout.NORMAL + i);
            radius.mul(SimdMath.sinOfTurn(reduced, sign)).intoArray(to, Layout.NORMAL + Lanes.TILE + i);
        }
    }
}
