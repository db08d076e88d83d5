// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.qlif.network.Batch;
import org.qlif.network.Checkpoint;
import org.qlif.network.Loss;
import org.qlif.network.Network;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.Trainer;
import org.qlif.training.ImageSet;
import org.qlif.training.Training;
import org.qlif.training.TrainingListener;
import org.qlif.training.TrainingResult;

/** Fits and predictions have the bits of one machine, whatever the partitions and tasks. */
class SpikingClassifierTest {
    /** The last block is not full, and neither is the last batch. */
    private static final int ROWS = 1000;

    private static SparkSession spark;

    @TempDir
    private static Path folder;

    private static TrainingResult training;
    private static Network trained;

    @BeforeAll
    static void trainOnOneMachine() throws IOException {
        spark = Sessions.local(8);
        Path file = folder.resolve("one-machine.safetensors");
        training =
                Training.run(Digits.options().trainImages(ROWS).checkpoint(file).build(), new TrainingListener() {});
        trained = Checkpoint.read(file).network();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "2, 2", "3, 3", "8, 8", "1, 0", "16, 2"})
    void fitsAsOneMachine(int partitions, int tasks) throws IOException {
        SpikingClassifierModel model = Digits.classifier().setTasks(tasks).fit(Digits.train(spark, ROWS, partitions));
        Networks.assertSame(model.checkpoint().network(), trained);
        assertThat(model.objectiveHistory())
                .containsExactly(training.epochs().stream()
                        .mapToDouble(each -> each.loss())
                        .toArray());
        assertThat(model.numClasses()).isEqualTo(10);
        assertThat(model.numFeatures()).isEqualTo(784);
    }

    /** Numbers of rows with gaps count by their order. */
    @Test
    void anyNumbersTellRowsApart() throws IOException {
        Dataset<Row> rows =
                Digits.train(spark, ROWS, 3).withColumn("id", functions.expr("cast(id as int) * 1000 - 500000"));
        Networks.assertSame(Digits.classifier().fit(rows).checkpoint().network(), trained);
    }

    /** Without an id column, neither partitions nor the order of rows count. */
    @Test
    void contentTellsRowsApart() throws IOException {
        SpikingClassifier classifier = Digits.classifier().setMaxIter(1);
        classifier.clear(classifier.idCol());
        Dataset<Row> rows = Digits.train(spark, ROWS, 2);
        // Twice the same row.
        Network expected = classifier
                .setTasks(1)
                .fit(rows.unionByName(rows.filter("id = 5")).coalesce(1))
                .checkpoint()
                .network();
        Network got = classifier
                .setTasks(3)
                .fit(rows.unionByName(rows.filter("id = 5"))
                        .orderBy(functions.col("id").desc())
                        .repartition(7))
                .checkpoint()
                .network();
        Networks.assertSame(got, expected);
    }

    /** As a test of the kit, with an id column or without. */
    @Test
    void predictsAsOneMachine() throws IOException {
        SpikingClassifierModel model = Digits.classifier().fit(Digits.train(spark, ROWS, 2));
        ImageSet images = ImageSet.test(Digits.FOLDER, ImageSet.training(Digits.FOLDER));
        PoissonEncoder encoder = new PoissonEncoder(images.pixels(), Digits.PIXELS, 6);
        int[] rows = new int[100];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = i;
        }
        float[] expected;
        try (Trainer trainer =
                Trainer.builder(trained).seed(7).device("cpu:scalar").build()) {
            expected = trainer.outputs(new Batch(encoder, Loss.crossEntropy(new int[images.count()]), rows));
        }
        for (int partitions : new int[] {1, 3, 8}) {
            Row[] predicted = (Row[]) model.transform(Digits.test(spark, 100, partitions))
                    .orderBy("id")
                    .collect();
            assertThat(predicted).hasSize(100);
            for (int i = 0; i < rows.length; i++) {
                double[] raw = ((Vector) predicted[i].getAs("rawPrediction")).toArray();
                int best = 0;
                for (int c = 0; c < 10; c++) {
                    assertThat((float) raw[c]).isEqualTo(expected[i * 10 + c]);
                    best = expected[i * 10 + c] > expected[i * 10 + best] ? c : best;
                }
                assertThat((double) predicted[i].getAs("prediction")).isEqualTo(best);
            }
        }
        model.clear(model.idCol());
        List<Row> one =
                model.transform(Digits.test(spark, 100, 1)).orderBy("id").collectAsList();
        List<Row> many =
                model.transform(Digits.test(spark, 100, 5)).orderBy("id").collectAsList();
        assertThat(many).isEqualTo(one);
        // Vector by vector, too.
        Vector features = one.get(3).getAs("features");
        assertThat(model.predictRaw(features)).isEqualTo(one.get(3).getAs("rawPrediction"));
        assertThat(model.predictProbability(features)).isEqualTo(one.get(3).getAs("probability"));
        assertThat(model.predict(features)).isEqualTo(one.get(3).getAs("prediction"));
    }
}
