// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.qlif.Device;
import org.qlif.training.ImageSet;
import org.qlif.training.NeuronPreset;
import org.qlif.training.TrainingOptions;

/** MNIST as DataFrames. */
final class Digits {
    static final Path FOLDER = Path.of("../data/mnist");
    static final int PIXELS = 784;

    static final StructType SCHEMA = new StructType()
            .add("id", DataTypes.LongType)
            .add("features", SQLDataTypes.VectorType())
            .add("label", DataTypes.DoubleType);

    private Digits() {}

    /** A training on one machine: of drawn spikes, with statistics that are carried on, and moved images. */
    static TrainingOptions.Builder options() {
        return TrainingOptions.builder()
                .data(FOLDER)
                .testImages(100)
                .device(Device.of("cpu"))
                .hidden(48)
                .steps(6)
                .batch(256)
                .epochs(3)
                .neuron(NeuronPreset.DEFAULT)
                .settings(List.of("spike_value=SAMPLE", "homeostasis_tau=20"))
                .learningRate(5e-3)
                .learningRateDecay(0.75)
                .shift(1)
                .seed(7);
    }

    /** The same on Spark. */
    static SpikingClassifier classifier() {
        return new SpikingClassifier()
                .setIdCol("id")
                .setFeatureMax(255)
                .setHidden(48)
                .setSteps(6)
                .setBatchSize(256)
                .setMaxIter(3)
                .setPreset("default")
                .setSettings("spike_value=SAMPLE", "homeostasis_tau=20")
                .setStepSize(5e-3)
                .setStepSizeDecay(0.75)
                .setShift(1)
                .setImageWidth(28)
                .setSeed(7);
    }

    /** The first training images, in so many partitions. */
    static Dataset<Row> train(SparkSession spark, int count, int partitions) throws IOException {
        return frame(spark, ImageSet.training(FOLDER), count, partitions);
    }

    /** The first test images, in so many partitions. */
    static Dataset<Row> test(SparkSession spark, int count, int partitions) throws IOException {
        return frame(spark, ImageSet.test(FOLDER, ImageSet.training(FOLDER)), count, partitions);
    }

    private static Dataset<Row> frame(SparkSession spark, ImageSet images, int count, int partitions) {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            double[] pixels = new double[PIXELS];
            for (int k = 0; k < PIXELS; k++) {
                pixels[k] = images.pixels()[i * PIXELS + k] & 0xff;
            }
            rows.add(RowFactory.create((long) i, new DenseVector(pixels), (double) images.label(i)));
        }
        return spark.createDataFrame(rows, SCHEMA).repartition(partitions);
    }
}
