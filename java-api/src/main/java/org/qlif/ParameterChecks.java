package org.qlif;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What must hold for the values of parameters, which an optimizer may have moved since the last call. Values in a device's memory
 * are out of reach from here and count as right. Holds scratch, so that a call allocates nothing; not thread-safe.
 */
final class ParameterChecks {
    private static final int CHUNK = 1024;

    /** The exponent of infinities and NaNs, and what carries it alone into the sign. */
    private static final int EXPONENT = 0x7F800000;

    private static final int CARRY = 0x00800000;

    private final NeuronConfig config;
    private final int[] bits = new int[CHUNK];

    /** The bits of the least time constant for which dt over it is finite; the bits of positive floats are ordered as they are. */
    private final int leastTime;

    ParameterChecks(NeuronConfig config) {
        this.config = config;
        float least = Math.max(Float.MIN_VALUE, dt() / Float.MAX_VALUE);
        while (!Float.isFinite(dt() / least)) {
            least = Math.nextUp(least);
        }
        while (least > Float.MIN_VALUE && Float.isFinite(dt() / Math.nextDown(least))) {
            least = Math.nextDown(least);
        }
        leastTime = Float.floatToRawIntBits(least);
    }

    /** Throws {@link IllegalArgumentException} unless the model can run with the values of {@code parameters}. */
    void requireValid(Parameters parameters) {
        for (int i = 0; i < config.parameters().size(); i++) {
            NeuronParameter parameter = config.parameters().get(i);
            Tensor tensor = parameters.get(parameter);
            if (tensor != null
                    && tensor.place() == null
                    && faults(parameter, tensor.segment(), tensor.elements()) < 0) {
                refuse(parameter, tensor);
            }
        }
    }

    /** Negative if some value is not what the parameter can be. */
    private int faults(NeuronParameter parameter, MemorySegment values, long elements) {
        int faults = 0;
        for (long at = 0; at < elements; at += CHUNK) {
            int count = (int) Math.min(CHUNK, elements - at);
            MemorySegment.copy(values, ValueLayout.JAVA_INT, at * Float.BYTES, bits, 0, count);
            faults |= isTimeConstant(parameter) ? outOfTime(count) : notFinite(count);
        }
        return faults;
    }

    // Each an OR over copied bits, which the compiler turns into vector code wherever the values lie; a minimum or
    // maximum it does not.

    private int notFinite(int count) {
        int faults = 0;
        for (int i = 0; i < count; i++) {
            faults |= (bits[i] & EXPONENT) + CARRY;
        }
        return faults;
    }

    private int outOfTime(int count) {
        int faults = 0;
        for (int i = 0; i < count; i++) {
            faults |= (bits[i] & EXPONENT) + CARRY | bits[i] | bits[i] - leastTime;
        }
        return faults;
    }

    private void refuse(NeuronParameter parameter, Tensor tensor) {
        boolean time = isTimeConstant(parameter);
        for (long n = 0; n < tensor.elements(); n++) {
            float value = tensor.getFloat(n);
            if (!Float.isFinite(value) || (time && !(value > 0 && Float.isFinite(dt() / value)))) {
                throw new IllegalArgumentException(parameter.symbol() + ": got " + value + " at index " + n
                        + ", expected "
                        + (time
                                ? "a finite number > 0 for which dt / tau is finite in float32 (dt is " + dt() + ")"
                                : "a finite number"));
            }
        }
        throw new IllegalStateException(parameter.symbol() + ": changed while it was checked");
    }

    private static boolean isTimeConstant(NeuronParameter parameter) {
        return parameter == QlifParameter.TAU;
    }

    private float dt() {
        return switch (config) {
            case QlifConfig qlif -> (float) qlif.dt();
        };
    }
}
