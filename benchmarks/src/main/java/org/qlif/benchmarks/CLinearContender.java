// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import org.qlif.DType;

/** {@code linear_contender.c}: lists of set inputs over panels of weights, the same method as ours. */
final class CLinearContender implements LinearContender {
    private static final String SOURCE = "linear_contender.c";

    private static final FunctionDescriptor FORWARD = FunctionDescriptor.ofVoid(
            ValueLayout.JAVA_LONG, // steps
            ValueLayout.JAVA_LONG, // batch
            ValueLayout.JAVA_LONG, // inputs
            ValueLayout.JAVA_LONG, // outputs
            ValueLayout.ADDRESS, // bits
            ValueLayout.ADDRESS, // weights
            ValueLayout.ADDRESS, // bias
            ValueLayout.ADDRESS, // output
            ValueLayout.JAVA_INT); // threads

    private static final FunctionDescriptor GRAD_WEIGHTS = FunctionDescriptor.ofVoid(
            ValueLayout.JAVA_LONG, // steps
            ValueLayout.JAVA_LONG, // batch
            ValueLayout.JAVA_LONG, // inputs
            ValueLayout.JAVA_LONG, // outputs
            ValueLayout.ADDRESS, // bits
            ValueLayout.ADDRESS, // grad_output
            ValueLayout.ADDRESS, // grad_weights
            ValueLayout.JAVA_INT); // threads

    private final Arena arena = Arena.ofShared();
    private final LinearShape shape;
    private final boolean forward;
    private final int threads;
    private final MethodHandle function;
    private final MemorySegment bits;
    /** Weights, or the gradient of the output. */
    private final MemorySegment matrix;

    private final MemorySegment bias;
    private final MemorySegment result;

    CLinearContender(LinearWorkload workload, LinearWork work, int threads) {
        shape = workload.shape();
        forward = work == LinearWork.FORWARD;
        this.threads = threads;
        SymbolLookup library = CLibrary.load(SOURCE, List.of());
        function = forward
                ? CContender.function(library, "linear_contender_forward", FORWARD)
                : CContender.function(library, "linear_contender_grad_weights", GRAD_WEIGHTS);
        long[] words = workload.bits();
        bits = Storage.ALIGNED.allocate(arena, DType.I64, words.length).segment();
        MemorySegment.copy(words, 0, bits, ValueLayout.JAVA_LONG, 0, words.length);
        matrix = floats(forward ? workload.weights() : workload.gradOutput());
        bias = floats(workload.bias());
        result = Storage.ALIGNED
                .allocate(arena, DType.F32, (long) (forward ? shape.rows() : shape.inputs()) * shape.outputs())
                .segment();
    }

    private MemorySegment floats(float[] values) {
        return Storage.ALIGNED.allocate(arena, values, values.length).segment();
    }

    @Override
    public String description() {
        return "C, " + CLibrary.description() + ", " + threads + " threads";
    }

    @Override
    public Object run() {
        long steps = shape.steps();
        long batch = shape.batch();
        long inputs = shape.inputs();
        long outputs = shape.outputs();
        try {
            if (forward) {
                function.invokeExact(steps, batch, inputs, outputs, bits, matrix, bias, result, threads);
            } else {
                function.invokeExact(steps, batch, inputs, outputs, bits, matrix, result, threads);
            }
            return result;
        } catch (Throwable thrown) {
            throw CContender.rethrow(thrown);
        }
    }

    @Override
    public float[] result() {
        return result.toArray(ValueLayout.JAVA_FLOAT);
    }

    @Override
    public void close() {
        arena.close();
    }
}
