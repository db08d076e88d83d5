// SPDX-License-Identifier: Apache-2.0
// Handwritten digits, learned by a spiking network: encoder, linear layer, neurons, readout, Adam.
//
//     examples/run TrainDigits [IMAGES [EPOCHS]]

import java.util.zip.GZIPInputStream;
import org.qlif.QlifConfig;
import org.qlif.QlifParameter;
import org.qlif.network.*;

final int pixels = 28 * 28;

void main(String[] args) throws IOException {
    int images = args.length > 0 ? Integer.parseInt(args[0]) : 10_000; // of 60,000
    int epochs = args.length > 1 ? Integer.parseInt(args[1]) : 3;
    int tests = Math.min(images, 10_000);

    Network network = Network.builder(pixels)
            .linear(256)
            .neurons(QlifConfig.defaults(), QlifParameter.V_TH) // the thresholds are learned, too
            .readout(10) // of the mean over time
            .build();
    Batch train = data("train", images);
    Batch test = data("t10k", tests);
    DataOrder order = new DataOrder(images, 42);
    try (Trainer trainer = Trainer.builder(network).adam(new Adam(2e-3)).clip(1).seed(42).build()) {
        System.out.println("training on " + trainer.device());
        for (int epoch = 0; epoch < epochs; epoch++) {
            int[] rows = order.epoch(epoch); // shuffled
            double loss = 0;
            for (int from = 0; from < images; from += 128) {
                int[] batch = Arrays.copyOfRange(rows, from, Math.min(images, from + 128));
                loss += trainer.train(new Batch(train.input(), train.loss(), batch)).loss() * batch.length / images;
            }
            System.out.printf(Locale.ROOT, "epoch %d: loss %.3f, right of %d test images: %.1f %%%n",
                    epoch + 1, loss, tests, 100 * trainer.test(test).accuracy());
        }
    }
}

/** The first images of a data set: Poisson spikes over 20 steps, more of them for brighter pixels. */
Batch data(String name, int images) throws IOException {
    byte[] intensities = read(name + "-images-idx3-ubyte.gz", 16, images * pixels);
    byte[] digits = read(name + "-labels-idx1-ubyte.gz", 8, images);
    int[] labels = IntStream.range(0, images).map(i -> digits[i]).toArray();
    return new Batch(new PoissonEncoder(intensities, pixels, 20), Loss.crossEntropy(labels), IntStream.range(0, images).toArray());
}

byte[] read(String name, int header, int count) throws IOException {
    try (InputStream file = new GZIPInputStream(Files.newInputStream(Path.of("data/mnist", name)))) {
        file.skipNBytes(header);
        return file.readNBytes(count);
    }
}
