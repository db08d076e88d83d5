// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;

/** A small data set: three classes, each of which lights a third of 12 features, from 0 to 1. */
final class Points {
    static final int FEATURES = 12;
    static final int CLASSES = 3;

    private Points() {}

    static Dataset<Row> frame(SparkSession spark, int count, int partitions) {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            double[] features = new double[FEATURES];
            for (int k = 0; k < FEATURES; k++) {
                features[k] = (i * 31 + k * 17) % 50 / 200.0 + (k % CLASSES == i % CLASSES ? 0.7 : 0);
            }
            rows.add(row(i, features, i % CLASSES));
        }
        return frame(spark, rows).repartition(partitions);
    }

    static Row row(long id, double[] features, double label) {
        return RowFactory.create(id, new DenseVector(features), label);
    }

    static Dataset<Row> frame(SparkSession spark, List<Row> rows) {
        return spark.createDataFrame(rows, Digits.SCHEMA);
    }

    /** One that learns such points within a second. */
    static SpikingClassifier classifier() {
        return new SpikingClassifier()
                .setIdCol("id")
                .setHidden(16)
                .setSteps(5)
                .setBatchSize(32)
                .setMaxIter(8)
                .setStepSize(0.02)
                .setSeed(3);
    }
}
