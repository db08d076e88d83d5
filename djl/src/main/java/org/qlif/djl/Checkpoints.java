// SPDX-License-Identifier: Apache-2.0
package org.qlif.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.pytorch.engine.PtNDArray;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.qlif.DType;
import org.qlif.Tensor;
import org.qlif.io.FileFormatException;
import org.qlif.io.OutputFile;
import org.qlif.spi.checkpoint.CheckpointReader;
import org.qlif.spi.checkpoint.CheckpointWriter;
import org.qlif.spi.checkpoint.SavedNeurons;

/**
 * Saves the parameters of a sequence of blocks as a checkpoint, docs/checkpoints.md, which Python, the network kit and {@code ./qlif run}
 * can also read. A block is a {@link QlifBlock}, a {@link LifBlock}, a {@link SpikeLinearBlock} or DJL's {@link Linear}; several blocks are
 * a network. If the last one is linear and follows neurons, it is the readout, which takes their mean over time.
 *
 * <p>The file has the parameters and the means of homeostasis, but no learning rate or moments of an optimizer. It also has configurations,
 * which are compared when it is read; devices and threads are set in the builders.
 *
 * <pre>{@code
 * Checkpoints.save(Path.of("digits.safetensors"), first, neurons, readout); // after EasyTrain.fit
 * Checkpoints.load(Path.of("digits.safetensors"), first, neurons, readout); // into blocks that are initialized
 * }</pre>
 *
 * <p>Don't call these methods while a block is in use.
 */
public final class Checkpoints {
    private Checkpoints() {}

    /**
     * Writes the parameters of {@code blocks}, from the first layer to the last.
     *
     * @throws IllegalArgumentException if there is none, or one is of another kind
     * @throws IllegalStateException if one is not initialized, or has a function of the caller's in its configuration
     * @throws IOException if the file can't be written; an old one is as it was
     */
    public static void save(Path file, Block... blocks) throws IOException {
        OutputFile prepared = OutputFile.prepare("file", file);
        requireBlocks(blocks);
        CheckpointWriter to = new CheckpointWriter(blocks.length);
        for (int i = 0; i < blocks.length; i++) {
            if (blocks[i] instanceof NeuronBlock neurons) {
                neurons.saved().write(to, i);
                continue;
            }
            String at = SavedNeurons.prefix(i);
            to.text(at + "type", type(blocks, i));
            if (blocks[i] instanceof Linear) {
                to.text(at + "order", "any");
            }
            to.tensor(at + "weight", weight(blocks[i]));
            Parameter bias = parameter(blocks[i], "bias");
            if (bias != null) {
                to.tensor(at + "bias", values(bias.getArray()));
            }
        }
        to.write(prepared);
    }

    /**
     * Reads parameters and homeostasis' means into {@code blocks}, from the first layer to the last. Ignores what blocks don't have: a
     * training, the state and the draws of a run, the seeds of layers and network, and the encoding of a network's input. A block starts
     * each call from a fresh state and draws by its builder's seed.
     *
     * @throws FileFormatException if the file is no checkpoint, or one of other layers, configurations or sizes; no block has changed
     * @throws IllegalArgumentException if there is no block, or one is of another kind
     * @throws IllegalStateException if one is not initialized
     * @throws IOException if the file can't be read; no block has changed
     */
    public static void load(Path file, Block... blocks) throws IOException {
        requireBlocks(blocks);
        CheckpointReader from = CheckpointReader.open(file);
        if (from.layers() != blocks.length) {
            throw from.refusal("layers", String.valueOf(from.layers()), blocks.length + ", one for each of the blocks");
        }
        List<Runnable> changes = new ArrayList<>();
        for (int i = 0; i < blocks.length; i++) {
            String at = SavedNeurons.prefix(i);
            String expected = type(blocks, i);
            from.parsed(at + "type", type -> {
                if (!type.equals(expected)) {
                    throw new IllegalArgumentException(
                            "got " + CheckpointReader.quoted(type) + ", expected '" + expected + "'");
                }
                return type;
            });
            if (blocks[i] instanceof NeuronBlock neurons) {
                changes.add(neurons.taking(from, i));
            } else {
                changes.add(taking(from, at, blocks[i]));
            }
        }
        // Blocks have no encoder and no seed of a network.
        from.ignore("seed");
        from.ignore("encoder");
        from.ignore("training.");
        from.finish();
        changes.forEach(Runnable::run);
    }

