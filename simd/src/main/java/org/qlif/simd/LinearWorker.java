// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.Tensor;
import org.qlif.spi.host.BlockTree;

/**
 * One thread's share of a linear layer's calls: the sums of some rows in some columns. Works through panels of columns and blocks of terms,
 * so that a panel's sums and its block of weights stay in the first- and second-level caches. Not thread-safe.
 */
final class LinearWorker {
    /** Maximum width of a panel, in vectors. */
    static final int PANEL = Math.max(2, Math.min(8, 64 / Lanes.LENGTH));

    /** Maximum width of a panel, in columns. */
    static final int WIDTH = PANEL * Lanes.LENGTH;

    /** Maximum number of terms held at a time; a multiple of the block size. */
    static final int SLAB = 36 * SpikeTerms.BLOCK;

    /** Maximum number of rows in a part. */
    static final int ROWS = 1024;

    /** Maximum number of columns in a part that sums blocks of the batch. */
    static final int MOST_COLUMNS = 16 * WIDTH;

    /** Maximum number of factors in a part (rows times terms), chosen so that they about fit the second-level cache. */
    private static final int PART = 1 << 19;

    /** The share of nonzero terms above which it is faster to take all terms, if every factor is 0 or 1; measured. */
    private static final double DENSE_SPIKES = LinearPasses.MANY_REGISTERS ? 0.68 : 0.85;

    /** The same for arbitrary factors. */
    private static final double DENSE_NUMBERS = LinearPasses.MANY_REGISTERS ? 0.45 : 0.68;

    /** Size of its scratch, in floats. */
    static final int SCRATCH = (SpikeTerms.BLOCK + ROWS + LinearPasses.DENSE_ROWS) * WIDTH;

    private static final float[] NONE = {};

    private final SpikeTerms terms = new SpikeTerms();

    // The terms that current() listed last.
    private boolean listed;
    private boolean listedDense;
    private long listedStep;
    private int listedRows;
    private long listedRow;
    private int listedBatch;
    private long listedTerm;

    private BlockTree[] trees = {};
    private int[] doubtful = {};
    private float[] saved = NONE;
    private float[] gradients = NONE;
    private float[] row = NONE;

    // The weights of term i begin at first + i / group * groupStride + i % group * stride.
    private MemorySegment weights = MemorySegment.NULL;
    private final LentArray linearWeights = new LentArray();
    private final LentArray gradOutput = new LentArray();
    /** Whichever of the two is being read. */
    private LentArray weightArray = linearWeights;

    private long first;
    private int group;
    private long groupStride;
    private long stride;

    // One for each tensor, since switching to another tensor's array allocates.
    private final LentArray output = new LentArray();
    private final LentArray gradWeights = new LentArray();
    private final LentArray gradInput = new LentArray();
    private float[] scratch = NONE;
    /** Offset of the block of weights in the scratch. */
    private int weightsAt;

    /** Offset of the sums in the scratch. */
    private int sumsAt;

    /** Width of the current panel. */
    private int vectors;

    /** Columns of the current panel: fewer than its vectors hold at the right edge. */
    private int columns;

    /** Sets the scratch, from index {@code at} on, for the next parts of a call. */
    void bind(float[] scratch, int at) {
        this.scratch = scratch;
        weightsAt = at;
        sumsAt = at + SpikeTerms.BLOCK * WIDTH;
        listed = false;
    }

    private void readWeights(Tensor tensor, LentArray array) {
        weights = tensor.segment();
        weightArray = array;
        array.of(tensor, float[].class, Float.BYTES);
    }

    /** Maximum number of rows in a part whose rows have {@code terms} terms each. */
    static int mostRows(long terms) {
        return Math.clamp(PART / Math.clamp(terms, 1, SLAB), LinearPasses.DENSE_ROWS, ROWS);
    }

    private void panel(long left) {
        int needed = (int) Math.min(PANEL, (left + Lanes.LENGTH - 1) / Lanes.LENGTH);
        vectors = Integer.highestOneBit(needed);
        columns = (int) Math.min(left, width());
    }

    private int width() {
        return vectors * Lanes.LENGTH;
    }

