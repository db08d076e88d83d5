// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.qlif.DType;
import org.qlif.LifConfig;
import org.qlif.LifLayer;
import org.qlif.LifParameter;
import org.qlif.QlifConfig;
import org.qlif.QlifLayer;
import org.qlif.QlifParameter;
import org.qlif.QlifVariable;
import org.qlif.StatePolicy;
import org.qlif.Tape;
import org.qlif.Tensor;
import org.qlif.io.Safetensors;
import org.qlif.network.Batch;
import org.qlif.network.Checkpoint;
import org.qlif.network.Loss;
import org.qlif.network.Network;
import org.qlif.network.PoissonEncoder;
import org.qlif.network.SpikeInput;
import org.qlif.network.Trainer;

/**
 * Checkpoints that cross between Python and the JVM, {@code data/checkpoints}: each goes on here with the bits that stand beside it. What the JVM
 * wrote is read by Python's tests; {@link #main} writes it.
 */
final class PythonCheckpointTest {
    private static final Path FOLDER = Golden.folder().resolveSibling("data").resolve("checkpoints");
    private static final int STEPS = 10;
    private static final int BATCH = 3;
    private static final int NEURONS = 6;

    private static Path file(String name) {
        return FOLDER.resolve(name + ".safetensors");
    }

    private static Safetensors expected(String name) throws IOException {
        return Safetensors.read(FOLDER.resolve(name + ".expected.safetensors"));
    }

    private static void same(Safetensors expected, String name, Tensor got) {
        assertThat(got.toFloatArray()).as(name).isEqualTo(expected.tensor(name).toFloatArray());
    }

    @ParameterizedTest
    @ValueSource(strings = {"python-layer", "java-layer"})
    void aLayerGoesOn(String name) throws IOException {
        Safetensors expected = expected(name);
        for (String device : new String[] {"cpu:scalar", "cpu:simd"}) {
            try (QlifLayer layer = QlifLayer.load(file(name))
                    .device(device)
                    .training(Tape.Mode.COMPACT)
                    .build()) {
                QlifLayer.Output out = layer.forward(expected.tensor("input"));
                check(expected, out);
                Tensor ones = Tensor.zeros(DType.F32, expected.shape("input"));
                ones.fill(1);
                QlifLayer.Gradients gradients = layer.backward(ones, null);
                same(expected, "grad_input", gradients.input());
                same(expected, "grad_v_th", gradients.parameters().get(QlifParameter.V_TH));
                float[] statistics = expected.tensor("statistics").toFloatArray();
                assertThat(layer.statistics().get(QlifVariable.RATE).toFloatArray())
                        .isEqualTo(Arrays.copyOf(statistics, NEURONS));
                assertThat(layer.statistics().get(QlifVariable.HOMEOSTASIS).toFloatArray())
                        .isEqualTo(Arrays.copyOfRange(statistics, NEURONS, 2 * NEURONS));
            }
        }
    }

    private static void check(Safetensors expected, QlifLayer.Output out) {
        same(expected, "spike_values", out.spikeValues());
        same(expected, "voltages", out.voltages());
        byte[] spikes = bytes(expected.tensor("spikes"));
        float[] fired = out.spikes().toFloatArray();
        for (int i = 0; i < spikes.length; i++) {
            assertThat(fired[i]).as("spike %d", i).isEqualTo(spikes[i]);
        }
        assertThat(spikes).contains(1);
    }

    private static byte[] bytes(Tensor tensor) {
        return tensor.segment().toArray(ValueLayout.JAVA_BYTE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"python-state", "java-state"})
    void aRunGoesOn(String name) throws IOException {
        Safetensors expected = expected(name);
        try (QlifLayer layer = QlifLayer.load(file(name))
                .device("cpu")
                .state(StatePolicy.STREAM)
                .build()) {
            assertThat(layer.state().step()).isEqualTo(3);
            check(expected, layer.forward(expected.tensor("input")));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"python-lif", "java-lif"})
    void aLifLayerGoesOn(String name) throws IOException {
        Safetensors expected = expected(name);
        try (LifLayer layer = LifLayer.load(file(name)).device("cpu").build()) {
            assertThat(layer.learnable()).containsExactlyInAnyOrder(LifParameter.TAU_MEM_INV, LifParameter.V_TH);
            same(expected, "voltages", layer.forward(expected.tensor("input")).voltages());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"python-network", "python-network-nn", "java-network"})
    void aNetworkGivesTheSame(String name) throws IOException {
        Safetensors expected = expected(name);
        Checkpoint checkpoint = Checkpoint.read(file(name));
        Tensor images = expected.tensor("images");
        try (Trainer trainer = Trainer.builder(checkpoint.network())
                .seed(checkpoint.seed())
                .device("cpu")
                .build()) {
            Given given = new Given(expected.tensor("spikes"));
            float[] outputs = trainer.outputs(batch(given));
            int width = (int) images.extent(1);
            PoissonEncoder encoder =
                    new PoissonEncoder(bytes(images), width, checkpoint.steps().orElseThrow());
            float[] ofImages = trainer.outputs(batch(encoder));
            if (name.endsWith("-nn")) {
                // The sums of nn.Linear have another order.
                close(outputs, expected.tensor("outputs").toFloatArray());
                close(ofImages, expected.tensor("image_outputs").toFloatArray());
            } else {
                assertThat(outputs).isEqualTo(expected.tensor("outputs").toFloatArray());
                assertThat(ofImages).isEqualTo(expected.tensor("image_outputs").toFloatArray());
            }
        }
    }

