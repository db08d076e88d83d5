// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import org.apache.spark.Partitioner;
import org.jspecify.annotations.Nullable;
import org.qlif.network.Trainer;

/** Assigns rows, whose keys are their places, to tasks. */
final class TaskPartitioner extends Partitioner {
    private static final long serialVersionUID = 1;

    private final Placement placement;

    TaskPartitioner(Placement placement) {
        this.placement = placement;
    }

    @Override
    public int numPartitions() {
        return placement.tasks();
    }

    @Override
    public int getPartition(Object place) {
        return placement.taskOf((Integer) place / Trainer.BLOCK);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof TaskPartitioner partitioner && placement.equals(partitioner.placement);
    }

    @Override
    public int hashCode() {
        return placement.hashCode();
    }
}