    /** Computes the output of {@code rows} rows from {@code row} on, numbered over all steps, in columns {@code from} to {@code to}. */
    void forward(LinearForward call, long row, int rows, long from, long to) {
        long outputs = call.outputs();
        Tensor result = call.output();
        readWeights(call.weights(), linearWeights);
        stride = outputs;
        group = SLAB;
        for (long k = 0; k == 0 || k < call.inputs(); k += SLAB) {
            terms.ofRows(call, 0, call.batch(), row, rows, k, (int) Math.min(SLAB, call.inputs() - k));
            boolean dense = choose();
            for (long m = from; m < to; m += columns) {
                panel(to - m);
                if (k == 0) {
                    start(call.bias(), m, rows);
                } else {
                    fetchRows(result, row * outputs + m, outputs, rows);
                }
                first = k * outputs + m;
                product(dense, scratch, sumsAt);
                storeRows(scratch, sumsAt, rows, result, output, row * outputs + m, outputs);
            }
        }
    }

    /**
     * Computes the output of {@code batch} rows of the batch, from {@code b} on, in columns {@code from} to {@code to}, for {@code steps}
     * steps from {@code t} on.
     *
     * @param keeps whether to write it to the call's output as well
     * @param at offset of the result in the scratch
     * @param stepStride floats between steps of the result
     * @param rowStride floats between rows of a step
     */
    void current(
            LinearForward call,
            long t,
            int steps,
            long b,
            int batch,
            long from,
            long to,
            boolean keeps,
            int at,
            int stepStride,
            int rowStride) {
        long outputs = call.outputs();
        readWeights(call.weights(), linearWeights);
        stride = outputs;
        group = SLAB;
        int atOnce = Math.max(1, mostRows(call.inputs()) / batch);
        for (int step = 0; step < steps; step += atOnce) {
            int count = Math.min(atOnce, steps - step);
            for (long k = 0; k == 0 || k < call.inputs(); k += SLAB) {
                list(call, t + step, count, b, batch, k);
                for (long m = from; m < to; m += columns) {
                    panel(to - m);
                    int target = at + step * stepStride + (int) (m - from);
                    if (k == 0) {
                        start(call.bias(), m, count * batch);
                    } else {
                        copySums(target, stepStride, rowStride, count, batch, true);
                    }
                    first = k * outputs + m;
                    product(listedDense, scratch, sumsAt);
                    copySums(target, stepStride, rowStride, count, batch, false);
                    if (keeps) {
                        keep(call, t + step, count, b, batch, m);
                    }
                }
            }
        }
    }

    /** Lists the terms, unless they were the last ones listed in this call, for a tile in other columns. */
    private void list(LinearForward call, long t, int steps, long b, int batch, long k) {
        int rows = steps * batch;
        if (listed
                && listedStep == t
                && listedRows == rows
                && listedRow == b
                && listedBatch == batch
                && listedTerm == k) {
            return;
        }
        terms.ofRows(call, b, batch, t * batch, rows, k, (int) Math.min(SLAB, call.inputs() - k));
        listedDense = choose();
        listed = true;
        listedStep = t;
        listedRows = rows;
        listedRow = b;
        listedBatch = batch;
        listedTerm = k;
    }

    /** Copies the sums to the result in the scratch, or from there if {@code back}. */
    private void copySums(int at, int stepStride, int rowStride, int steps, int batch, boolean back) {
        int width = width();
        for (int step = 0; step < steps; step++) {
            int sums = sumsAt + step * batch * width;
            int place = at + step * stepStride;
            int from = back ? place : sums;
            int to = back ? sums : place;
            int fromStride = back ? rowStride : width;
            int toStride = back ? width : rowStride;
            if (columns == width) {
                LinearPasses.copyRows(scratch, from, fromStride, scratch, to, toStride, batch, width);
                continue;
            }
            for (int i = 0; i < batch; i++) {
                System.arraycopy(scratch, from + i * fromStride, scratch, to + i * toStride, columns);
            }
        }
    }

