// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.network.Checkpoint;
import scala.Tuple2;
import scala.reflect.ClassTag$;

/** A stage that is repeated goes on from the last checkpoint, with the bits of one that was not. */
class ResumeTest {
    private static final int ROWS = 200;
    private static SparkSession spark;

    @TempDir
    private Path folder;

    @BeforeAll
    static void start() {
        spark = Sessions.local(2);
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private static FitPlan plan(TrainingStore store) {
        return new FitPlan(
                Points.FEATURES,
                List.of(16),
                Points.CLASSES,
                "QLIF spike_value=SAMPLE homeostasis_tau=20.0",
                5,
                3,
                64,
                0.02,
                0.9,
                0.5,
                5,
                0,
                0,
                "cpu",
                store,
                2);
    }

    private static FitOutcome run(FitPlan plan) {
        Placement placement = new Placement(ROWS, plan.seed(), 2);
        List<Tuple2<Integer, LabeledRow>> rows = new ArrayList<>();
        for (Row row : Points.frame(spark, ROWS, 1).collectAsList()) {
            byte[] levels = new Levels(1, false).of((Vector) row.get(1));
            long id = row.getLong(0);
            rows.add(new Tuple2<>(
                    placement.places()[(int) id], new LabeledRow(id, (int) row.getDouble(2), levels, null)));
        }
        JavaPairRDD<Integer, LabeledRow> placed = JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelizePairs(rows)
                .partitionBy(new TaskPartitioner(placement));
        return placed.rdd()
                .barrier()
                .<FitOutcome>mapPartitions(
                        new FitTask(plan, placement), false, ClassTag$.MODULE$.apply(FitOutcome.class))
                .toJavaRDD()
                .collect()
                .getFirst();
    }

    @Test
    void goesOnFromTheLastCheckpoint() throws IOException {
        TrainingStore store = new TrainingStore(
                folder.toUri().toString(),
                new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
        assertThat(store.newest()).isEmpty();
        Checkpoint whole = run(plan(store)).network().read();
        // After every second epoch but the last.
        assertThat(store.newest()).isEqualTo("epoch-000000004.safetensors");
        Checkpoint second = store.read("epoch-000000002.safetensors").read();
        assertThat(second.place()).isEqualTo(new Checkpoint.Place(ROWS, 3, 64, 3, 0));
        double[] losses = SavedNetwork.losses(second);
        assertThat(losses).hasSize(2);
        assertThat(SavedNetwork.losses(whole)).hasSize(5).startsWith(losses);

        // The first training can't have noted such losses.
        Files.delete(folder.resolve("epoch-000000004.safetensors"));
        Files.delete(folder.resolve("epoch-000000002.safetensors"));
        store.write(2, SavedNetwork.of(SavedNetwork.withLosses(second, new double[] {42, 43})));
        Checkpoint resumed = run(plan(store)).network().read();
        assertThat(SavedNetwork.losses(resumed)).hasSize(5).startsWith(42, 43).endsWith(SavedNetwork.losses(whole)[4]);
        Networks.assertSame(resumed.network(), whole.network());
        store.delete();
        assertThat(folder).doesNotExist();
    }
}
