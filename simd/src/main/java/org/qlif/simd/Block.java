// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromArray;
import static jdk.incubator.vector.VectorOperators.LT;
import static org.qlif.simd.Lanes.F;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * Operations on lines that every model needs: copying between plain lines and the interleaved lines of a block, which its stride
 * identifies; flushing; unpacking. See {@link ModelLayout}.
 */
final class Block {
    /** Bytes of 64 neurons; used only if vectors have 512 bits. */
    private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_512;

    private static final VarHandle EIGHT_BYTES =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Block() {}

    /** Sets values of {@code line} below {@code limit} to 0: docs/model.md, section 10. */
    static void flush(Tile tile, int stride, int line, float limit) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            int i = v * stride + line;
            FloatVector value = fromArray(F, m, i);
            value.blend(0f, value.abs().compare(LT, limit)).intoArray(m, i);
        }
    }

    /** Unpacks the spikes' bits to floats in line OUT. */
    static void unpack(Tile tile) {
        float[] m = tile.m;
        long[] bits = tile.bits;
        int word = tile.word;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            spike(bits, word, v).intoArray(m, Layout.OUT + v * Lanes.LENGTH);
        }
    }

    /** Unpacks the spikes' bits to bytes in {@code to} from {@code at} on, which must have room for a multiple of 64. */
    static void unpack(Tile tile, byte[] to, int at) {
        long[] bits = tile.bits;
        int word = tile.word;
        int lanes = tile.lanes;
        for (int i = 0; i < lanes; i += 64) {
            long spikes = bits[word + (i >>> 6)];
            if (Lanes.LENGTH == BYTES.length() / 4) {
                ByteVector.zero(BYTES)
                        .blend((byte) 1, VectorMask.fromLong(BYTES, spikes))
                        .intoArray(to, at + i);
            } else {
                for (int j = 0; j < 64; j += 8) {
                    EIGHT_BYTES.set(to, at + i + j, spread(spikes >>> j & 0xFF));
                }
            }
        }
    }

    /** Spreads eight bits to eight bytes: byte k is bit k. */
    private static long spread(long bits) {
        long picked = bits * 0x0101010101010101L & 0x8040201008040201L;
        return picked + 0x7F7F7F7F7F7F7F7FL >>> 7 & 0x0101010101010101L;
    }

    /** The spikes of vector {@code v}, from their bits. */
    static FloatVector spike(long[] bits, int word, int v) {
        return broadcast(F, 0f).blend(1f, fired(bits, word, v));
    }

    /** Which lanes of vector {@code v} fired, from their bits. */
    static VectorMask<Float> fired(long[] bits, int word, int v) {
        int lane = v * Lanes.LENGTH;
        return VectorMask.fromLong(F, bits[word + (lane >>> 6)] >>> (lane & 63));
    }

    /** Copies {@code line} of the block to plain line {@code to}. */
    static void gather(Tile tile, int stride, int line, int to) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            fromArray(F, m, v * stride + line).intoArray(m, to + v * Lanes.LENGTH);
        }
    }

    /** Copies plain line {@code from} to {@code line} of the block. */
    static void scatter(Tile tile, int from, int stride, int line) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            fromArray(F, m, from + v * Lanes.LENGTH).intoArray(m, v * stride + line);
        }
    }

    /** Sets {@code line} of the block. */
    static void fill(Tile tile, int stride, int line, float value) {
        float[] m = tile.m;
        int vectors = tile.vectors;
        for (int v = 0; v < vectors; v++) {
            broadcast(F, value).intoArray(m, v * stride + line);
        }
    }
}