    private void keep(LinearForward call, long t, int steps, long b, int batch, long m) {
        long outputs = call.outputs();
        for (int step = 0; step < steps; step++) {
            long index = ((t + step) * call.batch() + b) * outputs + m;
            storeRows(scratch, sumsAt + step * batch * width(), batch, call.output(), output, index, outputs);
        }
    }

    /** Sets the sums to the bias. */
    private void start(Tensor bias, long m, int rows) {
        Arrays.fill(scratch, sumsAt, sumsAt + width(), 0f);
        if (bias != null) {
            SimdKernel.fetch(bias.segment(), m, scratch, sumsAt, columns);
        }
        LinearPasses.copyRows(scratch, sumsAt, 0, scratch, sumsAt + width(), width(), rows - 1, width());
    }

    private void fetchRows(Tensor from, long index, long stride, int rows) {
        for (int i = 0; i < rows; i++) {
            SimdKernel.fetch(from.segment(), index + i * stride, scratch, sumsAt + i * width(), columns);
        }
    }

    private void storeRows(float[] sums, int at, int rows, Tensor result, LentArray array, long index, long stride) {
        array.of(result, float[].class, Float.BYTES);
        if (array.isThere() && columns == width()) {
            // In an array, rows are less than 2^31 floats apart.
            LinearPasses.copyRows(
                    sums, at, width(), (float[]) array.array(), array.index(index), (int) stride, rows, width());
            return;
        }
        MemorySegment to = result.segment();
        for (int i = 0; i < rows; i++) {
            SimdKernel.store(sums, at + i * width(), to, index + i * stride, columns);
        }
    }

    /**
     * Computes the gradients of the weights of inputs {@code k} to {@code k + inputs}, and of the bias if {@code bias}, in columns {@code
     * from} to {@code to}.
     */
    void gradWeights(LinearBackward call, long k, int inputs, boolean bias, long from, long to) {
        int rows = inputs + (bias ? 1 : 0);
        startTrees(from, to, rows);
        long batch = call.forward().batch();
        for (long b = 0; b < batch; b += BlockTree.ROWS) {
            addBlock(call, b, (int) Math.min(BlockTree.ROWS, batch - b), k, inputs, bias, from, to);
        }
        long outputs = call.forward().outputs();
        int tree = 0;
        for (long m = from; m < to; m += columns, tree++) {
            panel(to - m);
            float[] sums = trees[tree].sum();
            if (inputs > 0) {
                storeRows(sums, 0, inputs, call.gradWeights(), gradWeights, k * outputs + m, outputs);
            }
            if (bias) {
                SimdKernel.store(sums, inputs * width(), call.gradBias().segment(), m, columns);
            }
        }
    }

    private void startTrees(long from, long to, int rows) {
        int tree = 0;
        for (long m = from; m < to; m += columns, tree++) {
            panel(to - m);
            if (tree == trees.length) {
                trees = Arrays.copyOf(trees, tree + 1);
                trees[tree] = new BlockTree();
            }
            trees[tree].start((rows + LinearPasses.DENSE_ROWS) * width(), 0);
        }
    }

    private void addBlock(
            LinearBackward call, long b, int batch, long k, int inputs, boolean bias, long from, long to) {
        LinearForward forward = call.forward();
        readWeights(call.gradOutput(), gradOutput);
        stride = forward.outputs();
        group = batch;
        groupStride = call.gradOutputStride();
        int stepsAtATime = SLAB / batch;
        for (long t = 0; t == 0 || t < forward.steps(); t += stepsAtATime) {
            int steps = (int) Math.min(stepsAtATime, forward.steps() - t);
            terms.ofColumns(forward, t, steps, b, batch, k, inputs, bias);
            boolean dense = choose();
            int tree = 0;
            for (long m = from; m < to; m += columns, tree++) {
                panel(to - m);
                float[] sums = trees[tree].next();
                if (t == 0) {
                    Arrays.fill(sums, 0, (terms.rows() + LinearPasses.DENSE_ROWS) * width(), 0f);
                }
                first = t * groupStride + b * stride + m;
                product(dense, sums, 0);
            }
        }
        int tree = 0;
        for (long m = from; m < to; m += columns, tree++) {
            panel(to - m);
            trees[tree].addNext();
        }
    }