    private static void close(float[] got, float[] expected) {
        assertThat(got).hasSameSizeAs(expected);
        for (int i = 0; i < got.length; i++) {
            assertThat(got[i]).as("output %d", i).isCloseTo(expected[i], within(1e-4f));
        }
    }

    private static Batch batch(SpikeInput input) {
        return new Batch(
                input,
                Loss.crossEntropy(new int[input.rows()]),
                IntStream.range(0, input.rows()).toArray());
    }

    /** Spikes, {@code U8 (T, B, K)}, as the rows of an input. */
    private record Given(Tensor spikes) implements SpikeInput {
        @Override
        public int rows() {
            return (int) spikes.extent(1);
        }

        @Override
        public int steps() {
            return (int) spikes.extent(0);
        }

        @Override
        public int width() {
            return (int) spikes.extent(2);
        }

        @Override
        public void encode(long key, int[] rows, int from, int count, Tensor to) {
            byte[] given = bytes(spikes);
            int words = (count * width() + 63) / 64;
            long[] bits = new long[steps() * words];
            for (int t = 0; t < steps(); t++) {
                for (int b = 0; b < count; b++) {
                    for (int k = 0; k < width(); k++) {
                        long set = given[(t * rows() + rows[from + b]) * width() + k];
                        int element = b * width() + k;
                        bits[t * words + element / 64] |= set << element;
                    }
                }
            }
            to.copyFrom(Tensor.of(bits, steps(), count, width()));
        }
    }

    /** Writes the JVM's files. */
    public static void main(String[] arguments) throws IOException {
        writeLayer();
        writeState();
        writeLif();
        writeNetwork();
    }

    private static Tensor current(int seed, int steps) {
        Random random = new Random(seed);
        float[] values = new float[steps * BATCH * NEURONS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (1.5 + 3 * random.nextGaussian());
        }
        return Tensor.of(values, steps, BATCH, NEURONS);
    }

    private static Tensor bytes(Tensor spikes, long... shape) {
        float[] fired = spikes.toFloatArray();
        Tensor made = Tensor.zeros(DType.U8, shape);
        for (int i = 0; i < fired.length; i++) {
            made.segment().set(ValueLayout.JAVA_BYTE, i, (byte) fired[i]);
        }
        return made;
    }

    private static void vary(Tensor tensor, int seed) {
        Random random = new Random(seed);
        for (int i = 0; i < tensor.elements(); i++) {
            tensor.setFloat(i, tensor.getFloat(i) * (0.9f + 0.2f * random.nextFloat()));
        }
    }

    private static void keep(String name, Map<String, Tensor> tensors) throws IOException {
        Safetensors.write(FOLDER.resolve(name + ".expected.safetensors"), Map.of(), tensors);
    }

