// SPDX-License-Identifier: Apache-2.0
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.qlif.QlifConfig;
import org.qlif.djl.QlifBlock;
import org.qlif.djl.QlifTrainer;

/** Handwritten digits, learned by a spiking network in DJL: the folder of MNIST's files, images to train on, epochs. */
class SpikingDigits {
    private static final int STEPS = 10;

    public static void main(String[] args) throws Exception {
        train(Path.of(args[0]), Integer.parseInt(args[1]), Integer.parseInt(args[2]));
    }

    static float train(Path folder, int images, int epochs) throws Exception {
        QlifConfig neurons = QlifConfig.Preset.SNAPSHOT_2025_08_24
                .builder(QlifConfig.Decision.QUBIT)
                .tau(2)
                .build();
        SequentialBlock net = new SequentialBlock()
                .add(Linear.builder().setUnits(256).build()) // (B, 784): the same current at every step
                .addSingleton(current -> current.expandDims(0).repeat(0, STEPS)) // (T, B, 256)
                .add(QlifBlock.builder().optConfig(neurons).build())
                .add(Linear.builder().setUnits(128).build())
                .add(QlifBlock.builder().optConfig(neurons).build())
                .addSingleton(spikes -> spikes.mean(new int[] {0})) // (B, 128): the rate of each neuron
                .add(Linear.builder().setUnits(10).build());
        try (Model model = Model.newInstance("digits", "PyTorch")) {
            model.setBlock(net);
            DefaultTrainingConfig config = new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                    .optOptimizer(Optimizer.adam().optLearningRateTracker(Tracker.fixed(2e-3f)).build())
                    .addEvaluator(new Accuracy())
                    .addTrainingListeners(TrainingListener.Defaults.basic());
            try (QlifTrainer trainer = new QlifTrainer(model, config)) {
                trainer.initialize(new Shape(1, 784));
                ArrayDataset training = data(model, folder, "train", images);
                EasyTrain.fit(trainer, epochs, training, data(model, folder, "t10k", Math.min(images, 10_000)));
                float accuracy = trainer.getTrainingResult().getValidateEvaluation("Accuracy");
                System.out.println("right of the test images: " + accuracy);
                return accuracy;
            }
        }
    }

    private static ArrayDataset data(Model model, Path folder, String name, int images) throws Exception {
        NDArray pixels = read(model, folder.resolve(name + "-images-idx3-ubyte.gz"), 16, images * 784);
        NDArray labels = read(model, folder.resolve(name + "-labels-idx1-ubyte.gz"), 8, images);
        return new ArrayDataset.Builder()
                .setData(pixels.reshape(images, 784).div(50)) // brightest: a current of 5
                .optLabels(labels)
                .setSampling(128, true)
                .build();
    }

    private static NDArray read(Model model, Path file, int header, int count) throws Exception {
        float[] values = new float[count];
        try (InputStream bytes = new GZIPInputStream(Files.newInputStream(file))) {
            bytes.skipNBytes(header);
            for (int i = 0; i < count; i++) {
                values[i] = bytes.read();
            }
        }
        return model.getNDManager().create(values);
    }
}
