// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.SparkException;
import org.apache.spark.ml.attribute.NominalAttribute;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What can't be learned from is refused by name, on the driver, and before a job starts where that can be known. */
class BadInputTest {
    private static SparkSession spark;
    private static final AtomicInteger JOBS = new AtomicInteger();

    @BeforeAll
    static void start() {
        spark = Sessions.local(2);
        spark.sparkContext().addSparkListener(new SparkListener() {
            @Override
            public void onJobStart(SparkListenerJobStart start) {
                JOBS.incrementAndGet();
            }
        });
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private static void refusedWithoutAJob(ThrowingCallable call, String message) throws Exception {
        spark.sparkContext().listenerBus().waitUntilEmpty();
        int before = JOBS.get();
        assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining(message);
        spark.sparkContext().listenerBus().waitUntilEmpty();
        assertThat(JOBS).hasValue(before);
    }

    private static SpikingClassifier classifier() {
        return Points.classifier().setMaxIter(1);
    }

    @Test
    void params() throws Exception {
        SpikingClassifier classifier = new SpikingClassifier();
        refusedWithoutAJob(() -> classifier.setBatchSize(100), "batchSize: got 100, expected a multiple of 32");
        refusedWithoutAJob(() -> classifier.setHidden(), "hidden: got [], expected at least one layer");
        refusedWithoutAJob(() -> classifier.setHidden(3, 0), "hidden: got [3, 0]");
        refusedWithoutAJob(() -> classifier.setSteps(0), "steps: got 0, expected 1 to 1000");
        refusedWithoutAJob(() -> classifier.setStepSize(Double.NaN), "stepSize: got NaN, expected above 0");
        refusedWithoutAJob(() -> classifier.setStepSizeDecay(1.5), "stepSizeDecay: got 1.5");
        refusedWithoutAJob(() -> classifier.setGradientClip(-1), "gradientClip: got -1.0");
        refusedWithoutAJob(() -> classifier.setTau(0.5), "tau: got 0.5, expected 1 to 1e6");
        refusedWithoutAJob(() -> classifier.setMaxIter(0), "maxIter: got 0, expected at least 1");
        refusedWithoutAJob(() -> classifier.setTasks(-1), "tasks: got -1, expected at least 0");
        refusedWithoutAJob(() -> classifier.setCheckpointInterval(0), "checkpointInterval: got 0");
        refusedWithoutAJob(() -> classifier.setFeatureMax(0), "featureMax: got 0.0, expected a finite number above 0");
        refusedWithoutAJob(() -> classifier.setPreset("2024"), "preset: got 2024, expected a preset");
        refusedWithoutAJob(() -> classifier.setNeuron("QLIF tou=3"), "neuron: got QLIF tou=3");
        refusedWithoutAJob(() -> classifier.setDevice("cuda:0"), "device: got cuda:0, expected cpu, cpu:simd");
        refusedWithoutAJob(() -> classifier.setShift(-1), "shift: got -1");
        Dataset<Row> rows = Points.frame(spark, 10, 1);
        refusedWithoutAJob(() -> classifier().setSettings("no_such=1").fit(rows), "settings: ");
        refusedWithoutAJob(() -> classifier().setShift(1).fit(rows), "imageWidth: got 0, expected the width");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> classifier().setShift(1).setImageWidth(5).fit(rows))
                .withMessage("imageWidth: got 5, expected a divisor of 12, the features of a row");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> classifier().setShift(3).setImageWidth(4).fit(rows))
                .withMessage("shift: got 3, expected at most 2 for images of 3x4");
    }

    @Test
    void columns() throws Exception {
        Dataset<Row> rows = Points.frame(spark, 10, 1);
        refusedWithoutAJob(() -> classifier().fit(rows.drop("features")), "features");
        refusedWithoutAJob(() -> classifier().fit(rows.drop("label")), "label");
        refusedWithoutAJob(
                () -> classifier().fit(rows.withColumn("features", functions.lit(1.0))),
                "Column features must be of type");
        refusedWithoutAJob(
                () -> classifier().fit(rows.withColumn("label", functions.lit("seven"))),
                "Column label must be of type numeric");
        refusedWithoutAJob(
                () -> classifier().setIdCol("key").fit(rows),
                "idCol: got 'key', expected one of the columns id, features, label");
        refusedWithoutAJob(
                () -> classifier().setIdCol("label").fit(rows),
                "idCol: column 'label' is of type double, expected one of whole numbers");
        SpikingClassifierModel model = classifier().fit(rows);
        refusedWithoutAJob(() -> model.transform(rows.drop("features")), "features");
        refusedWithoutAJob(() -> model.transform(rows.drop("id")), "idCol: got 'id'");
        refusedWithoutAJob(() -> model.transform(rows.withColumn("prediction", functions.lit(1.0))), "prediction");
    }

    /** Rows like any, and one that is not. */
    private static Dataset<Row> with(Row bad) {
        List<Row> rows = new ArrayList<>(Points.frame(spark, 20, 1).collectAsList());
        rows.add(bad);
        return Points.frame(spark, rows).repartition(2);
    }

    private static void refused(Row bad, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> classifier().fit(with(bad)))
                .withMessage(message);
    }

    @Test
    void rows() {
        double[] good = new double[Points.FEATURES];
        double[] bad = good.clone();
        bad[3] = Double.NaN;
        refused(Points.row(20, bad, 1), "features of the row with id 20: element 3: got NaN, expected 0 to 1.0");
        bad[3] = 255;
        refused(
                Points.row(20, bad, 1),
                "features of the row with id 20: element 3: got 255.0, expected 0 to 1.0: set featureMax, or featureClip to clip such features");
        refused(
                Points.row(20, new double[5], 1),
                "features: got vectors of 5 and of 12 elements, expected all of the same size");
        refused(
                Points.row(20, good, 1.5),
                "label of the row with id 20: got 1.5, expected a class: a whole number from 0 to 65535");
        refused(
                Points.row(20, good, -1),
                "label of the row with id 20: got -1.0, expected a class: a whole number from 0 to 65535");
        refused(
                Points.row(20, good, Double.NaN),
                "label of the row with id 20: got NaN, expected a class: a whole number from 0 to 65535");
        refused(RowFactory.create(20L, null, 1.0), "features of the row with id 20: got null, expected a vector");
        refused(
                RowFactory.create(null, with(Points.row(20, good, 1)).first().get(1), 1.0),
                "id: got null, expected a number");
        // Numbers of rows, one of them twice, and other numbers.
        refused(Points.row(3, good, 1), "id: got 3 more than once, expected each row to have a number of its own");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> classifier().fit(with(Points.row(3, good, 1)).withColumn("id", functions.expr("id - 7"))))
                .withMessage("id: got -4 more than once, expected each row to have a number of its own");
        // 20 rows, of which one is twice, and the number 20.
        Dataset<Row> twice =
                with(Points.row(20, good, 1)).withColumn("id", functions.expr("case when id = 4 then 5 else id end"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> classifier().fit(twice))
                .withMessage("id: got 5 more than once, expected each row to have a number of its own");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> classifier().fit(Points.frame(spark, List.of())))
                .withMessage("dataset: got no rows, expected at least one");
        refusedByName(
                classifier(),
                Points.frame(spark, List.of(Points.row(0, new double[0], 0))),
                "features: got empty vectors");
    }

    private static void refusedByName(SpikingClassifier classifier, Dataset<Row> rows, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> classifier.fit(rows))
                .withMessageContaining(message);
    }

    @Test
    void classesThatMetadataDontKnow() {
        Dataset<Row> rows = Points.frame(spark, 20, 1)
                .withMetadata(
                        "label",
                        NominalAttribute.defaultAttr()
                                .withName("label")
                                .withNumValues(2)
                                .toMetadata());
        refusedByName(classifier(), rows, "label: got class 2, expected 0 to 1, as the column's metadata say");
        Dataset<Row> roomy = Points.frame(spark, 20, 1)
                .withMetadata(
                        "label",
                        NominalAttribute.defaultAttr()
                                .withName("label")
                                .withNumValues(5)
                                .toMetadata());
        assertThat(classifier().fit(roomy).numClasses()).isEqualTo(5);
    }

    @Test
    void rowsToPredict() throws Exception {
        SpikingClassifierModel model = classifier().fit(Points.frame(spark, 20, 1));
        double[] good = new double[Points.FEATURES];
        double[] bad = good.clone();
        bad[0] = -0.5;
        assertThatThrownBy(() -> model.transform(with(Points.row(30, good, 3))).collect())
                .hasStackTraceContaining(
                        "label: got class 3.0, expected 0 to 2, the classes that the model was fitted with");
        assertThatThrownBy(() -> model.transform(with(Points.row(30, bad, 1))).collect())
                .hasStackTraceContaining("features: element 0: got -0.5, expected 0 to 1.0");
        assertThatThrownBy(() ->
                        model.transform(with(Points.row(30, new double[3], 1))).collect())
                .hasStackTraceContaining("features: got a vector of 3 elements, expected 12");
        assertThatThrownBy(() ->
                        model.transform(with(RowFactory.create(30L, null, 1.0))).collect())
                .isInstanceOf(SparkException.class)
                .hasStackTraceContaining("features: got null, expected a vector");
        Dataset<Row> more = Points.frame(spark, 20, 1)
                .withMetadata(
                        "label",
                        NominalAttribute.defaultAttr()
                                .withName("label")
                                .withNumValues(4)
                                .toMetadata());
        refusedWithoutAJob(
                () -> model.transform(more), "label: got 4 classes, expected at most 3, as the model was fitted with");
        SpikingClassifierModel two =
                classifier().setThresholds(new double[] {1, 1}).fit(Points.frame(spark, 20, 1));
        refusedWithoutAJob(() -> two.transform(more.drop("label")), "thresholds: got 2, expected 3, one a class");
        // Rows without a label, or with a column of its name that is none, are rows like any.
        assertThat(model.transform(Points.frame(spark, 5, 1).drop("label")).count())
                .isEqualTo(5);
        assertThat(model.transform(Points.frame(spark, 5, 1).withColumn("label", functions.lit("?")))
                        .collectAsList())
                .hasSize(5);
    }

    @Test
    void aTrainingThatDiverges() {
        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(() -> classifier()
                        .setStepSize(1)
                        .setGradientClip(0)
                        .setPreset("default")
                        .setHidden(8)
                        .setSteps(300)
                        .setBatchSize(64)
                        .setMaxIter(1000)
                        .fit(Points.frame(spark, 64, 1)))
                .withMessageContaining("training diverged in epoch");
    }

    @Test
    void aClusterOnWhichTasksCannotWorkTogether() {
        for (String name :
                List.of("spark.dynamicAllocation.enabled", "spark.network.crypto.enabled", "spark.ssl.rpc.enabled")) {
            spark.sparkContext().conf().set(name, "true");
            try {
                assertThatExceptionOfType(IllegalStateException.class)
                        .isThrownBy(() -> classifier().fit(Points.frame(spark, 10, 1)))
                        .withMessageStartingWith(name + ": got true, expected false");
            } finally {
                spark.sparkContext().conf().remove(name);
            }
        }
    }
}
