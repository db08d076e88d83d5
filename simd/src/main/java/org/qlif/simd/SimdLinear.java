// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import org.qlif.KernelOptions;
import org.qlif.LinearBackward;
import org.qlif.LinearForward;
import org.qlif.spi.BackendLinear;
import org.qlif.spi.host.BlockTree;
import org.qlif.spi.host.Crew;

/**
 * Shares the rows and columns of a linear layer's sums among a crew; each member has its own {@link LinearWorker}. No sum is ever split, so
 * its additions stay in order.
 */
final class SimdLinear implements BackendLinear {
    /** Products, including those with 0, from which a call is split: some microseconds' work, about ten if no factor is 0. */
    private static final double WORTH_SHARING = 1_000_000;

    /** Parts for each member: more than one, so that the others can take work from a member that is held up. */
    private static final int PARTS = 2;

    /** Minimum number of rows in a part; with fewer, columns are split instead. */
    private static final int FEWEST_ROWS = 64;

    private final Crew crew;
    private final LinearWorker[] workers;
    private final Crew.Job forwardJob = this::forwardPart;
    private final Crew.Job weightsJob = this::weightsPart;
    private final Crew.Job inputJob = this::inputPart;

    // How the work is split: the size of a part, in rows and columns.
    private long rows;
    private int rowsPerPart;
    private long columns;
    private long columnsPerPart;

    private LinearForward forward;
    private LinearBackward backward;

    SimdLinear(KernelOptions options) {
        workers = new LinearWorker[options.threads()];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new LinearWorker();
        }
        // Last, so that nothing can fail after the threads have started.
        crew = new Crew(options);
    }

    @Override
    public String description() {
        return VectorWidth.describe() + ", " + crew.description();
    }

    @Override
    public void forward(LinearForward call) {
        forward = call;
        try {
            split(call.steps() * call.batch(), call.inputs(), call.inputs(), call.outputs(), PARTS * crew.size());
            run(forwardJob, call.threadBound());
        } finally {
            forward = null;
        }
    }

    @Override
    public void backward(LinearBackward call) {
        backward = call;
        forward = call.forward();
        try {
            long summed = forward.steps() * forward.batch();
            long gradients = (call.gradWeights() == null ? 0 : forward.inputs()) + (call.gradBias() == null ? 0 : 1);
            long held = forward.steps() * Math.min(BlockTree.ROWS, forward.batch());
            split(gradients, held, summed, forward.outputs(), crew.size());
            // A part keeps the sums of several blocks for all of its columns.
            columnsPerPart = Math.min(columnsPerPart, LinearWorker.MOST_COLUMNS);
            run(weightsJob, call.threadBound());
            if (call.gradInput() != null) {
                split(summed, forward.outputs(), forward.outputs(), forward.inputs(), PARTS * crew.size());
                run(inputJob, call.threadBound());
            }
        } finally {
            backward = null;
            forward = null;
        }
    }

    /**
     * Splits sums into parts that keep every member busy.
     *
     * @param held how many terms of each row a part holds at a time
     * @param terms the number of terms
     * @param wanted the best number of parts
     */
    private void split(long rows, long held, long terms, long columns, int wanted) {
        this.rows = rows;
        this.columns = columns;
        rowsPerPart = LinearWorker.mostRows(held);
        columnsPerPart = Math.max(1, columns);
        if ((double) rows * terms * columns < WORTH_SHARING || crew.size() == 1) {
            return;
        }
        // A multiple of the number of members. A part packs all weights that it needs, so it has enough rows to make
        // that little work compared with its products.
        long rowParts = parts(Math.max(wanted, parts(rows, rowsPerPart)), crew.size()) * crew.size();
        rowsPerPart = (int) Math.min(rowsPerPart, Math.max(FEWEST_ROWS, parts(rows, rowParts)));
        if (parts(rows, rowsPerPart) < crew.size()) {
            long panels = parts(columns, LinearWorker.WIDTH);
            columnsPerPart = parts(panels, Math.min(panels, crew.size())) * LinearWorker.WIDTH;
        }
    }

    private static long parts(long all, long size) {
        return (all + size - 1) / size;
    }

    private void run(Crew.Job job, boolean threadBound) {
        long count = parts(rows, rowsPerPart) * parts(columns, columnsPerPart);
        if (count == 0) {
            return;
        }
        int members = crew.muster(count, false, threadBound);
        try {
            for (int i = 0; i < members; i++) {
                workers[i].bind(crew.scratch(i, members, Layout.START + LinearWorker.SCRATCH), Layout.START);
            }
            crew.run(job, count, members);
        } finally {
            crew.dismiss(members);
        }
    }

    private long firstRow(long part) {
        return part / parts(columns, columnsPerPart) * rowsPerPart;
    }

    private int rowsFrom(long row) {
        return (int) Math.min(rowsPerPart, rows - row);
    }

    private long firstColumn(long part) {
        return part % parts(columns, columnsPerPart) * columnsPerPart;
    }

    private long lastColumn(long column) {
        return Math.min(columns, column + columnsPerPart);
    }

    private void forwardPart(int member, long part) {
        long row = firstRow(part);
        long column = firstColumn(part);
        workers[member].forward(forward, row, rowsFrom(row), column, lastColumn(column));
    }

    private void weightsPart(int member, long part) {
        long row = firstRow(part);
        long column = firstColumn(part);
        int count = rowsFrom(row);
        // The bias is the last row.
        boolean bias = backward.gradBias() != null && row + count == rows;
        workers[member].gradWeights(backward, row, bias ? count - 1 : count, bias, column, lastColumn(column));
    }

    private void inputPart(int member, long part) {
        long row = firstRow(part);
        long column = firstColumn(part);
        workers[member].gradInput(backward, row, rowsFrom(row), column, lastColumn(column));
    }

    @Override
    public void close() {
        crew.close();
    }
}
