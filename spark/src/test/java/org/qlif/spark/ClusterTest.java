// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.network.Checkpoint;
import org.qlif.network.Network;
import org.qlif.training.Training;
import org.qlif.training.TrainingListener;

/** On executors that are processes of their own, of which one dies. */
class ClusterTest {
    private static final int ROWS = 1000;
    private static final int EPOCHS = 40;

    @TempDir
    private static Path folder;

    private static Network trained;
    private static Cluster cluster;

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        Path file = folder.resolve("one-machine.safetensors");
        Training.run(
                Digits.options()
                        .trainImages(ROWS)
                        .epochs(EPOCHS)
                        .learningRateDecay(1)
                        .checkpoint(file)
                        .build(),
                new TrainingListener() {});
        trained = Checkpoint.read(file).network();
        cluster = new Cluster(Files.createDirectory(folder.resolve("spark")));
    }

    @AfterAll
    static void stop() {
        if (cluster != null) {
            cluster.close();
        }
    }

    private static List<Path> checkpoints(Path checkpoints) throws IOException {
        try (Stream<Path> files = Files.walk(checkpoints)) {
            return files.filter(file -> file.getFileName().toString().matches("epoch-\\d+\\.safetensors"))
                    .toList();
        }
    }

    @Test
    void anExecutorThatDiesChangesNoBit() throws Exception {
        SparkSession spark = cluster.spark();
        Path checkpoints = Files.createDirectory(folder.resolve("checkpoints"));
        spark.sparkContext().setCheckpointDir(checkpoints.toString());
        AtomicInteger repeated = new AtomicInteger();
        spark.sparkContext().addSparkListener(new SparkListener() {
            @Override
            public void onStageSubmitted(SparkListenerStageSubmitted submitted) {
                repeated.accumulateAndGet(submitted.stageInfo().attemptNumber(), Math::max);
            }
        });
        Dataset<Row> rows = Digits.train(spark, ROWS, 4);
        CompletableFuture<SpikingClassifierModel> fit = CompletableFuture.supplyAsync(
                () -> Digits.classifier().setMaxIter(EPOCHS).setStepSizeDecay(1).fit(rows));
        while (checkpoints(checkpoints).size() < 3 && !fit.isDone()) {
            Thread.sleep(10);
        }
        assertThat(fit).as("the training, when the executor is killed").isNotDone();
        List<ProcessHandle> executors = cluster.executors();
        assertThat(executors).hasSize(2);
        executors.getFirst().destroyForcibly();
        SpikingClassifierModel model = fit.get(120, TimeUnit.SECONDS);
        spark.sparkContext().listenerBus().waitUntilEmpty();
        assertThat(repeated.get()).as("how often a stage was repeated").isPositive();
        Networks.assertSame(model.checkpoint().network(), trained);
        assertThat(model.objectiveHistory()).hasSize(EPOCHS);
        assertThat(checkpoints(checkpoints)).as("checkpoints that were left").isEmpty();
        // The model goes to executors and predicts there.
        assertThat(model.transform(Digits.test(spark, 50, 3))
                        .filter("prediction = label")
                        .count())
                .isGreaterThan(30);
    }
}
