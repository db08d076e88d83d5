package org.qlif;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What must hold for the values of parameters, which an optimizer may have moved since the last call. Values in a device's memory
 * are out of reach from here and count as right. Holds scratch, so that a call allocates nothing; not thread-safe.
 */
final class ParameterChecks {
    private static final int CHUNK = 1024;
    private static final int INFINITY = Float.floatToRawIntBits(Float.POSITIVE_INFINITY);

    private final NeuronConfig config;
    private final int[] bits = new int[CHUNK];

    /** The largest magnitude and the least value that were met, as bits of floats. */
    private int largestMagnitude;

    private int least;

    ParameterChecks(NeuronConfig config) {
        this.config = config;
    }

    /** Throws {@link IllegalArgumentException} unless the model can run with the values of {@code parameters}. */
    void requireValid(Parameters parameters) {
        for (int i = 0; i < config.parameters().size(); i++) {
            NeuronParameter parameter = config.parameters().get(i);
            Tensor tensor = parameters.get(parameter);
            if (tensor == null || tensor.place() != null) {
                continue;
            }
            scan(tensor.segment(), tensor.elements());
            if (largestMagnitude >= INFINITY || !suits(parameter)) {
                refuse(parameter, tensor);
            }
        }
    }

    /** As whole-array passes over copied bits, which the compiler turns into vector code wherever the values lie. */
    private void scan(MemorySegment values, long elements) {
        int largest = 0;
        int lowest = Integer.MAX_VALUE;
        for (long at = 0; at < elements; at += CHUNK) {
            int count = (int) Math.min(CHUNK, elements - at);
            MemorySegment.copy(values, ValueLayout.JAVA_INT, at * Float.BYTES, bits, 0, count);
            for (int i = 0; i < count; i++) {
                largest = Math.max(largest, bits[i] & Integer.MAX_VALUE);
                lowest = Math.min(lowest, bits[i]);
            }
        }
        largestMagnitude = largest;
        least = lowest;
    }

    /** Whether the finite values that were scanned are in the parameter's range; the bits of positive floats are ordered as they are. */
    private boolean suits(NeuronParameter parameter) {
        return !isTimeConstant(parameter)
                || least == Integer.MAX_VALUE
                || (least > 0 && Float.isFinite(dt() / Float.intBitsToFloat(least)));
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
