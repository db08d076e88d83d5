// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.util.TaskCompletionListener;
import org.jspecify.annotations.Nullable;
import org.qlif.network.Network;

/**
 * Adds predictions to the rows of a partition, some rows at a time, with kernels that the task opens once.
 *
 * @param network that predicts
 * @param levels converts features to levels
 * @param device it runs on
 * @param thresholds of classes; null for none
 * @param features where the features are in a row
 * @param id where the id is; -1 if there is none
 * @param label where the label is, whose classes the network should know; -1 if there is none
 * @param names the names of those columns, in this order, for messages
 * @param outputs the columns to add
 */
record PredictRows(
        Broadcast<SavedNetwork> network,
        Levels levels,
        String device,
        double @Nullable [] thresholds,
        int features,
        int id,
        int label,
        List<String> names,
        List<Output> outputs)
        implements MapPartitionsFunction<Row, Row> {
    private static final long serialVersionUID = 1;

    /** The columns that follow the existing ones. */
    enum Output {
        RAW,
        PROBABILITY,
        PREDICTION
    }

    @Override
    public Iterator<Row> call(Iterator<Row> rows) {
        TaskContext context = TaskContext.get();
        Predictor predictor = new Predictor(network.value().shared(), device, context.cpus());
        TaskCompletionListener closing = _ -> predictor.close();
        context.addTaskCompletionListener(closing);
        Network knows = network.value().shared().network();
        return new Iterator<>() {
            private final ArrayDeque<Row> done = new ArrayDeque<>();

            @Override
            public boolean hasNext() {
                return !done.isEmpty() || rows.hasNext();
            }

            @Override
            public Row next() {
                if (done.isEmpty()) {
                    List<Row> some = new ArrayList<>();
                    while (rows.hasNext() && predictor.room() > 0) {
                        Row row = rows.next();
                        byte[] shown = shown(row, knows.inputs());
                        requireKnown(row, knows.outputs());
                        predictor.add(shown, id < 0 ? Levels.hash(shown) : number(row));
                        some.add(row);
                    }
                    DenseVector[] raw = predictor.predict();
                    for (int i = 0; i < raw.length; i++) {
                        done.add(with(some.get(i), raw[i]));
                    }
                }
                return done.remove();
            }
        };
    }

    private byte[] shown(Row row, int inputs) {
        String name = names.get(0);
        if (row.isNullAt(features)) {
            throw new IllegalArgumentException(name + ": got null, expected a vector");
        }
        Vector vector = (Vector) row.get(features);
        if (vector.size() != inputs) {
            throw new IllegalArgumentException(name + ": got a vector of " + vector.size() + " elements, expected "
                    + inputs + ", as the model was fitted with");
        }
        try {
            return levels.of(vector);
        } catch (IllegalArgumentException outOfRange) {
            throw new IllegalArgumentException(name + ": " + outOfRange.getMessage(), outOfRange);
        }
    }

    private long number(Row row) {
        if (row.isNullAt(id)) {
            throw new IllegalArgumentException(names.get(1) + ": got null, expected a number");
        }
        return ((Number) row.get(id)).longValue();
    }

    /** A row need not have a label, but a label that the model doesn't know is an error. */
    private void requireKnown(Row row, int classes) {
        if (label >= 0 && !row.isNullAt(label) && ((Number) row.get(label)).doubleValue() >= classes) {
            throw new IllegalArgumentException(names.get(2) + ": got class " + row.get(label) + ", expected 0 to "
                    + (classes - 1) + ", the classes that the model was fitted with");
        }
    }

    private Row with(Row row, DenseVector raw) {
        DenseVector probabilities = Probabilities.of(raw);
        Object[] values = new Object[row.size() + outputs.size()];
        for (int i = 0; i < row.size(); i++) {
            values[i] = row.get(i);
        }
        for (int i = 0; i < outputs.size(); i++) {
            values[row.size() + i] = switch (outputs.get(i)) {
                case RAW -> raw;
                case PROBABILITY -> probabilities;
                case PREDICTION -> Probabilities.prediction(probabilities, thresholds);
            };
        }
        return RowFactory.create(values);
    }
}
