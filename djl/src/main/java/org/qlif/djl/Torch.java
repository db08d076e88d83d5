// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.pytorch.engine.PtNDArray;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.qlif.DType;
import org.qlif.Tensor;

/** The PyTorch engine's arrays and their memory. */
final class Torch {
    static final String ENGINE = "PyTorch";

    private Torch() {}

    /** Throws unless {@code manager} is one of the PyTorch engine. */
    static void requireEngine(String name, NDManager manager) {
        String engine = manager.getEngine() == null ? null : manager.getEngine().getEngineName();
        if (!ENGINE.equals(engine)) {
            throw new UnsupportedOperationException(
                    name + ": got engine " + engine + ", expected " + ENGINE + ": QLIF's blocks run only on it");
        }
    }

    /** The array, if a block can read it: float32 in the memory of the PyTorch engine on the CPU. */
    static PtNDArray require(String name, NDArray array) {
        Objects.requireNonNull(array, name);
        if (!(array instanceof PtNDArray given)) {
            throw new UnsupportedOperationException(
                    name + ": got an array of " + array.getClass().getSimpleName() + ", expected one of the engine "
                            + ENGINE + ": QLIF's blocks run only on it");
        }
        if (given.getDataType() != DataType.FLOAT32) {
            throw new IllegalArgumentException(name + ": got " + text(given) + ", expected float32");
        }
        if (given.getSparseFormat() != SparseFormat.DENSE) {
            throw new IllegalArgumentException(name + ": got a sparse array, " + given.getSparseFormat() + " "
                    + given.getShape() + ", expected a dense one");
        }
        if (given.getDevice().isGpu()) {
            throw new IllegalArgumentException(
                    name + ": got an array on " + given.getDevice()
                            + ", expected one on the CPU; give the training configuration optDevices(new Device[] {Device.cpu()})");
        }
        requireAddressable(name, given.getShape());
        return given;
    }

    /** Throws if an array of this shape is too large for a direct buffer. */
    static void requireAddressable(String name, Shape shape) {
        long bytes = Tensor.byteSize(DType.F32, shape.getShape());
        if (bytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(name + ": got shape " + shape + " of " + bytes
                    + " bytes, expected at most " + Integer.MAX_VALUE + ", the most that the engine lets Java address");
        }
    }

    /** Type and shape, for messages. */
    static String text(NDArray array) {
        return array.getDataType() + " " + array.getShape();
    }

    /** The array, owned by {@code owner} only: no scope of the caller closes it. */
    static PtNDArray owned(NDArray array, NDManager owner) {
        NDScope.unregister(array);
        array.attach(owner);
        return (PtNDArray) array;
    }

    /** A new array that the caller fills. */
    static PtNDArray empty(NDManager owner, Shape shape) {
        return (PtNDArray) owner.create(shape, DataType.FLOAT32);
    }

    /** The memory of {@code array}, which is contiguous and has elements, as a tensor of this shape. It lives as long as the array. */
    static Tensor memory(PtNDArray array, long... shape) {
        return Tensor.of(DType.F32, array.toByteBuffer(true), shape);
    }

    /** Whether {@link #memory} is the array's own and not that of a copy. */
    static boolean isContiguous(PtNDArray array) {
        // The engine has no method for this, but copies such an array at each call.
        return address(array) == address(array);
    }

    private static long address(PtNDArray array) {
        return MemorySegment.ofBuffer(array.toByteBuffer(true)).address();
    }
}
