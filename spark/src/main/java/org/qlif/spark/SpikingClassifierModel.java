// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.ml.classification.ProbabilisticClassificationModel;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.ml.util.MetadataUtils;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.qlif.network.Checkpoint;
import org.qlif.network.Network;
import scala.Option;
import scala.Tuple3;
import scala.reflect.ClassTag$;

/**
 * A trained {@link SpikingClassifier}. {@code transform} adds the outputs, their probabilities and the class: {@code rawPrediction}, {@code
 * probability}, {@code prediction}. A task opens its kernels once and predicts 32 rows at a time for each of its threads.
 *
 * <p>Random numbers for a row, such as its spikes, depend on the row's id if there is an id column, else on its content. So predictions do
 * not depend on partitions, and without ids, equal rows get equal predictions. A row with id n has the same bits as row n in a test of the
 * network kit.
 *
 * <pre>{@code
 * SpikingClassifierModel model = SpikingClassifierModel.load("hdfs:///models/digits");
 * Dataset<Row> predictions = model.transform(test);
 * double accuracy = new MulticlassClassificationEvaluator()
 *         .setMetricName("accuracy")
 *         .evaluate(predictions);
 * }</pre>
 *
 * <p>A saved model is a folder with Spark's {@code metadata} and the file {@code network.safetensors}, docs/checkpoints.md, which Python
 * and {@code ./qlif run} can also read. Not thread-safe, except for {@code transform}.
 */