    /**
     * Computes the input's gradient for {@code rows} rows from {@code row} on, numbered over all steps, in columns {@code from} to {@code
     * to}.
     */
    void gradInput(LinearBackward call, long row, int rows, long from, long to) {
        LinearForward forward = call.forward();
        long inputs = forward.inputs();
        long outputs = forward.outputs();
        Tensor result = call.gradInput();
        readWeights(forward.weights(), linearWeights);
        for (long m = 0; m == 0 || m < outputs; m += SLAB) {
            int count = (int) Math.min(SLAB, outputs - m);
            fetchGradients(call, row, rows, m, count);
            for (long k = from; k < to; k += columns) {
                panel(to - k);
                // A dense pass needs at least two vectors.
                vectors = Math.max(2, vectors);
                if (m == 0) {
                    Arrays.fill(scratch, sumsAt, sumsAt + rows * width(), 0f);
                } else {
                    fetchRows(result, row * inputs + k, inputs, rows);
                }
                for (int term = 0; term < count; term += SpikeTerms.BLOCK) {
                    int here = Math.min(SpikeTerms.BLOCK, count - term);
                    packTransposed(m + term, here, k, outputs);
                    LinearPasses.addDense(
                            vectors, scratch, weightsAt, here, gradients, term, count, padded(rows), scratch, sumsAt);
                }
                storeRows(scratch, sumsAt, rows, result, gradInput, row * inputs + k, inputs);
            }
        }
    }

    private void fetchGradients(LinearBackward call, long row, int rows, long m, int count) {
        if (gradients.length < padded(rows) * count) {
            gradients = new float[padded(rows) * count];
        }
        long batch = call.forward().batch();
        for (int i = 0; i < rows; i++) {
            long index = (row + i) / batch * call.gradOutputStride()
                    + (row + i) % batch * call.forward().outputs();
            SimdKernel.fetch(call.gradOutput().segment(), index + m, gradients, i * count, count);
        }
    }

    private static int padded(int rows) {
        return (rows + LinearPasses.DENSE_ROWS - 1) / LinearPasses.DENSE_ROWS * LinearPasses.DENSE_ROWS;
    }

    /** Prepares the terms as lists or as dense factors, whichever is faster. Returns whether they are dense. */
    private boolean choose() {
        double share = (double) terms.set() / Math.max(1, (long) terms.rows() * terms.terms());
        boolean dense = share > (terms.general() ? DENSE_NUMBERS : DENSE_SPIKES);
        if (dense) {
            terms.makeDense();
        } else {
            terms.makeLists();
        }
        return dense;
    }

    /** Adds all terms to the rows' sums in the current panel. */
    private void product(boolean dense, float[] sums, int at) {
        if (dense) {
            denseProduct(sums, at);
            return;
        }
        // With few rows, most weights are never used: pack only those that are.
        boolean few = terms.set() < terms.terms();
        for (int block = 0; block < terms.blocks(); block++) {
            if (few) {
                packListed(block);
            } else {
                pack(block);
            }
            if (terms.general()) {
                LinearPasses.addProducts(vectors, scratch, weightsAt, terms, block, sums, at);
            } else {
                LinearPasses.add(vectors, scratch, weightsAt, terms, block, sums, at);
            }
        }
    }

    /**
     * Adds terms with a factor of 0, too. Such a term changes a sum in two cases only: if its weight is not finite, the sum becomes NaN;
     * and it may turn -0 into +0, which makes no difference once a nonzero term follows. So rows whose sums come out as NaN or 0 are summed
     * again from their nonzero terms.
     */
    private void denseProduct(float[] sums, int at) {
        int rows = terms.rows();
        boolean all = terms.set() == (long) rows * terms.terms();
        if (vectors == 1) {
            for (int block = 0; block < terms.blocks(); block++) {
                pack(block);
                for (int i = 0; i < rows; i++) {
                    addCounting(block, i, sums, at);
                }
            }
            return;
        }
        if (!all) {
            if (saved.length < rows * width()) {
                saved = new float[rows * width()];
            }
            System.arraycopy(sums, at, saved, 0, rows * width());
        }
        for (int block = 0; block < terms.blocks(); block++) {
            pack(block);
            LinearPasses.addDense(
                    vectors,
                    scratch,
                    weightsAt,
                    length(block),
                    terms.dense,
                    block * SpikeTerms.BLOCK,
                    terms.denseStride,
                    padded(rows),
                    sums,
                    at);
        }
        if (!all) {
            correct(sums, at);
        }
    }

