// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import org.apache.spark.HashPartitioner;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.ml.classification.ProbabilisticClassifier;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntArrayParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.StringArrayParam;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWriter;
import org.apache.spark.ml.util.Identifiable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.ml.util.MetadataUtils;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;
import org.qlif.network.Trainer;
import scala.Option;
import scala.Tuple2;
import scala.reflect.ClassTag$;

/**
 * A classifier of vectors by a network of spiking neurons, as a stage of Spark ML: each feature is an input that spikes more often the
 * greater it is, and classes are read from the mean spikes of the last hidden layer. {@code fit} trains on all slots of the cluster at once
 * and returns a {@link SpikingClassifierModel}, whose bits depend only on the data and the params, not on partitions, executors or
 * failures. If {@link #idCol} numbers the rows from 0, the bits are those of {@code ./qlif train} on one machine.
 *
 * <pre>{@code
 * SpikingClassifier classifier = new SpikingClassifier()
 *         .setFeaturesCol("pixels") // vectors of 784 numbers from 0 to 255
 *         .setFeatureMax(255)
 *         .setIdCol("id")
 *         .setHidden(512)
 *         .setBatchSize(512)
 *         .setMaxIter(5);
 * SpikingClassifierModel model = classifier.fit(train);
 * Dataset<Row> predictions = model.transform(test);
 * model.write().overwrite().save("hdfs:///models/digits");
 * }</pre>
 *
 * <p>Labels are classes: whole numbers from 0. Without an id column, rows are numbered by their content, so their order does not matter
 * either. A fit is one Spark job of a barrier stage after the rows have been counted, checked and laid out; together, the executors must
 * hold all rows in memory, with a byte per feature. If the SparkContext has a checkpoint directory, a stage that is repeated after a
 * failure continues from the last checkpoint, otherwise from the start. docs/spark.md says what is sent, and when a cluster pays.
 *
 * <p>Driver and executors need Java 25 or newer with {@code --add-modules jdk.incubator.vector}; without the option they use slower code,
 * with the same bits. Not thread-safe, as usual with Spark's stages; several threads may call {@code fit} at the same time.
 */
