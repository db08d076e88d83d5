// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.qlif.DType;
import org.qlif.Tensor;
import org.qlif.network.SpikeInput;

/** Given spikes, one number each. */
final class GivenSpikes implements SpikeInput {
    private final Tensor spikes;

    /**
     * @param spikes U8 or F32 {@code (T, B, K)}, 0 or 1 each
     * @throws IllegalArgumentException if one is neither
     */
    GivenSpikes(Tensor spikes) {
        this.spikes = spikes;
        for (long i = 0; i < spikes.elements(); i++) {
            float value = value(i);
            if (value != 0 && value != 1) {
                throw new IllegalArgumentException("got " + value + " at index " + i + ", expected 0 or 1");
            }
        }
    }

    private float value(long index) {
        return spikes.type() == DType.F32
                ? spikes.getFloat(index)
                : spikes.segment().get(ValueLayout.JAVA_BYTE, index) & 0xff;
    }

    @Override
    public int rows() {
        return (int) spikes.extent(1);
    }

    @Override
    public int steps() {
        return (int) spikes.extent(0);
    }

    @Override
    public int width() {
        return (int) spikes.extent(2);
    }

    @Override
    public void encode(long key, int[] rows, int from, int count, Tensor to) {
        MemorySegment words = to.segment();
        words.fill((byte) 0);
        long stepBytes = words.byteSize() / steps();
        for (int t = 0; t < steps(); t++) {
            for (int b = 0; b < count; b++) {
                long row = ((long) t * rows() + rows[from + b]) * width();
                for (int k = 0; k < width(); k++) {
                    if (value(row + k) != 0) {
                        long bit = (long) b * width() + k;
                        long at = t * stepBytes + (bit >>> 6) * Long.BYTES;
                        words.set(ValueLayout.JAVA_LONG, at, words.get(ValueLayout.JAVA_LONG, at) | 1L << bit);
                    }
                }
            }
        }
    }
}
