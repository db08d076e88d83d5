// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.feature.MinMaxScaler;
import org.apache.spark.ml.feature.StringIndexer;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.tuning.CrossValidator;
import org.apache.spark.ml.tuning.CrossValidatorModel;
import org.apache.spark.ml.tuning.ParamGridBuilder;
import org.apache.spark.ml.tuning.TrainValidationSplit;
import org.apache.spark.ml.tuning.TrainValidationSplitModel;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.qlif.network.Checkpoint;

/** A classifier is a stage of Spark ML like any other. */
class StageTest {
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

    private static MulticlassClassificationEvaluator accuracy() {
        return new MulticlassClassificationEvaluator().setMetricName("accuracy");
    }

    @Test
    void learns() {
        SpikingClassifierModel model = Points.classifier().fit(Points.frame(spark, 300, 3));
        assertThat(accuracy().evaluate(model.transform(Points.frame(spark, 90, 2))))
                .isGreaterThan(0.95);
        double[] losses = model.objectiveHistory();
        assertThat(losses).hasSize(8);
        assertThat(losses[7]).isLessThan(losses[0]);
        assertThat(model.toString()).contains("numClasses=3", "numFeatures=12", "12-16-3");
    }

    @Test
    void aSavedModelPredictsTheSame() throws IOException {
        String path = folder.resolve("model").toString();
        SpikingClassifierModel model = Points.classifier().setMaxIter(2).fit(Points.frame(spark, 100, 2));
        model.setProbabilityCol("p").write().overwrite().save(path);
        SpikingClassifierModel loaded = SpikingClassifierModel.load(path);
        assertThat(loaded.uid()).isEqualTo(model.uid());
        assertThat(loaded.explainParams()).isEqualTo(model.explainParams());
        assertThat(loaded.getProbabilityCol()).isEqualTo("p");
        assertThat(loaded.getIdCol()).isEqualTo("id");
        assertThat(loaded.objectiveHistory()).isEqualTo(model.objectiveHistory());
        Dataset<Row> rows = Points.frame(spark, 40, 3);
        assertThat(loaded.transform(rows).orderBy("id").collectAsList())
                .isEqualTo(model.transform(rows).orderBy("id").collectAsList());
        // The file is one for everybody.
        Checkpoint file = Checkpoint.read(folder.resolve("model/network.safetensors"));
        Networks.assertSame(file.network(), model.checkpoint().network());
        assertThat(file.steps()).hasValue(5);
        assertThat(file.seed()).isEqualTo(3);
    }

    /** Spark shows arrays by their addresses. */
    private static String explained(SpikingClassifier classifier) {
        return classifier.explainParams().replaceAll("@[0-9a-f]+", "");
    }

    @Test
    void aSavedClassifierHasItsParams() throws IOException {
        SpikingClassifier classifier =
                Points.classifier().setHidden(8, 6).setSettings("use_ahp=false").setNeuron("QLIF tau=3");
        String path = folder.resolve("classifier").toString();
        classifier.write().save(path);
        SpikingClassifier loaded = SpikingClassifier.load(path);
        assertThat(explained(loaded)).isEqualTo(explained(classifier));
        assertThat(loaded.getHidden()).containsExactly(8, 6);
        assertThat(loaded.getSettings()).containsExactly("use_ahp=false");
        SpikingClassifier copy =
                loaded.copy(new ParamMap().put(loaded.stepSize().w(0.5)));
        assertThat(copy.uid()).isEqualTo(loaded.uid());
        assertThat(copy.getStepSize()).isEqualTo(0.5);
        assertThat(loaded.getStepSize()).isEqualTo(0.02);
        assertThat(loaded.explainParams())
                .contains("batchSize: ", "the rows of a training step", "default: 128, current: 32", "imageWidth: ");
    }

    /** All layers of a deep network learn, and any neurons do. */
    @Test
    void takesAnyNeurons() {
        Dataset<Row> rows = Points.frame(spark, 120, 2);
        SpikingClassifierModel deep = Points.classifier()
                .setHidden(20, 10)
                .setPreset("lif")
                .setMaxIter(2)
                .fit(rows);
        assertThat(deep.checkpoint().network().toString()).contains("12-20-10-3");
        assertThat(deep.checkpoint().network().config(3).model()).isEqualTo("LIF");
        SpikingClassifierModel own = Points.classifier()
                .setNeuron("QLIF tau=3.0 use_ahp=false")
                .setMaxIter(1)
                .fit(rows);
        assertThat(own.checkpoint().network().config(1).toString()).isEqualTo("QLIF use_ahp=false tau=3.0");
    }

    @Test
    void clipsFeaturesIfAsked() {
        SpikingClassifier classifier = Points.classifier().setMaxIter(1);
        SpikingClassifierModel model = classifier.fit(Points.frame(spark, 60, 1));
        double[] features = new double[Points.FEATURES];
        features[1] = 1;
        Vector within = new DenseVector(features.clone());
        features[0] = -0.25;
        features[1] = Double.POSITIVE_INFINITY;
        Vector beyond = new DenseVector(features.clone());
        features[0] = Double.NaN;
        Vector nan = new DenseVector(features);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.predictRaw(beyond))
                .withMessageContaining("element 0: got -0.25, expected 0 to 1.0: set featureMax, or featureClip");

