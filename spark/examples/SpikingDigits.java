// SPDX-License-Identifier: Apache-2.0
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.qlif.spark.SpikingClassifier;
import org.qlif.spark.SpikingClassifierModel;

/** Handwritten digits, learned on Spark: the folder of MNIST's files, images to train on, epochs. */
class SpikingDigits {
    private static final int PIXELS = 784;

    public static void main(String[] args) throws Exception {
        try (SparkSession spark = SparkSession.builder().appName("spiking digits").getOrCreate()) {
            train(spark, Path.of(args[0]), Integer.parseInt(args[1]), Integer.parseInt(args[2]));
        }
    }

    static double train(SparkSession spark, Path folder, int images, int epochs) throws Exception {
        SpikingClassifier classifier = new SpikingClassifier()
                .setIdCol("id") // an image's number: with it, the bits are those of ./qlif train
                .setFeatureMax(255)
                .setMaxIter(epochs);
        SpikingClassifierModel model = classifier.fit(digits(spark, folder, "train", images));
        for (double loss : model.objectiveHistory()) {
            System.out.printf("loss %.4f%n", loss);
        }
        double accuracy = new MulticlassClassificationEvaluator()
                .setMetricName("accuracy")
                .evaluate(model.transform(digits(spark, folder, "t10k", 10_000)));
        System.out.println("right of the test images: " + accuracy);
        return accuracy;
    }

    /** A DataFrame of images, one row each. Real data would be read by the executors, with spark.read(). */
    private static Dataset<Row> digits(SparkSession spark, Path folder, String name, int images) throws Exception {
        byte[] pixels = content(folder.resolve(name + "-images-idx3-ubyte.gz"), 16);
        byte[] labels = content(folder.resolve(name + "-labels-idx1-ubyte.gz"), 8);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < Math.min(images, labels.length); i++) {
            double[] features = new double[PIXELS];
            for (int k = 0; k < PIXELS; k++) {
                features[k] = pixels[i * PIXELS + k] & 0xff;
            }
            rows.add(RowFactory.create((long) i, Vectors.dense(features), (double) labels[i]));
        }
        StructType schema = new StructType()
                .add("id", DataTypes.LongType)
                .add("features", SQLDataTypes.VectorType())
                .add("label", DataTypes.DoubleType);
        return spark.createDataFrame(rows, schema).repartition(8);
    }

    /** A file of MNIST after its header. */
    private static byte[] content(Path file, int header) throws Exception {
        try (InputStream in = new GZIPInputStream(Files.newInputStream(file))) {
            in.skipNBytes(header);
            return in.readAllBytes();
        }
    }
}
