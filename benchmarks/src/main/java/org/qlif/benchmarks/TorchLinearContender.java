package org.qlif.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * PyTorch's matrix product through DJL, of the input as 0 and 1: dense, or sparse by coordinates, which is the only sparse layout that DJL
 * can make.
 */
final class TorchLinearContender implements LinearContender {
    private final NDManager manager;
    private final boolean sparse;
    private final NDArray input;
    private final NDArray matrix;
    /** Null for none. */
    private final NDArray bias;

    private NDArray result;

    TorchLinearContender(LinearWorkload workload, LinearWork work, int threads, boolean sparse) {
        this.sparse = sparse;
        manager = TorchContender.newManager(threads);
        LinearShape shape = workload.shape();
        boolean forward = work == LinearWork.FORWARD;
        float[] values = workload.input();
        Shape rows = forward ? new Shape(shape.rows(), shape.inputs()) : new Shape(shape.inputs(), shape.rows());
        if (sparse) {
            input = sparse(values, shape, rows, forward);
        } else {
            NDArray whole = manager.create(values, new Shape(shape.rows(), shape.inputs()));
            input = forward ? whole : whole.transpose();
        }
        matrix = forward
                ? manager.create(workload.weights(), new Shape(shape.inputs(), shape.outputs()))
                : manager.create(workload.gradOutput(), new Shape(shape.rows(), shape.outputs()));
        bias = forward ? manager.create(workload.bias()) : null;
    }

    /** In the order of rows, then columns, as PyTorch sorts them. */
    private NDArray sparse(float[] values, LinearShape shape, Shape rows, boolean forward) {
        long high = rows.get(0);
        long wide = rows.get(1);
        int count = 0;
        for (float value : values) {
            count += value == 0 ? 0 : 1;
        }
        long[][] indices = new long[2][count];
        int next = 0;
        for (long row = 0; row < high; row++) {
            for (long column = 0; column < wide; column++) {
                long at = forward ? row * shape.inputs() + column : column * shape.inputs() + row;
                if (values[(int) at] != 0) {
                    indices[0][next] = row;
                    indices[1][next++] = column;
                }
            }
        }
        float[] ones = new float[count];
        Arrays.fill(ones, 1f);
        return manager.createCoo(FloatBuffer.wrap(ones), indices, rows);
    }

    @Override
    public String description() {
        return TorchContender.engine() + (sparse ? ", sparse by coordinates" : ", dense");
    }

    @Override
    public Object run() {
        if (result != null) {
            result.close();
        }
        NDArray product = input.matMul(matrix);
        result = bias == null ? product : product.addi(bias);
        return result;
    }

    @Override
    public float[] result() {
        return result.toFloatArray();
    }

    @Override
    public void close() {
        manager.close();
    }
}