        SpikingClassifierModel clips = classifier
                .setFeatureClip(true)
                .fit(Points.frame(
                        spark, List.of(Points.row(0, beyond.toArray(), 1), Points.row(1, within.toArray(), 0))));
        assertThat(clips.getFeatureClip()).isTrue();
        assertThat(clips.predictRaw(beyond)).isEqualTo(clips.predictRaw(within));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> clips.predictRaw(nan))
                .withMessageContaining("element 0: got NaN, expected 0 to 1.0");
    }

    @Test
    void thresholdsShiftThePrediction() {
        SpikingClassifierModel model = Points.classifier().setMaxIter(1).fit(Points.frame(spark, 60, 1));
        Dataset<Row> rows = Points.frame(spark, 10, 1);
        model.setThresholds(new double[] {1, 1e-9, 1});
        for (Row row : model.transform(rows).collectAsList()) {
            assertThat((double) row.getAs("prediction")).isEqualTo(1);
            Vector features = row.getAs("features");
            assertThat(features.size()).isEqualTo(12);
            double sum =
                    Arrays.stream(((Vector) row.getAs("probability")).toArray()).sum();
            assertThat(sum).isCloseTo(1, Offset.offset(1e-12));
        }
        // A column without a name is left out.
        model.setRawPredictionCol("").setProbabilityCol("");
        assertThat(model.transform(rows).columns()).containsExactly("id", "features", "label", "prediction");
    }

    @Test
    void worksInAPipeline() throws IOException {
        Dataset<Row> rows = Points.frame(spark, 150, 2)
                .withColumnRenamed("features", "raw")
                .withColumnRenamed("label", "number")
                .selectExpr("id", "raw", "concat('class ', cast(number as int)) as name");
        PipelineModel model = new Pipeline()
                .setStages(new PipelineStage[] {
                    new StringIndexer().setInputCol("name").setOutputCol("label"),
                    new MinMaxScaler().setInputCol("raw").setOutputCol("features"),
                    Points.classifier()
                })
                .fit(rows);
        String path = folder.resolve("pipeline").toString();
        model.write().save(path);
        Dataset<Row> predicted = PipelineModel.load(path).transform(rows);
        assertThat(accuracy().evaluate(predicted)).isGreaterThan(0.9);
        assertThat(predicted.schema().apply("label").metadata().json()).contains("class 0");
        assertThat(predicted.orderBy("id").collectAsList())
                .isEqualTo(model.transform(rows).orderBy("id").collectAsList());
    }

    /** Sweeps that run side by side choose what they choose one by one. */
    @Test
    void sweepsInParallel() {
        Dataset<Row> rows = Points.frame(spark, 120, 2).cache();
        SpikingClassifier classifier = Points.classifier().setMaxIter(3);
        ParamMap[] grid = new ParamGridBuilder()
                .addGrid(classifier.stepSize(), new double[] {1e-6, 0.03})
                .build();
        CrossValidator validator = new CrossValidator()
                .setEstimator(classifier)
                .setEstimatorParamMaps(grid)
                .setEvaluator(accuracy())
                .setNumFolds(2)
                .setSeed(1);
        CrossValidatorModel one = validator.setParallelism(1).fit(rows);
        CrossValidatorModel two = validator.setParallelism(2).fit(rows);
        assertThat(two.avgMetrics()).isEqualTo(one.avgMetrics());
        SpikingClassifierModel best = (SpikingClassifierModel) two.bestModel();
        Networks.assertSame(
                best.checkpoint().network(),
                ((SpikingClassifierModel) one.bestModel()).checkpoint().network());
        assertThat(((SpikingClassifier) best.parent()).getStepSize()).isEqualTo(0.03);
        TrainValidationSplitModel split = new TrainValidationSplit()
                .setEstimator(classifier)
                .setEstimatorParamMaps(grid)
                .setEvaluator(accuracy())
                .setTrainRatio(0.7)
                .setParallelism(2)
                .setSeed(1)
                .fit(rows);
        assertThat(split.validationMetrics()[1]).isGreaterThan(split.validationMetrics()[0]);
    }

    @Test
    void refusesAModelFolderThatIsNotWhole() throws IOException {
        Path path = folder.resolve("model");
        SpikingClassifierModel model = Points.classifier().setMaxIter(1).fit(Points.frame(spark, 40, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SpikingClassifierModel.load(path.toString()))
                .withMessageContaining("without 'metadata'");
        model.write().save(path.toString());
        Path file = path.resolve("network.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        // Hadoop's local file system keeps checksums beside files.
        Files.deleteIfExists(path.resolve(".network.safetensors.crc"));
        Files.delete(file);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SpikingClassifierModel.load(path.toString()))
                .withMessageContaining("without 'network.safetensors'");
        Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SpikingClassifierModel.load(path.toString()))
                .withMessageContaining(path + "/network.safetensors: ");
        String newer = new String(bytes, StandardCharsets.ISO_8859_1)
                .replace("\"format_version\":\"1\"", "\"format_version\":\"2\"");
        Files.write(file, newer.getBytes(StandardCharsets.ISO_8859_1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SpikingClassifierModel.load(path.toString()))
                .withMessageContaining("format_version");
        Checkpoint.of(model.checkpoint().network(), 3).write(file);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SpikingClassifierModel.load(path.toString()))
                .withMessageContaining("encoder: missing");
        assertThat(List.of(path.toFile().list())).contains("metadata");
    }
}
