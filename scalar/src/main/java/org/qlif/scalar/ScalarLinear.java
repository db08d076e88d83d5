// SPDX-License-Identifier: Apache-2.0
package org.qlif.scalar;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.Tensor;
import org.qlif.spi.BackendLinear;
import org.qlif.spi.host.BlockTree;

/**
 * The definition of the linear layer, in its simplest form: one thread, and for each row and each input in turn, a loop over the outputs.
 */
final class ScalarLinear implements BackendLinear {
    /** The number of columns that are processed at a time, so that sums need a fixed amount of memory. */
    private static final int COLUMNS = 1024;

    private final float[] terms = new float[COLUMNS];
    private final float[] sums = new float[COLUMNS];
    private final BlockTree tree = new BlockTree();

    @Override
    public String description() {
        return "plain Java, 1 thread";
    }

    @Override
    public void forward(LinearForward call) {
        // Without outputs, there could be any number of rows.
        long rows = call.outputs() == 0 ? 0 : call.steps() * call.batch();
        for (long row = 0; row < rows; row++) {
            for (long m = 0; m < call.outputs(); m += COLUMNS) {
                int columns = (int) Math.min(COLUMNS, call.outputs() - m);
                store(sums(call, row, m, columns), columns, call.output(), row * call.outputs() + m);
            }
        }
    }

    /** The outputs of a row, which is t * B + b, from column {@code m} on, at most {@link #COLUMNS}; until the next call. */
    float[] sums(LinearForward call, long row, long m, int columns) {
        if (call.bias() == null) {
            Arrays.fill(sums, 0, columns, 0f);
        } else {
            fetch(call.bias(), m, sums, columns);
        }
        for (long k = 0; k < call.inputs(); k++) {
            float x = value(call, row, k);
            if (x != 0) {
                fetch(call.weights(), k * call.outputs() + m, terms, columns);
                addProducts(x, sums, columns);
            }
        }
        return sums;
    }

    @Override
    public void backward(LinearBackward call) {
        long outputs = call.forward().outputs();
        for (long m = 0; m < outputs; m += COLUMNS) {
            int columns = (int) Math.min(COLUMNS, outputs - m);
            for (long k = 0; call.gradWeights() != null && k < call.forward().inputs(); k++) {
                sumOverBatch(call, k, m, columns);
                store(tree.sum(), columns, call.gradWeights(), k * outputs + m);
            }
            if (call.gradBias() != null) {
                sumOverBatch(call, -1, m, columns);
                store(tree.sum(), columns, call.gradBias(), m);
            }
        }
        if (call.gradInput() != null) {
            gradInput(call);
        }
    }

    /** Sums the gradient of input {@code k}'s weights, or of the bias if that is negative. */
    private void sumOverBatch(LinearBackward call, long k, long m, int columns) {
        LinearForward forward = call.forward();
        tree.start(columns, 0);
        for (long first = 0; first < forward.batch(); first += BlockTree.ROWS) {
            long end = Math.min(first + BlockTree.ROWS, forward.batch());
            float[] block = tree.next();
            Arrays.fill(block, 0, columns, 0f);
            for (long t = 0; t < forward.steps(); t++) {
                for (long b = first; b < end; b++) {
                    float x = k < 0 ? 1f : value(forward, t * forward.batch() + b, k);
                    if (x != 0) {
                        fetch(call.gradOutput(), gradientIndex(call, t, b) + m, terms, columns);
                        addProducts(x, block, columns);
                    }
                }
            }
            tree.addNext();
        }
    }

    private void gradInput(LinearBackward call) {
        LinearForward forward = call.forward();
        long inputs = forward.inputs();
        long outputs = forward.outputs();
        for (long t = 0; inputs > 0 && t < forward.steps(); t++) {
            for (long b = 0; b < forward.batch(); b++) {
                long from = gradientIndex(call, t, b);
                long to = (t * forward.batch() + b) * inputs;
                for (long k = 0; k < inputs; k++) {
                    float sum = 0;
                    for (long m = 0; m < outputs; m++) {
                        sum = Math.fma(get(call.gradOutput(), from + m), get(forward.weights(), k * outputs + m), sum);
                    }
                    call.gradInput().segment().setAtIndex(ValueLayout.JAVA_FLOAT, to + k, sum);
                }
            }
        }
    }

    private static long gradientIndex(LinearBackward call, long t, long b) {
        return t * call.gradOutputStride() + b * call.forward().outputs();
    }

    private void addProducts(float x, float[] sums, int columns) {
        for (int i = 0; i < columns; i++) {
            sums[i] = Math.fma(x, terms[i], sums[i]);
        }
    }

    /** Input {@code k} of a row, which is t * B + b, as a number. */
    private static float value(LinearForward call, long row, long k) {
        MemorySegment input = call.input().segment();
        long index = row * call.inputs() + k;
        return switch (call.input().type()) {
            case F32 -> input.getAtIndex(ValueLayout.JAVA_FLOAT, index);
            case U8 -> input.get(ValueLayout.JAVA_BYTE, index) == 0 ? 0f : 1f;
            case BIT -> bit(call, row, k) ? 1f : 0f;
            case F16, BF16, I64 -> throw new AssertionError(call.input().type());
        };
    }

    /** Reads a bit; each step's bits begin with a new word. */
    private static boolean bit(LinearForward call, long row, long k) {
        long stepBits = call.batch() * call.inputs();
        long index = row % call.batch() * call.inputs() + k;
        long word = row / call.batch() * ((stepBits + 63) / 64) + index / 64;
        return (call.input().segment().getAtIndex(ValueLayout.JAVA_LONG, word) >>> index & 1) != 0;
    }

    private static float get(Tensor tensor, long index) {
        return tensor.segment().getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    private static void fetch(Tensor tensor, long index, float[] to, int columns) {
        MemorySegment.copy(tensor.segment(), ValueLayout.JAVA_FLOAT, index * 4, to, 0, columns);
    }

    private static void store(float[] sums, int columns, Tensor tensor, long index) {
        MemorySegment.copy(sums, 0, tensor.segment(), ValueLayout.JAVA_FLOAT, index * 4, columns);
    }

    @Override
    public void close() {}
}