    private static void writeLayer() throws IOException {
        QlifConfig config = QlifConfig.parse("QLIF homeostasis_lr=0.1 homeostasis_tau=10.0 tau=8.0");
        try (QlifLayer layer = QlifLayer.builder(NEURONS).config(config).device("cpu:scalar").seed(-42).stream(-3)
                .learn(QlifParameter.V_TH, QlifParameter.TAU)
                .training(Tape.Mode.VOLTAGE)
                .build()) {
            vary(layer.parameters().get(QlifParameter.V_TH), 1);
            vary(layer.parameters().get(QlifParameter.TAU), 2);
            vary(layer.parameters().get(QlifParameter.ETA), 3);
            layer.forward(current(4, STEPS));
            layer.evaluate(current(5, STEPS));
            layer.save(file("java-layer"));
            Map<String, Tensor> kept = new LinkedHashMap<>();
            Tensor input = current(6, STEPS);
            kept.put("tested", layer.evaluate(input).voltages());
            QlifLayer.Output out = layer.forward(input);
            kept.put("input", input);
            put(kept, out, STEPS);
            Tensor ones = Tensor.zeros(DType.F32, STEPS, BATCH, NEURONS);
            ones.fill(1);
            QlifLayer.Gradients gradients = layer.backward(ones, null);
            kept.put("grad_input", gradients.input());
            kept.put("grad_v_th", gradients.parameters().get(QlifParameter.V_TH));
            Tensor statistics = Tensor.zeros(DType.F32, 2, NEURONS);
            for (int n = 0; n < NEURONS; n++) {
                statistics.setFloat(n, layer.statistics().get(QlifVariable.RATE).getFloat(n));
                statistics.setFloat(
                        NEURONS + n,
                        layer.statistics().get(QlifVariable.HOMEOSTASIS).getFloat(n));
            }
            kept.put("statistics", statistics);
            kept.put("next", layer.forward(input).voltages());
            keep("java-layer", kept);
        }
    }

    private static void put(Map<String, Tensor> kept, QlifLayer.Output out, int steps) {
        kept.put("spikes", bytes(out.spikes(), steps, BATCH, NEURONS));
        kept.put("spike_values", out.spikeValues());
        kept.put("voltages", out.voltages());
    }

    private static void writeState() throws IOException {
        try (QlifLayer layer = QlifLayer.builder(NEURONS)
                .config(QlifConfig.Preset.SNAPSHOT_2025_08_24
                        .builder(QlifConfig.Decision.QUBIT)
                        .build())
                .device("cpu:scalar")
                .seed(5)
                .stream(1)
                .state(StatePolicy.STREAM)
                .build()) {
            layer.forward(current(7, 3));
            layer.save(file("java-state"));
            Tensor input = current(8, STEPS);
            Map<String, Tensor> kept = new LinkedHashMap<>(Map.of("input", input));
            put(kept, layer.forward(input), STEPS);
            keep("java-state", kept);
        }
    }

    private static void writeLif() throws IOException {
        try (LifLayer layer = LifLayer.builder(NEURONS)
                .config(LifConfig.parse("LIF v_th=0.3"))
                .device("cpu:scalar")
                .learn(LifParameter.V_TH, LifParameter.TAU_MEM_INV)
                .build()) {
            vary(layer.parameters().get(LifParameter.TAU_MEM_INV), 9);
            layer.save(file("java-lif"));
            Tensor input = current(10, STEPS);
            keep(
                    "java-lif",
                    Map.of("input", input, "voltages", layer.forward(input).voltages()));
        }
    }

    private static void writeNetwork() throws IOException {
        Network network = Network.builder(20)
                .linear(NEURONS)
                .neurons(QlifConfig.parse("QLIF homeostasis_lr=0.1"), QlifParameter.V_TH)
                .linear(5)
                .neurons(LifConfig.parse("LIF v_th=0.1"))
                .readout(4)
                .seed(3)
                .build();
        Random random = new Random(11);
        byte[] pixels = new byte[40 * 20];
        random.nextBytes(pixels);
        PoissonEncoder encoder = new PoissonEncoder(pixels, 20, STEPS);
        Tensor spikes = Tensor.zeros(DType.U8, STEPS, BATCH, 20);
        for (int i = 0; i < spikes.elements(); i++) {
            spikes.segment().set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt(2));
        }
        Tensor weight = network.get("0.weight");
        for (int i = 0; i < weight.elements(); i++) {
            weight.setFloat(i, 8 * weight.getFloat(i));
        }
        try (Trainer trainer =
                Trainer.builder(network).seed(-9).device("cpu:scalar").build()) {
            trainer.train(batch(encoder));
            trainer.train(batch(encoder));
            Checkpoint.of(trainer)
                    .steps(STEPS)
                    .place(new Checkpoint.Place(40, 1, 40, 2, 0))
                    .extra("note", "a network in training")
                    .write(file("java-network"));
            keep(
                    "java-network",
                    Map.of(
                            "spikes", spikes,
                            "outputs", Tensor.of(trainer.outputs(batch(new Given(spikes))), BATCH, 4),
                            "images", Tensor.of(pixels, 40, 20),
                            "image_outputs", Tensor.of(trainer.outputs(batch(encoder)), 40, 4)));
        }
    }
}
