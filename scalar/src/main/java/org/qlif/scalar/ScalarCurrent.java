// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.qlif.LinearForward;
import org.qlif.Tensor;
import org.qlif.spi.host.HostTape;

/** The input current that a linear layer computes for a part of the elements, some thousand steps at a time. Not thread-safe. */
final class ScalarCurrent {
    /** Steps that are computed at a time. */
    private static final int STEPS = 64 * HostTape.SEGMENT;

    private final int part;
    private final ScalarLinear linear = new ScalarLinear();
    private float[] current = {};
    private LinearForward call;
    private long elements;
    private boolean keeps;

    /** The first element and the first step of the computed current. */
    private long first;

    private long from;

    /** @param part the number of elements at a time */
    ScalarCurrent(int part) {
        this.part = part;
    }

    /**
     * Starts a call.
     *
     * @param keeps whether to write the layer's output as well, if the call has memory for it
     */
    void bind(LinearForward call, boolean keeps) {
        this.call = call;
        this.keeps = keeps && call.output() != null;
        elements = call.batch() * call.outputs();
        first = -1;
    }

    /** The current of element {@code e} at step {@code t}. */
    float at(long t, long e) {
        if (e - e % part != first || t - t % STEPS != from) {
            first = e - e % part;
            from = t - t % STEPS;
            make();
        }
        return current[(int) (t - from) * part + (int) (e - first)];
    }

    private void make() {
        int steps = (int) Math.min(STEPS, call.steps() - from);
        if (current.length < steps * part) {
            current = Arrays.copyOf(current, steps * part);
        }
        long outputs = call.outputs();
        long end = Math.min(elements, first + part);
        for (int i = 0; i < steps; i++) {
            for (long e = first; e < end; ) {
                int columns = (int) Math.min(end - e, outputs - e % outputs);
                float[] sums = linear.sums(call, (from + i) * call.batch() + e / outputs, e % outputs, columns);
                System.arraycopy(sums, 0, current, i * part + (int) (e - first), columns);
                if (keeps) {
                    keep(sums, columns, (from + i) * elements + e);
                }
                e += columns;
            }
        }
    }

    private void keep(float[] sums, int columns, long index) {
        Tensor output = call.output();
        MemorySegment.copy(sums, 0, output.segment(), ValueLayout.JAVA_FLOAT, index * Float.BYTES, columns);
    }
}