    private void correct(float[] sums, int at) {
        int rows = terms.rows();
        if (doubtful.length < rows) {
            doubtful = new int[rows];
        }
        int count = 0;
        for (int i = 0; i < rows; i++) {
            if (LinearPasses.isDoubtful(sums, at + i * width(), columns)) {
                System.arraycopy(saved, i * width(), sums, at + i * width(), width());
                doubtful[count++] = i;
            }
        }
        for (int block = 0; count > 0 && block < terms.blocks(); block++) {
            pack(block);
            for (int i = 0; i < count; i++) {
                addCounting(block, doubtful[i], sums, at);
            }
        }
    }

    private void addCounting(int block, int row, float[] sums, int at) {
        LinearPasses.addCounting(
                vectors,
                scratch,
                weightsAt,
                length(block),
                terms.dense,
                row * terms.denseStride + block * SpikeTerms.BLOCK,
                sums,
                at + row * width());
    }

    private int length(int block) {
        return Math.min(SpikeTerms.BLOCK, terms.terms() - block * SpikeTerms.BLOCK);
    }

    /** Copies the panel's weights of a block of terms to the scratch, one row for each term. */
    private void pack(int block) {
        int end = length(block);
        if (!weightArray.isThere() || columns < width()) {
            for (int term = 0; term < end; term++) {
                packTerm(block, term);
            }
            return;
        }
        // Copies a group at a time.
        for (int term = 0; term < end; ) {
            int of = block * SpikeTerms.BLOCK + term;
            int count = Math.min(end - term, group - of % group);
            int from = weightArray.index(first + of / group * groupStride + of % group * stride);
            int to = weightsAt + term * width();
            LinearPasses.copyRows(
                    (float[]) weightArray.array(), from, (int) stride, scratch, to, width(), count, width());
            term += count;
        }
    }

    /** The same for only those terms that at least one row lists. */
    private void packListed(int block) {
        int blocks = terms.blocks();
        long there = 0;
        long thereAbove = 0;
        for (int start = block; start < terms.rows() * blocks; start += blocks) {
            for (int i = terms.starts[start]; i < terms.starts[start + 1]; i++) {
                int term = terms.list[i];
                long before = term < Long.SIZE ? there : thereAbove;
                if ((before >>> term & 1) == 0) {
                    packTerm(block, term);
                    there |= term < Long.SIZE ? 1L << term : 0;
                    thereAbove |= term < Long.SIZE ? 0 : 1L << term;
                }
            }
        }
    }

    private void packTerm(int block, int inBlock) {
        int width = width();
        int to = weightsAt + inBlock * width;
        int term = block * SpikeTerms.BLOCK + inBlock;
        long index = first + term / group * groupStride + term % group * stride;
        SimdKernel.fetch(weights, index, scratch, to, columns);
        if (columns < width) {
            Arrays.fill(scratch, to + columns, to + width, 0f);
        }
    }

    /** Copies weights transposed: outputs {@code m} to {@code m + count} become terms, the panel's inputs from {@code k} on its columns. */
    private void packTransposed(long m, int count, long k, long outputs) {
        int width = width();
        if (row.length < SpikeTerms.BLOCK) {
            row = new float[SpikeTerms.BLOCK];
        }
        for (int column = 0; column < width; column++) {
            if (column < columns) {
                SimdKernel.fetch(weights, (k + column) * outputs + m, row, 0, count);
            } else {
                Arrays.fill(row, 0f);
            }
            for (int term = 0; term < count; term++) {
                scratch[weightsAt + term * width + column] = row[term];
            }
        }
    }
}