public final class SpikingClassifier extends ProbabilisticClassifier<Vector, SpikingClassifier, SpikingClassifierModel>
        implements MLWritable {
    private static final long serialVersionUID = 1;

    private final String uid;
    private final SharedParams shared;
    private final FitParams own;

    /** A classifier with the default params. */
    public SpikingClassifier() {
        this(Identifiable.randomUID("spikingClassifier"));
    }

    /**
     * A classifier with the default params and this name.
     *
     * @param uid the name that distinguishes it from other stages
     */
    public SpikingClassifier(String uid) {
        // Spark's constructors call it.
        this.uid = uid;
        super();
        shared = new SharedParams(this);
        own = new FitParams(this);
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
    public SpikingClassifier setIdCol(String value) {
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
    public SpikingClassifier setFeatureMax(double value) {
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
    public SpikingClassifier setFeatureClip(boolean value) {
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
    public SpikingClassifier setDevice(String value) {
        set(shared.device, value);
        return this;
    }

    /** Param for the neurons of each hidden layer, 1 to 65536 each; one layer of 512 unless set. */
    public IntArrayParam hidden() {
        return own.hidden;
    }

    /** The neurons of each hidden layer, 1 to 65536 each; one layer of 512 unless set. */
    public int[] getHidden() {
        return getOrDefault(own.hidden);
    }

    /**
     * Sets the neurons of each hidden layer, 1 to 65536 each.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setHidden(int... value) {
        set(own.hidden, value);
        return this;
    }

    /** Param for the number of time steps for which a row is shown, 1 to 1000; 20 unless set. */
    public IntParam steps() {
        return own.steps;
    }

    /** The number of time steps for which a row is shown, 1 to 1000; 20 unless set. */
    public int getSteps() {
        return (Integer) getOrDefault(own.steps);
    }

    /**
     * Sets the number of time steps for which a row is shown, 1 to 1000.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setSteps(int value) {
        set(own.steps, value);
        return this;
    }

    /**
     * Param for the neurons before {@link #tau} and {@link #settings}, by {@link org.qlif.simulation.Preset}'s name; {@code 2025-08-24}
     * unless set.
     */
    public Param<String> preset() {
        return own.preset;
    }

    /** The neurons before {@link #tau} and {@link #settings}, by {@link org.qlif.simulation.Preset}'s name; {@code 2025-08-24} unless set. */
    public String getPreset() {
        return getOrDefault(own.preset);
    }

    /**
     * Sets the neurons before {@link #tau} and {@link #settings}, by {@link org.qlif.simulation.Preset}'s name.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setPreset(String value) {
        set(own.preset, value);
        return this;
    }

    /** Param for the neurons' membrane time constant in time steps, 1 to 1e6; 2 unless set. */
    public DoubleParam tau() {
        return own.tau;
    }

    /** The neurons' membrane time constant in time steps, 1 to 1e6; 2 unless set. */
    public double getTau() {
        return (Double) getOrDefault(own.tau);
    }

    /**
     * Sets the neurons' membrane time constant in time steps, 1 to 1e6.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setTau(double value) {
        set(own.tau, value);
        return this;
    }

    /** Param for changes of the preset, each a text such as {@code spike_value=SAMPLE}; nothing unless set. */
    public StringArrayParam settings() {
        return own.settings;
    }

    /** Changes of the preset, each a text such as {@code spike_value=SAMPLE}; nothing unless set. */
    public String[] getSettings() {
        return getOrDefault(own.settings);
    }

    /**
     * Sets changes of the preset, each a text such as {@code spike_value=SAMPLE}.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setSettings(String... value) {
        set(own.settings, value);
        return this;
    }

    /**
     * Param for the neurons' whole configuration, such as {@code QLIF tau=10 use_ahp=false}, instead of preset, tau and settings; not set
     * by default.
     */
    public Param<String> neuron() {
        return own.neuron;
    }

    /**
     * The neurons' whole configuration, such as {@code QLIF tau=10 use_ahp=false}, instead of preset, tau and settings; not set by default.
     */
    public String getNeuron() {
        return getOrDefault(own.neuron);
    }

    /**
     * Sets the neurons' whole configuration, such as {@code QLIF tau=10 use_ahp=false}, instead of preset, tau and settings.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setNeuron(String value) {
        set(own.neuron, value);
        return this;
    }

    /** Param for the number of passes over the rows, at least 1; 5 unless set. */
    public IntParam maxIter() {
        return own.maxIter;
    }

    /** The number of passes over the rows, at least 1; 5 unless set. */
    public int getMaxIter() {
        return (Integer) getOrDefault(own.maxIter);
    }

    /**
     * Sets the number of passes over the rows, at least 1.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setMaxIter(int value) {
        set(own.maxIter, value);
        return this;
    }

    /** Param for the rows of a training step, a multiple of 32 up to 2^20; 128 unless set. */
    public IntParam batchSize() {
        return own.batchSize;
    }

    /** The rows of a training step, a multiple of 32 up to 2^20; 128 unless set. */
    public int getBatchSize() {
        return (Integer) getOrDefault(own.batchSize);
    }

    /**
     * Sets the rows of a training step, a multiple of 32 up to 2^20.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setBatchSize(int value) {
        set(own.batchSize, value);
        return this;
    }

    /** Param for Adam's learning rate, above 0, at most 1; 5e-4 unless set. */
    public DoubleParam stepSize() {
        return own.stepSize;
    }

    /** Adam's learning rate, above 0, at most 1; 5e-4 unless set. */
    public double getStepSize() {
        return (Double) getOrDefault(own.stepSize);
    }

    /**
     * Sets Adam's learning rate, above 0, at most 1.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setStepSize(double value) {
        set(own.stepSize, value);
        return this;
    }

    /** Param for the factor applied to the learning rate after each pass, above 0, at most 1; 1 unless set. */
    public DoubleParam stepSizeDecay() {
        return own.stepSizeDecay;
    }

    /** The factor applied to the learning rate after each pass, above 0, at most 1; 1 unless set. */
    public double getStepSizeDecay() {
        return (Double) getOrDefault(own.stepSizeDecay);
    }

    /**
     * Sets the factor applied to the learning rate after each pass, above 0, at most 1.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setStepSizeDecay(double value) {
        set(own.stepSizeDecay, value);
        return this;
    }

    /** Param for the norm to which all gradients together are clipped, 0 for no clipping; 0.5 unless set. */
    public DoubleParam gradientClip() {
        return own.gradientClip;
    }

    /** The norm to which all gradients together are clipped, 0 for no clipping; 0.5 unless set. */
    public double getGradientClip() {
        return (Double) getOrDefault(own.gradientClip);
    }

    /**
     * Sets the norm to which all gradients together are clipped, 0 for no clipping.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setGradientClip(double value) {
        set(own.gradientClip, value);
        return this;
    }

    /** Param for the seed of all random numbers; 1 unless set. */
    public LongParam seed() {
        return own.seed;
    }

    /** The seed of all random numbers; 1 unless set. */
    public long getSeed() {
        return (Long) getOrDefault(own.seed);
    }

    /**
     * Sets the seed of all random numbers.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setSeed(long value) {
        set(own.seed, value);
        return this;
    }

    /** Param for the maximum random shift of a row in training, in pixels, 0 to 1000 and less than the image; 0 unless set. */
    public IntParam shift() {
        return own.shift;
    }

    /** The maximum random shift of a row in training, in pixels, 0 to 1000 and less than the image; 0 unless set. */
    public int getShift() {
        return (Integer) getOrDefault(own.shift);
    }

    /**
     * Sets the maximum random shift of a row in training, in pixels, 0 to 1000 and less than the image.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setShift(int value) {
        set(own.shift, value);
        return this;
    }

    /** Param for the width of a row as an image, in pixels, which {@link #shift} needs; 0 unless set. */
    public IntParam imageWidth() {
        return own.imageWidth;
    }

    /** The width of a row as an image, in pixels, which {@link #shift} needs; 0 unless set. */
    public int getImageWidth() {
        return (Integer) getOrDefault(own.imageWidth);
    }

    /**
     * Sets the width of a row as an image, in pixels, which {@link #shift} needs.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setImageWidth(int value) {
        set(own.imageWidth, value);
        return this;
    }

    /** Param for the maximum number of tasks of a fit; 0, the default, for as many as there are slots and blocks of 32 rows in a batch. */
    public IntParam tasks() {
        return own.tasks;
    }

    /** The maximum number of tasks of a fit; 0, the default, for as many as there are slots and blocks of 32 rows in a batch. */
    public int getTasks() {
        return (Integer) getOrDefault(own.tasks);
    }

    /**
     * Sets the maximum number of tasks of a fit.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setTasks(int value) {
        set(own.tasks, value);
        return this;
    }

    /**
     * Param for the passes between two checkpoints, at least 1, or -1 for none; 1 unless set. They are written if the SparkContext has a
     * checkpoint directory.
     */
    public IntParam checkpointInterval() {
        return own.checkpointInterval;
    }

    /**
     * The passes between two checkpoints, at least 1, or -1 for none; 1 unless set. They are written if the SparkContext has a checkpoint
     * directory.
     */
    public int getCheckpointInterval() {
        return (Integer) getOrDefault(own.checkpointInterval);
    }

    /**
     * Sets the passes between two checkpoints, at least 1, or -1 for none.
     *
     * @throws IllegalArgumentException if the value is out of its range
     */
    public SpikingClassifier setCheckpointInterval(int value) {
        set(own.checkpointInterval, value);
        return this;
    }

    @Override
    public SpikingClassifier copy(ParamMap extra) {
        return defaultCopy(extra);
    }

    /**
     * Checks params and columns.
     *
     * @throws IllegalArgumentException if a column is missing or of the wrong type, or the params don't fit together
     */
    @Override
    public StructType transformSchema(StructType schema) {
        own.requireConsistent();
        shared.requireIds(schema);
        return super.transformSchema(schema);
    }

    /**
     * Trains a network; called by {@code fit}.
     *
     * @throws IllegalArgumentException if there are no rows, or a row is bad: a missing value, a feature that is NaN or out of range, a
     *     label that is not a class, vectors of different sizes, an id that two rows have. The message names the first fault
     * @throws IllegalStateException if the cluster's configuration keeps tasks from working together, or the training diverges
     */
    @Override
    public SpikingClassifierModel train(Dataset<?> dataset) {
        SparkContext context = dataset.sparkSession().sparkContext();
        requireUsable(context);
        JavaRDD<LabeledRow> rows = rows(dataset).persist(StorageLevel.MEMORY_AND_DISK());
        @Nullable TrainingStore store = store(context);
        try {
            Survey survey = rows.aggregate(Survey.NONE, Survey::with, Survey::with);
            survey.requireUsable(getFeaturesCol());
            int classes = classes(dataset.schema().apply(getLabelCol()), survey);
            FitPlan plan = plan(survey, classes, store);
            Placement placement = new Placement((int) survey.rows(), plan.seed(), tasks(context, survey));
            JavaPairRDD<Integer, LabeledRow> placed = numbered(rows, survey)
                    .mapPartitionsToPair(some -> places(some, placement))
                    .partitionBy(new TaskPartitioner(placement));
            JavaRDD<FitOutcome> stage = placed.rdd()
                    .barrier()
                    .<FitOutcome>mapPartitions(
                            new FitTask(plan, placement), false, ClassTag$.MODULE$.apply(FitOutcome.class))
                    .toJavaRDD();
            // Spark repeats a barrier stage that fails if a shuffle follows, not if it is the last of its job.
            List<FitOutcome> outcomes = stage.mapToPair(outcome -> new Tuple2<>(0, outcome))
                    .partitionBy(new HashPartitioner(1))
                    .values()
                    .collect();
            return model(outcomes.getFirst());
        } finally {
            rows.unpersist(false);
            delete(store);
        }
    }

    private SpikingClassifierModel model(FitOutcome outcome) {
        if (outcome.refusal() != null) {
            throw new IllegalArgumentException(getIdCol() + ": " + outcome.refusal());
        }
        if (outcome.network() == null) {
            throw new IllegalStateException(
                    "training diverged " + outcome.divergence() + ": a smaller stepSize or gradientClip may help");
        }
        return new SpikingClassifierModel(uid, outcome.network());
    }

    /** Throws if Spark would not run tasks that communicate, or was told to encrypt communication. */
    private static void requireUsable(SparkContext context) {
        if (context.getConf().getBoolean("spark.dynamicAllocation.enabled", false)) {
            throw new IllegalStateException(
                    "spark.dynamicAllocation.enabled: got true, expected false: a fit is a barrier stage, for which"
                            + " Spark does not allocate executors");
        }
        for (String name : List.of("spark.network.crypto.enabled", "spark.ssl.rpc.enabled")) {
            if (context.getConf().getBoolean(name, false)) {
                throw new IllegalStateException(name
                        + ": got true, expected false: the tasks of a fit send each other rows and gradients that are"
                        + " not encrypted");
            }
        }
    }

    private JavaRDD<LabeledRow> rows(Dataset<?> dataset) {
        List<Column> columns = new ArrayList<>(List.of(functions.col(getFeaturesCol()), functions.col(getLabelCol())));
        String idCol = shared.idCol();
        if (idCol != null) {
            columns.add(functions.col(idCol).cast("long"));
        }
        return dataset.select(columns.toArray(Column[]::new))
                .toJavaRDD()
                .map(new RowReader(shared.levels(), getFeaturesCol(), getLabelCol(), idCol));
    }

    private @Nullable TrainingStore store(SparkContext context) {
        Option<String> folder = context.getCheckpointDir();
        if (folder.isEmpty() || getCheckpointInterval() == -1) {
            return null;
        }
        return new TrainingStore(
                folder.get() + "/qlif-fit-" + UUID.randomUUID(),
                new SerializableConfiguration(context.hadoopConfiguration()));
    }

    private static void delete(@Nullable TrainingStore store) {
        if (store != null) {
            try {
                store.delete();
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }
    }

    /** The number of classes in the label's metadata or, without it, in the rows; at least two. */
    private int classes(StructField label, Survey survey) {
        Option<Object> declared = MetadataUtils.getNumClasses(label);
        int needed = survey.greatestLabel() + 1;
        if (declared.isEmpty()) {
            return Math.max(2, needed);
        }
        int classes = Math.max(2, (Integer) declared.get());
        if (needed > classes) {
            throw new IllegalArgumentException(getLabelCol() + ": got class " + survey.greatestLabel()
                    + ", expected 0 to " + (classes - 1) + ", as the column's metadata say");
        }
        return classes;
    }

    private FitPlan plan(Survey survey, int classes, @Nullable TrainingStore store) {
        int inputs = survey.greatestWidth();
        if (getShift() > 0) {
            int width = getImageWidth();
            if (inputs % width != 0) {
                throw new IllegalArgumentException(
                        "imageWidth: got " + width + ", expected a divisor of " + inputs + ", the features of a row");
            }
            int most = Math.min(width, inputs / width) - 1;
            if (getShift() > most) {
                throw new IllegalArgumentException("shift: got " + getShift() + ", expected at most " + most
                        + " for images of " + inputs / width + "x" + width);
            }
        }
        return new FitPlan(
                inputs,
                Arrays.stream(getHidden()).boxed().toList(),
                classes,
                own.config().toString(),
                getSteps(),
                getSeed(),
                getBatchSize(),
                getStepSize(),
                getStepSizeDecay(),
                getGradientClip(),
                getMaxIter(),
                getShift(),
                getImageWidth(),
                getDevice(),
                store,
                getCheckpointInterval());
    }

    /** As many tasks as can run at the same time and have work. */
    private int tasks(SparkContext context, Survey survey) {
        int slots =
                context.maxNumConcurrentTasks(context.resourceProfileManager().defaultResourceProfile());
        long blocks = Math.ceilDiv(Math.min(getBatchSize(), survey.rows()), Trainer.BLOCK);
        long most = Math.max(1, Math.min(slots, blocks));
        return (int) (getTasks() == 0 ? most : Math.min(getTasks(), most));
    }

    /** Rows with their numbers: the ids if these are numbers of rows, else their positions when all rows are sorted. */
    private JavaPairRDD<Integer, LabeledRow> numbered(JavaRDD<LabeledRow> rows, Survey survey) {
        String idCol = shared.idCol();
        if (idCol != null && survey.hasRowNumbers()) {
            return rows.mapToPair(row -> new Tuple2<>((int) row.key(), row));
        }
        JavaRDD<LabeledRow> sorted = rows.sortBy(row -> row, true, rows.getNumPartitions());
        if (idCol != null) {
            // Equal keys are adjacent, in the same partition.
            List<Long> twice =
                    sorted.mapPartitions(SpikingClassifier::firstTwice).collect();
            if (!twice.isEmpty()) {
                throw new IllegalArgumentException(idCol + ": got " + twice.getFirst()
                        + " more than once, expected each row to have a number of its own");
            }
        }
        return sorted.zipWithIndex().mapToPair(row -> new Tuple2<>((int) (long) row._2(), row._1()));
    }

    private static Iterator<Long> firstTwice(Iterator<LabeledRow> rows) {
        LabeledRow last = null;
        while (rows.hasNext()) {
            LabeledRow row = rows.next();
            if (last != null && last.key() == row.key()) {
                return List.of(row.key()).iterator();
            }
            last = row;
        }
        return List.<Long>of().iterator();
    }

    /** Converts rows by number to rows by place. */
    private static Iterator<Tuple2<Integer, LabeledRow>> places(
            Iterator<Tuple2<Integer, LabeledRow>> rows, Placement placement) {
        int[] places = placement.places();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return rows.hasNext();
            }

            @Override
            public Tuple2<Integer, LabeledRow> next() {
                Tuple2<Integer, LabeledRow> row = rows.next();
                return new Tuple2<>(places[row._1()], row._2());
            }
        };
    }

    @Override
    public MLWriter write() {
        return new DefaultParamsWriter(this);
    }

    /** A reader of what {@link #write} has saved. */
    public static MLReader<SpikingClassifier> read() {
        return new DefaultParamsReader<>();
    }

    /** Reads what {@link #write} has saved to this folder. */
    public static SpikingClassifier load(String path) {
        return read().load(path);
    }
}
