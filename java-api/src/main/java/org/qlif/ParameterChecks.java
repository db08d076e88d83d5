// SPDX-License-Identifier: Apache-2.0
package org.qlif;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Checks the values of parameters, which an optimizer may have changed since the last call. Values in a device's memory can't be reached
 * from here and are not checked. Holds scratch, so that a call allocates nothing; not thread-safe.
 */
final class ParameterChecks {
    private static final int CHUNK = 1024;

    /** The exponent of infinities and NaNs, and a number that carries into the sign bit when added to it, but not to a smaller exponent. */
    private static final int EXPONENT = 0x7F800000;

    private static final int CARRY = 0x00800000;

    private final NeuronConfig config;
    private final ParameterRange[] ranges;
    private final int[] bits = new int[CHUNK];

    ParameterChecks(NeuronConfig config) {
        this.config = config;
        this.ranges = new ParameterRange[config.parameters().size()];
        for (int i = 0; i < ranges.length; i++) {
            ParameterRange range = config.parameterRange(config.parameters().get(i));
            ranges[i] = range;
            if (!range.isFinite() && range.least() <= 0) {
                throw new IllegalArgumentException(
                        "range: got " + range + ", expected all finite numbers or positive ones");
            }
        }
    }

    /** Throws {@link IllegalArgumentException} unless the model can run with the values of {@code parameters}. */
    void requireValid(Parameters parameters) {
        for (int i = 0; i < config.parameters().size(); i++) {
            NeuronParameter parameter = config.parameters().get(i);
            Tensor tensor = parameters.get(parameter);
            if (tensor != null
                    && tensor.place() == null
                    && faults(ranges[i], tensor.segment(), tensor.elements()) < 0) {
                refuse(parameter, ranges[i], tensor);
            }
        }
    }

    /** Negative if some value is out of {@code range}. */
    private int faults(ParameterRange range, MemorySegment values, long elements) {
        int faults = 0;
        for (long at = 0; at < elements; at += CHUNK) {
            int count = (int) Math.min(CHUNK, elements - at);
            MemorySegment.copy(values, ValueLayout.JAVA_INT, at * Float.BYTES, bits, 0, count);
            faults |= range.isFinite() ? notFinite(count) : outOf(range, count);
        }
        return faults;
    }

    // Each method ORs bits of copied values, which the compiler vectorizes; it doesn't vectorize a minimum or maximum.

    private int notFinite(int count) {
        int faults = 0;
        for (int i = 0; i < count; i++) {
            faults |= (bits[i] & EXPONENT) + CARRY;
        }
        return faults;
    }

    /** The bits of positive floats have the same order as the floats. */
    private int outOf(ParameterRange range, int count) {
        int least = Float.floatToRawIntBits(range.least());
        int most = Float.floatToRawIntBits(range.most());
        int faults = 0;
        for (int i = 0; i < count; i++) {
            faults |= bits[i] | bits[i] - least | most - bits[i];
        }
        return faults;
    }

    private static void refuse(NeuronParameter parameter, ParameterRange range, Tensor tensor) {
        for (long n = 0; n < tensor.elements(); n++) {
            float value = tensor.getFloat(n);
            if (!range.contains(value)) {
                throw new IllegalArgumentException(
                        parameter.symbol() + ": got " + value + " at index " + n + ", expected " + range.expected());
            }
        }
        throw new IllegalStateException(parameter.symbol() + ": changed while it was checked");
    }
}