public final class SpikingClassifierModel extends ProbabilisticClassificationModel<Vector, SpikingClassifierModel>
        implements MLWritable {
    private static final long serialVersionUID = 1;

    private final String uid;
    private final SharedParams shared;
    private final SavedNetwork network;
    /** The network on the executors of a SparkContext. */
    private transient @Nullable Broadcast<SavedNetwork> broadcast;

    private transient @Nullable SparkContext broadcastBy;
    /** For the prediction of single vectors. */
    private transient @Nullable Predictor single;

    SpikingClassifierModel(String uid, SavedNetwork network) {
        // Spark's constructors call it.
        this.uid = uid;
        super();
        shared = new SharedParams(this);
        this.network = network;
    }

    @Override
    public String uid() {
        return uid;
    }

    /** Param for the column of numbers that identify rows; not set by default. */
    public Param<String> idCol() {
        return shared.idCol;
    }

    /** The column of numbers that identify rows; not set by default. */
    public String getIdCol() {
        return getOrDefault(shared.idCol);
    }

    /**
     * Sets the column of numbers that identify rows.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifierModel setIdCol(String value) {
        set(shared.idCol, value);
        return this;
    }

    /** Param for the greatest feature, above 0; 1 unless set. */
    public DoubleParam featureMax() {
        return shared.featureMax;
    }

    /** The greatest feature, above 0; 1 unless set. */
    public double getFeatureMax() {
        return (Double) getOrDefault(shared.featureMax);
    }

    /**
     * Sets the greatest feature, above 0.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifierModel setFeatureMax(double value) {
        set(shared.featureMax, value);
        return this;
    }

    /** Param for whether features out of range count as the nearer bound; false unless set: such a row is refused. */
    public BooleanParam featureClip() {
        return shared.featureClip;
    }

    /** Whether features out of range count as the nearer bound; false unless set: such a row is refused. */
    public boolean getFeatureClip() {
        return (Boolean) getOrDefault(shared.featureClip);
    }

    /**
     * Sets whether a feature below 0 counts as 0 and one above the greatest as the greatest. Set it if new rows may be outside the range
     * that a scaler was fitted on.
     */
    public SpikingClassifierModel setFeatureClip(boolean value) {
        set(shared.featureClip, value);
        return this;
    }

    /**
     * Param for the device that a task computes on: {@code cpu}, the default, {@code cpu:simd}, {@code cpu:native} or {@code cpu:scalar}.
     */
    public Param<String> device() {
        return shared.device;
    }

    /** The device that a task computes on: {@code cpu}, the default, {@code cpu:simd}, {@code cpu:native} or {@code cpu:scalar}. */
    public String getDevice() {
        return getOrDefault(shared.device);
    }

    /**
     * Sets the device that a task computes on: {@code cpu}, {@code cpu:simd}, {@code cpu:native} or {@code cpu:scalar}.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifierModel setDevice(String value) {
        set(shared.device, value);
        return this;
    }

    /** A copy of the network, to use with {@code org.qlif.network}. */
    public Checkpoint checkpoint() {
        try {
            return network.read();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /** The mean loss of each epoch of the training, from first to last. */
    public double[] objectiveHistory() {
        return SavedNetwork.losses(network.shared());
    }

    /** The number of classes. */
    @Override
    public int numClasses() {
        return network.shared().network().outputs();
    }

    /** The number of features of a row. */
    @Override
    public int numFeatures() {
        return network.shared().network().inputs();
    }

    @Override
    public SpikingClassifierModel copy(ParamMap extra) {
        SpikingClassifierModel copy = new SpikingClassifierModel(uid, network);
        copyValues(copy, extra);
        return copy.setParent(parent());
    }

    /**
     * The outputs for a vector; random numbers depend on its content. To predict many vectors, {@link #transform} is faster.
     *
     * @throws IllegalArgumentException if its size is not {@link #numFeatures}, or an element is NaN, or out of range and {@link
     *     #featureClip} is not set
     */
    @Override
    public synchronized Vector predictRaw(Vector features) {
        if (features.size() != numFeatures()) {
            throw new IllegalArgumentException("features: got a vector of " + features.size() + " elements, expected "
                    + numFeatures() + ", as the model was fitted with");
        }
        byte[] levels = shared.levels().of(features);
        if (single == null) {
            single = new Predictor(network.shared(), getDevice(), 1);
        }
        single.add(levels, Levels.hash(levels));
        return single.predict()[0];
    }

    @Override
    public Vector raw2probabilityInPlace(Vector outputs) {
        DenseVector probabilities = Probabilities.of(outputs);
        System.arraycopy(probabilities.values(), 0, ((DenseVector) outputs).values(), 0, probabilities.size());
        return outputs;
    }

    /**
     * Checks the columns.
     *
     * @throws IllegalArgumentException if a column is missing or of the wrong type, or its metadata gives another size of vectors, or more
     *     classes than the model knows
     */
    @Override
    public StructType transformSchema(StructType schema) {
        shared.requireIds(schema);
        StructType transformed = super.transformSchema(schema);
        int size =
                AttributeGroup.fromStructField(schema.apply(getFeaturesCol())).size();
        if (size >= 0 && size != numFeatures()) {
            throw new IllegalArgumentException(getFeaturesCol() + ": got vectors of " + size + " elements, expected "
                    + numFeatures() + ", as the model was fitted with");
        }
        if (hasLabels(schema)) {
            Option<Object> classes = MetadataUtils.getNumClasses(schema.apply(getLabelCol()));
            if (classes.isDefined() && (Integer) classes.get() > numClasses()) {
                throw new IllegalArgumentException(getLabelCol() + ": got " + classes.get()
                        + " classes, expected at most " + numClasses() + ", as the model was fitted with");
            }
        }
        return transformed;
    }

    /**
     * Adds predictions to a dataset.
     *
     * @throws IllegalArgumentException as {@link #transformSchema}; faults in single rows are found when they are processed, and make that
     *     job fail
     */
    @Override
    public Dataset<Row> transform(Dataset<?> dataset) {
        StructType schema = dataset.schema();
        StructType transformed = transformSchema(schema);
        double @Nullable [] thresholds = isDefined(thresholds()) ? getThresholds() : null;
        if (thresholds != null && thresholds.length != numClasses()) {
            throw new IllegalArgumentException(
                    "thresholds: got " + thresholds.length + ", expected " + numClasses() + ", one a class");
        }
        List<PredictRows.Output> outputs = new ArrayList<>();
        for (String name : Arrays.asList(transformed.fieldNames()).subList(schema.size(), transformed.size())) {
            outputs.add(
                    name.equals(getRawPredictionCol())
                            ? PredictRows.Output.RAW
                            : name.equals(getProbabilityCol())
                                    ? PredictRows.Output.PROBABILITY
                                    : PredictRows.Output.PREDICTION);
        }
        String idCol = shared.idCol();
        PredictRows predict = new PredictRows(
                broadcast(dataset.sparkSession().sparkContext()),
                shared.levels(),
                getDevice(),
                thresholds,
                schema.fieldIndex(getFeaturesCol()),
                idCol == null ? -1 : schema.fieldIndex(idCol),
                hasLabels(schema) ? schema.fieldIndex(getLabelCol()) : -1,
                List.of(getFeaturesCol(), idCol == null ? "" : idCol, getLabelCol()),
                outputs);
        Dataset<Row> predicted = dataset.toDF().mapPartitions(predict, Encoders.row(transformed));
        for (StructField field : transformed.fields()) {
            // An encoder of rows drops them.
            if (!field.metadata().equals(Metadata.empty())) {
                predicted = predicted.withMetadata(field.name(), field.metadata());
            }
        }
        return predicted;
    }

    /** Whether there is a column of labels, which a dataset to predict need not have. */
    private boolean hasLabels(StructType schema) {
        return schema.getFieldIndex(getLabelCol()).isDefined()
                && schema.apply(getLabelCol()).dataType() instanceof NumericType;
    }

    private synchronized Broadcast<SavedNetwork> broadcast(SparkContext context) {
        if (broadcast == null || broadcastBy != context) {
            broadcast = context.broadcast(network, ClassTag$.MODULE$.apply(SavedNetwork.class));
            broadcastBy = context;
        }
        return broadcast;
    }

    /** Needed by Spark's training summaries. Overridden since the two inherited definitions conflict in Java. */
    @Override
    @SuppressWarnings({"rawtypes", "unchecked"})
    public Tuple3 findSummaryModel() {
        return super.findSummaryModel();
    }

    @Override
    public MLWriter write() {
        return new ModelFolder.Writer(this, network);
    }

    /** A reader of what {@link #write} has saved. */
    public static MLReader<SpikingClassifierModel> read() {
        return new ModelFolder.Reader();
    }

    /**
     * Reads what {@link #write} has saved to this folder.
     *
     * @throws IllegalArgumentException if the folder is incomplete or from a newer version; the message says what is missing or wrong
     */
    public static SpikingClassifierModel load(String path) {
        return read().load(path);
    }

    /** The name and the network. */
    @Override
    public String toString() {
        Network trained = network.shared().network();
        return "SpikingClassifierModel: uid=" + uid + ", numClasses=" + numClasses() + ", numFeatures=" + numFeatures()
                + ", " + trained;
    }
}