    private static Runnable taking(CheckpointReader from, String at, Block block) throws FileFormatException {
        from.parsed(at + "order", "ascending", order -> {
            if (!order.equals("ascending") && !order.equals("any")) {
                throw new IllegalArgumentException(
                        "got " + CheckpointReader.quoted(order) + ", expected 'ascending' or 'any'");
            }
            return order;
        });
        Tensor shaped = weight(block);
        Tensor weight = from.tensor(at + "weight", new long[][] {shaped.shape()});
        Parameter bias = parameter(block, "bias");
        long[] length = {shaped.extent(1)};
        if (bias == null && from.hasTensor(at + "bias")) {
            throw from.refusal("tensor '" + at + "bias'", "a bias", "none, as the block has none");
        }
        Tensor biases = bias != null && from.hasTensor(at + "bias")
                ? from.tensor(at + "bias", length)
                : Tensor.zeros(DType.F32, length);
        return () -> {
            NDArray array = array(block, "weight");
            if (block instanceof Linear) {
                set(array, transposed(weight));
            } else {
                set(array, weight);
            }
            if (bias != null) {
                set(bias.getArray(), biases);
            }
        };
    }

    private static void requireBlocks(Block... blocks) {
        if (blocks.length == 0) {
            throw new IllegalArgumentException("blocks: got none, expected at least one");
        }
        for (int i = 0; i < blocks.length; i++) {
            Block block = blocks[i];
            if (!(block instanceof NeuronBlock || block instanceof SpikeLinearBlock || block instanceof Linear)) {
                throw new IllegalArgumentException(
                        "blocks[" + i + "]: got " + block.getClass().getSimpleName()
                                + ", expected a QlifBlock, LifBlock, SpikeLinearBlock or Linear");
            }
            if (!block.isInitialized()) {
                throw new IllegalStateException(
                        "blocks[" + i + "]: has no parameters yet, expected it to be initialized");
            }
        }
    }

    private static String type(Block[] blocks, int index) {
        if (blocks[index] instanceof NeuronBlock) {
            return "neurons";
        }
        boolean above = index > 0 && blocks[index - 1] instanceof NeuronBlock;
        return above && index == blocks.length - 1 ? "readout" : "linear";
    }

    /** A copy of the weights of a linear layer, (K, M). */
    private static Tensor weight(Block block) {
        Tensor weight = values(array(block, "weight"));
        return block instanceof Linear ? transposed(weight) : weight;
    }

    private static Tensor transposed(Tensor matrix) {
        int rows = (int) matrix.extent(0);
        int columns = (int) matrix.extent(1);
        float[] from = matrix.toFloatArray();
        float[] to = new float[from.length];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                to[j * rows + i] = from[i * columns + j];
            }
        }
        return Tensor.of(to, columns, rows);
    }

    private static @Nullable Parameter parameter(Block block, String name) {
        return block.getDirectParameters().contains(name)
                ? block.getDirectParameters().get(name)
                : null;
    }

    private static NDArray array(Block block, String name) {
        return block.getDirectParameters().get(name).getArray();
    }

    /** A copy of an array's values. */
    static Tensor values(NDArray array) {
        return Tensor.of(array.toFloatArray(), array.getShape().getShape());
    }

    /** Replaces the values of an array by others of the same shape. */
    static void set(NDArray array, Tensor values) {
        Torch.memory((PtNDArray) array, array.getShape().getShape()).copyFrom(values);
    }
}
