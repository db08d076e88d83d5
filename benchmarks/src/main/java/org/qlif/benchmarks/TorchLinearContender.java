// SPDX-License-Identifier: Apache-2.0
package org.qlif.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;

/** PyTorch's matrix product through DJL, with the input as 0 and 1: dense, or as compressed sparse rows. */
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
        NDArray rows = manager.create(workload.input(), new Shape(shape.rows(), shape.inputs()));
        NDArray left = forward ? rows : rows.transpose();
        input = sparse ? compressedRows(left) : left;
        matrix = forward
                ? manager.create(workload.weights(), new Shape(shape.inputs(), shape.outputs()))
                : manager.create(workload.gradOutput(), new Shape(shape.rows(), shape.outputs()));
        bias = forward ? manager.create(workload.bias()) : null;
    }

    /** DJL itself only creates sparse tensors in coordinate format, which PyTorch multiplies more slowly. */
    private NDArray compressedRows(NDArray left) {
        return TorchScript.function(manager, "torch.to_sparse_csr(x)")
                .forward(new ParameterStore(manager, false), new NDList(left), false)
                .singletonOrThrow();
    }

    @Override
    public String description() {
        return TorchContender.engine() + (sparse ? ", compressed sparse rows" : ", dense");
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
